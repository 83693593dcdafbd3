//! What operations are answered: by JSON, or by a problem with one of the codes that can come.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::operations::{Operation, Tagged};
use crate::room::Refusal;

/// Codes that no refusal has.
pub(super) const OWN_CODES: [&str; 2] = ["not_found", "method_not_allowed"];

/// Every answer of an operation, by status. Problems are told once, among the components.
pub(super) fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    for (status, description, schema) in operation.answers {
        responses.insert(status.to_string(), good(operation, *status, description, *schema));
    }
    for (status, refusals) in problems(operation) {
        let name = name(status, &refusals);
        responses.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
    }
    Value::Object(responses)
}

/// The problems that operations refer to.
pub(super) fn components(operations: &[Operation]) -> Value {
    let of_all = operations.iter().flat_map(problems);
    Value::Object(of_all.map(|(status, refusals)| (name(status, &refusals), problem(status, &refusals))).collect())
}

fn name(status: u16, refusals: &[Refusal]) -> String {
    if status == KEY_REUSED {
        return "key_reused".to_owned();
    }
    refusals.iter().map(|refusal| refusal.code()).collect::<Vec<_>>().join(".")
}

fn good(operation: &Operation, status: u16, description: &str, schema: Option<&str>) -> Value {
    let mut answer = json!({"description": description});
    match schema {
        Some(name) => answer["content"] = json!({"application/json": {"schema": {"$ref": format!("#/$defs/{name}")}}}),
        None if status == 200 => {
            answer["content"] = json!({"text/html; charset=utf-8": {"schema": {"type": "string"}}})
        }
        None => {}
    }
    let is_tagged = match operation.tagged {
        Tagged::Shown | Tagged::Seat => true,
        // What changes a room is not answered by the room.
        Tagged::Room | Tagged::Not => false,
    };
    if is_tagged {
        answer["headers"] = json!({"ETag": {"$ref": "#/components/headers/ETag"}});
    }
    answer
}

/// The refusals that an operation can meet, by status.
fn problems(operation: &Operation) -> BTreeMap<u16, Vec<Refusal>> {
    let mut refusals = operation.refusals.clone();
    if !operation.is_public() {
        refusals.push(Refusal::RateLimited);
        // A session's token is judged after the upgrade.
        if operation.id != "session_open" {
            refusals.extend([Refusal::Unauthenticated, Refusal::TokenExpired, Refusal::Forbidden]);
        }
    }
    if matches!(operation.tagged, Tagged::Seat | Tagged::Room) {
        refusals.push(Refusal::PreconditionFailed);
    }
    let mut problems: BTreeMap<u16, Vec<Refusal>> = BTreeMap::new();
    for refusal in Refusal::ALL.iter().filter(|refusal| refusals.contains(refusal)) {
        problems.entry(refusal.http_status()).or_default().push(*refusal);
    }
    if operation.is_keyed {
        problems.insert(KEY_REUSED, vec![Refusal::InvalidArgument]);
    }
    problems
}

fn problem(status: u16, refusals: &[Refusal]) -> Value {
    let codes: Vec<_> = refusals.iter().map(|refusal| refusal.code()).collect();
    let words: Vec<_> = refusals.iter().map(|refusal| format!("`{}`: {}", refusal.code(), refusal.message())).collect();
    let description = if status == KEY_REUSED {
        "This idempotency key belongs to another request.".to_owned()
    } else {
        words.join(" ")
    };
    let mut answer = json!({
        "description": description,
        "content": {"application/problem+json": {"schema": {
            "$ref": "#/$defs/Problem",
            "properties": {"status": {"const": status}, "code": {"enum": codes}},
        }}},
    });
    match status {
        401 => answer["headers"] = json!({"WWW-Authenticate": {"$ref": "#/components/headers/WWW-Authenticate"}}),
        429 | 503 => answer["headers"] = json!({"Retry-After": {"$ref": "#/components/headers/Retry-After"}}),
        _ => {}
    }
    answer
}

