//! A message is an event as it is told outside: a JSON object with where, when and what.

use serde::{Serialize, de::IgnoredAny};

use crate::store::StoredEvent;

/// What tells this delivery apart: the same at each try, and another one for the same number in another file.
pub(super) fn id(event: &StoredEvent) -> String {
    format!("EV_{}_{:x}", event.id, event.at_ms)
}

/// The body of a delivery.
pub(super) fn body(event: &StoredEvent) -> String {
    let sound = event.body.as_deref().filter(|body| serde_json::from_str::<IgnoredAny>(body).is_ok());
    let frame = Frame {
        event_id: event.id,
        kind: &event.kind,
        room: event.room.as_deref(),
        seq: event.seq,
        at_ms: event.at_ms,
        is_damaged: sound.is_none(),
    };
    let mut message = serde_json::to_string(&frame).expect("strings and numbers are always JSON");
    if let Some(body) = sound {
        message.pop();
        // As it was told: not parsed and written anew.
        message.extend([",\"data\":", body, "}"]);
    }
    message
}

/// All of a message but what happened.
#[derive(Serialize)]
struct Frame<'a> {
    event_id: u64,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    seq: u64,
    at_ms: u64,
    /// The store found that the event is not as it was written: that it happened is known, what it was is not.
    #[serde(rename = "damaged", skip_serializing_if = "std::ops::Not::not")]
    is_damaged: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(body: Option<&str>) -> StoredEvent {
        StoredEvent {
            id: 123,
            room: Some("demo".to_owned()),
            seq: 17,
            at_ms: 1_790_000_000_000,
            kind: "seat.changed".to_owned(),
            body: body.map(str::to_owned),
        }
    }

    #[test]
    fn an_event_is_told_with_its_body_as_it_is() {
        let told = event(Some(r#"{"type":"seat_changed","seat": {"index":1.50}}"#));
        assert_eq!(
            body(&told),
            r#"{"event_id":123,"type":"seat.changed","room":"demo","seq":17,"at_ms":1790000000000,"data":{"type":"seat_changed","seat": {"index":1.50}}}"#
        );
        assert_eq!(id(&told), "EV_123_1a0c4506c00");
    }

    #[test]
    fn a_damaged_event_is_told_as_such() {
        let damaged =
            r#"{"event_id":123,"type":"seat.changed","room":"demo","seq":17,"at_ms":1790000000000,"damaged":true}"#;
        assert_eq!(body(&event(None)), damaged);
        assert_eq!(body(&event(Some("{\"type\":"))), damaged);
    }

    #[test]
    fn what_concerns_no_room_names_none() {
        let told = StoredEvent { room: None, seq: 0, ..event(Some("{}")) };
        assert_eq!(body(&told), r#"{"event_id":123,"type":"seat.changed","seq":0,"at_ms":1790000000000,"data":{}}"#);
    }
}
