//! What the latency monitor found out and did, as it is told outside.

use serde::Serialize;

use crate::{
    ids::Identity,
    monitor::{Budgeted, LatencyAct, LatencyEvent},
};

/// The body of such an event.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "LatencyEvent"))]
#[serde(tag = "type")]
pub(crate) enum Told<'a> {
    /// A promise about delays is broken.
    #[serde(rename = "latency_breached")]
    Breached(BudgetJson<'a>),
    /// It is kept again.
    #[serde(rename = "latency_recovered")]
    Recovered(BudgetJson<'a>),
    /// The server has done something about it.
    #[serde(rename = "latency_acted")]
    Acted(ActJson<'a>),
}

/// How it stands with a budget. Whose room it is stands beside it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Budget"))]
pub(crate) struct BudgetJson<'a> {
    /// Which promise.
    budget: &'static str,
    /// Whom it is about, if it is about a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'a Identity>,
    /// What was measured.
    value: f64,
    /// What was promised.
    limit: f64,
    /// The unit of both.
    unit: &'static str,
    /// What causes most of it, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
}

/// What was done about it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "LatencyAct"))]
pub(crate) struct ActJson<'a> {
    /// What.
    act: &'static str,
    /// Why.
    why: &'static str,
    /// Whom it is about, if it is about a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'a Identity>,
}

/// What such an event is called outside.
#[must_use]
pub fn latency_kind(event: &LatencyEvent) -> &'static str {
    match event {
        LatencyEvent::Breached(_) => "latency.breached",
        LatencyEvent::Recovered(_) => "latency.recovered",
        LatencyEvent::Acted(_) => "latency.acted",
    }
}

/// Its body.
#[must_use]
pub fn latency_event(event: &LatencyEvent) -> String {
    let told = match event {
        LatencyEvent::Breached(budgeted) => Told::Breached(budget(budgeted)),
        LatencyEvent::Recovered(budgeted) => Told::Recovered(budget(budgeted)),
        LatencyEvent::Acted(LatencyAct { act, why, room: _, identity }) => {
            Told::Acted(ActJson { act, why, identity: identity.as_ref() })
        }
    };
    serde_json::to_string(&told).expect("what is told has string keys")
}

fn budget(budgeted: &Budgeted) -> BudgetJson<'_> {
    let Budgeted { budget, room: _, identity, value, limit, unit, cause } = budgeted;
    BudgetJson {
        budget,
        identity: identity.as_ref(),
        value: thousandths(*value),
        limit: thousandths(*limit),
        unit,
        cause: *cause,
    }
}

/// No measurement is better than that. What is no number is told as 0: JSON has no word for it.
fn thousandths(value: f64) -> f64 {
    if value.is_finite() { (value * 1000.0).round() / 1000.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use crate::{ids::RoomId, protocol::server::KINDS};

    #[test]
    fn each_says_what_and_why_and_has_a_kind() {
        let ben = Some(Identity::parse("ben").unwrap());
        let demo = Some(RoomId::parse("demo").unwrap());
        let join = Budgeted {
            budget: "join",
            room: None,
            identity: None,
            value: 712.123_456,
            limit: 600.0,
            unit: "ms",
            cause: Some("ice"),
        };
        let lag = Budgeted { budget: "mouth_to_ear", room: demo.clone(), identity: ben.clone(), ..join.clone() };
        let act = LatencyAct { act: "flag_participant", why: "mouth_to_ear", room: demo, identity: ben };
        let numbers = r#""value":712.123,"limit":600.0,"unit":"ms","cause":"ice""#;
        for (event, kind, text) in [
            (
                LatencyEvent::Breached(join.clone()),
                "latency.breached",
                format!(r#"{{"type":"latency_breached","budget":"join",{numbers}}}"#),
            ),
            (
                LatencyEvent::Recovered(lag),
                "latency.recovered",
                format!(r#"{{"type":"latency_recovered","budget":"mouth_to_ear","identity":"ben",{numbers}}}"#),
            ),
            (
                LatencyEvent::Acted(act),
                "latency.acted",
                r#"{"type":"latency_acted","act":"flag_participant","why":"mouth_to_ear","identity":"ben"}"#.to_owned(),
            ),
        ] {
            assert_eq!((latency_kind(&event), latency_event(&event)), (kind, text));
            assert!(KINDS.contains(&kind), "{kind}");
        }
        let none = Budgeted { value: f64::NAN, limit: f64::INFINITY, cause: None, ..join };
        let text = latency_event(&LatencyEvent::Breached(none));
        assert!(text.contains(r#""value":0.0,"limit":0.0"#), "{text}");
    }
}