/// Schemas of answers for which no type stands.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let page = |item: &str, what: &str| {
        json!({
            "type": "object", "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "items": {"$ref": format!("#/$defs/{item}")}, "description": what},
                "next": {"type": ["integer", "null"], "description": "There is more: ask again with this as `after`."},
            },
        })
    };
    vec![
        ("EventPage", page("LoggedEvent", "The events.")),
        ("AuditPage", page("LoggedAct", "The acts.")),
        (
            "LoggedEvent",
            json!({
                "type": "object", "description": "One event, as webhooks carry it, too.", "required": ["event_id", "type", "room", "at_ms"],
                "properties": {
                    "event_id": {"type": "integer", "minimum": 1, "description": "Its number on this server."},
                    "type": {"type": "string", "description": "Its kind: `seat.changed`, say."},
                    "room": {"$ref": "#/$defs/RoomId", "description": "Where."},
                    "seq": {"type": "integer", "minimum": 0, "description": "Its number in the room's log, if it is in it."},
                    "at_ms": {"type": "integer", "description": "When, as Unix time in milliseconds."},
                    "data": {"type": "object", "description": "What people in the room are told, or the like. Absent if it is damaged."},
                    "damaged": {"type": "boolean", "const": true, "description": "The file has lost it."},
                },
            }),
        ),
        (
            "LoggedAct",
            json!({
                "type": "object", "description": "One act of moderation.", "required": ["audit_id", "room", "at_ms"],
                "properties": {
                    "audit_id": {"type": "integer", "minimum": 1, "description": "Its number on this server."},
                    "room": {"$ref": "#/$defs/RoomId", "description": "Where."},
                    "seq": {"type": "integer", "minimum": 0, "description": "The number of the room's last event by then."},
                    "at_ms": {"type": "integer", "description": "When, as Unix time in milliseconds."},
                    "by": {"$ref": "#/$defs/Identity", "description": "Who."},
                    "role": {"type": "string", "description": "As what."},
                    "from_outside": {"type": "boolean", "description": "By HTTP."},
                    "act": {"type": "string", "description": "What: the type of the command."},
                    "on": {"type": "string", "description": "Whom, or which seat."},
                    "reason": {"type": "string", "description": "Why, if they said so."},
                    "details": {"type": "object", "description": "The rest of the command."},
                    "damaged": {"type": "boolean", "const": true, "description": "The file has lost it."},
                },
            }),
        ),
        ("PersonData", person_data()),
        ("Erased", erased()),
        (
            "Document",
            json!({
                "type": "object", "description": "A document as OpenAPI 3.1 has it.", "required": ["openapi", "info", "paths"],
                "properties": {"openapi": {"type": "string"}, "info": {"type": "object"}, "paths": {"type": "object"}},
            }),
        ),
    ]
}

fn person_data() -> Value {
    let many = |item: Value, what: &str| json!({"type": "array", "items": item, "description": what});
    let record = json!({
        "type": "object", "required": ["room", "key", "value"],
        "properties": {
            "room": {"$ref": "#/$defs/RoomId", "description": "Whose record."},
            "key": {"type": "string", "description": "What it is about: `ban:ben`, say."},
            "value": {"description": "What it says."},
        },
    });
    json!({
        "type": "object", "description": "Everything that is kept about a person.",
        "required": ["identity", "present_in", "records", "answers", "truncated", "events", "audit"],
        "properties": {
            "identity": {"$ref": "#/$defs/Identity", "description": "Who."},
            "present_in": many(json!({"$ref": "#/$defs/RoomId"}), "The rooms where they are at this moment."),
            "records": many(record, "What rooms have written down about them."),
            "answers": {"type": "integer", "minimum": 0, "description": "How many answers to requests with a key of theirs are kept."},
            "truncated": {"type": "boolean", "description": "There is more than one answer can hold."},
            "events": many(json!({"$ref": "#/$defs/LoggedEvent"}), "The events that name them."),
            "audit": many(json!({"$ref": "#/$defs/LoggedAct"}), "The acts of moderation by them and on them."),
        },
    })
}

fn erased() -> Value {
    let rooms = |what: &str| json!({"type": "array", "items": {"$ref": "#/$defs/RoomId"}, "description": what});
    json!({
        "type": "object", "description": "What has become of what was kept about a person.",
        "required": ["identity", "rows", "unbanned_in", "present_in"],
        "properties": {
            "identity": {"$ref": "#/$defs/Identity", "description": "Who."},
            "rows": {"type": "integer", "minimum": 0, "description": "How many rows were changed."},
            "unbanned_in": rooms("The rooms whose ban of them was lifted."),
            "present_in": rooms("The rooms where they are at this moment: what these need of them stays until they leave."),
        },
    })
}

/// The status of a key that belongs to another request.
const KEY_REUSED: u16 = 422;
