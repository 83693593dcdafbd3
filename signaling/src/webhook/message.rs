//! A message is an event on its way to a target: what tells it apart, and what it says.

use crate::{protocol::outside::EventJson, store::StoredEvent};

/// What tells this delivery apart: the same at each try, and another one for the same number in another file.
pub(super) fn id(event: &StoredEvent) -> String {
    format!("EV_{}_{:x}", event.id, event.at_ms)
}

/// The body of a delivery.
pub(super) fn body(event: &StoredEvent) -> String {
    let StoredEvent { id, room, seq, at_ms, kind, body } = event;
    EventJson { event_id: *id, kind, room: room.as_deref(), seq: *seq, at_ms: *at_ms, data: body.as_deref() }.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(body: &str) -> StoredEvent {
        StoredEvent {
            id: 123,
            room: Some("demo".to_owned()),
            seq: 17,
            at_ms: 1_790_000_000_000,
            kind: "seat.changed".to_owned(),
            body: Some(body.to_owned()),
        }
    }

    #[test]
    fn an_event_is_told_with_its_body_as_it_is() {
        let told = event(r#"{"type":"seat_changed","seat": {"index":1.50}}"#);
        assert_eq!(
            body(&told),
            r#"{"event_id":123,"type":"seat.changed","room":"demo","seq":17,"at_ms":1790000000000,"data":{"type":"seat_changed","seat": {"index":1.50}}}"#
        );
        assert_eq!(id(&told), "EV_123_1a0c4506c00");
    }
}
