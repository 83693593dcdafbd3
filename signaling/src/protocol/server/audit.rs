//! An act of moderation as the audit log has it, and as the event that it is outside.
//!
//! By whom, on whom and why stand beside the details, never in them: so a person can be taken out of the log without reading the details.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::kind::KINDS;
use crate::{
    ids::Identity,
    protocol::view::millis,
    room::{Act, Audit, InviteName, RoomChange},
};

/// The rest of the command, as a JSON object.
#[must_use]
pub fn audit_details(audit: &Audit) -> String {
    details(&audit.act).to_string()
}

/// As what someone did it: `admin` for a back end, else their rank.
#[must_use]
pub fn audit_role(audit: &Audit) -> &'static str {
    if audit.is_admin { "admin" } else { audit.rank.code() }
}

/// Why it was done, if the command says so.
#[must_use]
pub fn audit_reason(act: &Act) -> Option<&str> {
    if let Act::MemberKick { reason, .. } | Act::MemberBan { reason, .. } = act { reason.as_deref() } else { None }
}

/// The body of the event that tells of it outside.
#[must_use]
pub fn moderation_event(audit: &Audit) -> String {
    let event = ModerationEvent {
        kind: "moderation",
        act: audit.act.code(),
        by: &audit.by,
        role: audit_role(audit),
        on: audit.on.as_ref(),
        reason: audit_reason(&audit.act),
        details: details(&audit.act),
    };
    serde_json::to_string(&event).expect("events have string keys and finite numbers")
}

/// A host, cohost or back end has moderated.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ModerationEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// What they did: the type of the command.
    act: &'static str,
    /// Who did it.
    by: &'a Identity,
    /// As what: `host`, `cohost`, `member`, or `admin` for a back end.
    role: &'static str,
    /// On whom, if on someone.
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<&'a Identity>,
    /// Why, if they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    details: Value,
}

/// What an act of moderation is called outside; none, if it is something that people do for themselves.
#[must_use]
pub fn moderation_kind(act: &Act) -> Option<&'static str> {
    KINDS.iter().copied().find(|kind| kind.strip_prefix("moderation.") == Some(act.code()))
}

/// What a command says beside its type, on whom it is and why: the fields as the command has them. What was not said is absent.
fn details(act: &Act) -> Value {
    let fields = match act {
        Act::SeatMove { seat, identity: _ } => json!({"seat": seat}),
        Act::SeatSwap { seat, with } => json!({"seat": seat, "with": with}),
        Act::SeatLock { seat, evict, expect_rev } => json!({"seat": seat, "evict": evict, "expect_rev": expect_rev}),
        Act::SeatAssign { seat, identity: _, expect_rev }
        | Act::SeatUnlock { seat, expect_rev }
        | Act::SeatMute { seat, expect_rev }
        | Act::SeatUnmute { seat, expect_rev }
        | Act::SeatKick { seat, expect_rev } => json!({"seat": seat, "expect_rev": expect_rev}),
        Act::MemberKick { identity: _, deny, reason: _ } => json!({"deny": deny}),
        Act::MemberMute { identity: _, lasts } | Act::MemberBan { identity: _, reason: _, lasts } => {
            json!({"for_ms": lasts.map(millis)})
        }
        Act::MemberRank { identity: _, rank } => json!({"rank": rank.code()}),
        Act::InviteSend { identity: _, seat, hold } => json!({"seat": seat, "hold": hold}),
        Act::InviteRevoke(InviteName::Id(invite)) => json!({"invite": invite}),
        Act::RoomUpdate(change) => changed(change),
        Act::RoomClose { notice } => json!({"notice_ms": millis(*notice)}),
        Act::HandApprove { identity: _ }
        | Act::HandDeny { identity: _ }
        | Act::HandNext
        | Act::HandsLowerAll
        | Act::MemberUnmute { identity: _ }
        | Act::ModerationForget { identity: _ }
        | Act::MemberUnban { identity: _ }
        | Act::HostTransfer { to: _ }
        | Act::InviteRevoke(InviteName::To(_))
        | Act::Leave
        | Act::SeatTake { .. }
        | Act::SeatLeave
        | Act::SeatConfirm { .. }
        | Act::SeatDecline { .. }
        | Act::HandRaise { .. }
        | Act::HandLower
        | Act::HostAccept
        | Act::HostDecline
        | Act::InviteAccept { .. }
        | Act::InviteDecline { .. }
        | Act::Prefs { .. }
        | Act::Reaction { .. }
        | Act::Message { .. }
        | Act::MuteSelf { .. } => Value::Object(Map::new()),
    };
    without_nulls(fields)
}

fn changed(change: &RoomChange) -> Value {
    let RoomChange { seat_mode, hands, interrupt, auto_offer, turn, promote, duplicates, go_live } = change;
    json!({
        "seat_mode": seat_mode.map(|mode| mode.code()),
        "hands": hands.map(|is_on| if is_on { "on" } else { "off" }),
        "interrupt": interrupt.map(|mode| mode.code()),
        "auto_offer": auto_offer,
        "turn_ms": turn.map(|turn| turn.map_or(0, millis)),
        "promote": promote.map(|whom| whom.code()),
        "duplicates": duplicates.map(|what| what.code()),
        "phase": go_live.then_some("live"),
    })
}

fn without_nulls(mut fields: Value) -> Value {
    if let Value::Object(fields) = &mut fields {
        fields.retain(|_, value| !value.is_null());
    }
    fields
}
