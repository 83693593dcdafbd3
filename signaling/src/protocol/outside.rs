//! What has happened, as it is told outside: by webhooks and by whoever reads the logs again.
//!
//! An event's body is text that was written when it happened. It is put in as it is, so whoever is told of an event twice is told the same.

use serde::Serialize;

/// One event: the body of a webhook, and an item of `GET /v1/events`.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "LoggedEvent"))]
pub struct EventJson<'a> {
    /// Its number. It grows over all rooms.
    pub event_id: u64,
    /// Its kind: `seat.changed`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// In which room, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::ids::RoomId>"))]
    pub room: Option<&'a str>,
    /// Its number in the room's log, or that of the last event before it that has one.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What happened: a JSON object. None if what is kept of it is damaged.
    #[serde(skip)]
    pub data: Option<&'a str>,
}

impl EventJson<'_> {
    /// The JSON object.
    #[must_use]
    pub fn text(&self) -> String {
        with_member(serde_json::to_string(self).expect("events have string keys"), "data", self.data)
    }
}

/// One act of moderation: an item of `GET /v1/audit`.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "LoggedAct"))]
pub struct AuditJson<'a> {
    /// Its number. It grows over all rooms.
    pub audit_id: u64,
    /// In which room.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::ids::RoomId>"))]
    pub room: Option<&'a str>,
    /// The last event of the room's log when it was done.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who did it.
    pub by: &'a str,
    /// As what: `host`, `cohost`, `member`, or `admin` for a back end.
    pub role: &'a str,
    /// Whether it was asked by HTTP.
    pub from_outside: bool,
    /// What: the type of the command.
    pub act: &'a str,
    /// On whom, if on someone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<&'a str>,
    /// Why, if they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// The rest of the command: a JSON object. None if what is kept of it is damaged.
    #[serde(skip)]
    pub details: Option<&'a str>,
}

impl AuditJson<'_> {
    /// The JSON object.
    #[must_use]
    pub fn text(&self) -> String {
        with_member(serde_json::to_string(self).expect("acts have string keys"), "details", self.details)
    }
}

/// A page of such objects, and after which number it goes on, if there are more.
#[must_use]
pub fn page(items: impl IntoIterator<Item = String>, next: Option<u64>) -> String {
    let next = next.map_or_else(|| "null".to_owned(), |next| next.to_string());
    format!(r#"{{"items":{},"next":{next}}}"#, list(items))
}

/// Everything that is kept about someone: the answer to `GET /v1/people/{identity}/data`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "PersonData"))]
pub struct PersonJson<'a> {
    /// Who.
    #[cfg_attr(test, schemars(with = "crate::ids::Identity"))]
    pub identity: &'a str,
    /// The rooms where they are at this moment.
    #[cfg_attr(test, schemars(with = "Vec<crate::ids::RoomId>"))]
    pub present_in: Vec<&'a str>,
    /// What rooms have written down about them.
    pub records: Vec<RecordJson<'a>>,
    /// How many answers to requests with an idempotency key of theirs are kept.
    pub answers: u64,
    /// There is more than one answer can hold.
    pub truncated: bool,
}

/// One row of a room's record.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Record"))]
pub struct RecordJson<'a> {
    /// Whose record; absent: it holds in all rooms.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::ids::RoomId>"))]
    pub room: Option<&'a str>,
    /// What it is about: `ban:ben`.
    pub key: &'a str,
    /// What it says.
    pub value: serde_json::Value,
}

impl PersonJson<'_> {
    /// The JSON object, with what happened to them.
    #[must_use]
    pub fn text(&self, events: impl IntoIterator<Item = String>, audits: impl IntoIterator<Item = String>) -> String {
        let head = serde_json::to_string(self).expect("records have string keys and finite numbers");
        let head = head.strip_suffix('}').unwrap_or(&head);
        format!(r#"{head},"events":{},"audit":{}}}"#, list(events), list(audits))
    }
}

/// What has become of what was kept about someone: the answer to `DELETE /v1/people/{identity}/data`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Erased"))]
pub struct ErasedJson<'a> {
    /// Who.
    #[cfg_attr(test, schemars(with = "crate::ids::Identity"))]
    pub identity: &'a str,
    /// How many rows were changed.
    pub rows: u64,
    /// The rooms whose ban of them was lifted.
    #[cfg_attr(test, schemars(with = "Vec<crate::ids::RoomId>"))]
    pub unbanned_in: Vec<&'a str>,
    /// The rooms where they are at this moment: what these need of them stays until they leave.
    #[cfg_attr(test, schemars(with = "Vec<crate::ids::RoomId>"))]
    pub present_in: Vec<&'a str>,
}

/// An object of ours, with a text in it that is one, too; without it, it says that it is damaged.
fn with_member(object: String, name: &str, member: Option<&str>) -> String {
    let Some(open) = object.strip_suffix('}') else {
        return object;
    };
    match member {
        Some(member) => format!(r#"{open},"{name}":{member}}}"#),
        None => format!(r#"{open},"damaged":true}}"#),
    }
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    let mut text = String::from("[");
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&item);
    }
    text.push(']');
    text
}
