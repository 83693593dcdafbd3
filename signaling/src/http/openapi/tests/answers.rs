//! What operations are answered: by JSON, or by a problem with one of the codes that can come.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::operations::{Operation, Tagged};
use crate::room::Refusal;

/// Codes that no refusal has.
pub(super) use crate::metrics::OWN_CODES;

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
    for name in [is_tagged.then_some("ETag"), operation.is_keyed.then_some("Idempotent-Replayed")].into_iter().flatten()
    {
        answer["headers"][name] = json!({"$ref": format!("#/components/headers/{name}")});
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
            "properties": {"status": {"const": status}, "code": {"anyOf": [{"enum": codes}, {"type": "string"}]}},
        }}},
    });
    match status {
        401 => answer["headers"] = json!({"WWW-Authenticate": {"$ref": "#/components/headers/WWW-Authenticate"}}),
        429 | 503 => answer["headers"] = json!({"Retry-After": {"$ref": "#/components/headers/Retry-After"}}),
        _ => {}
    }
    answer
}

/// Puts what no struct holds to the schemas of answers: objects that are text already, and pages of them.
pub(super) fn complete(schemas: &mut Map<String, Value>) {
    let of_text = |what: &str| json!({"type": "object", "description": what});
    let damaged = json!({"type": "boolean", "const": true, "description": "The file has lost what it was."});
    schemas["LoggedAct"]["properties"]["details"] = of_text("The rest of the command. Absent if it is damaged.");
    schemas["LoggedAct"]["properties"]["damaged"] = damaged;
    // A setting can be of any type.
    for (field, what) in [("asked", "As it was asked for."), ("is", "As it is.")] {
        schemas["Difference"]["properties"][field] = json!({"description": what});
    }
    let list = |item: &str, what: &str| json!({"type": "array", "items": {"$ref": format!("#/$defs/{item}")}, "description": what});
    let events = list("LoggedEvent", "The events.");
    let acts = list("LoggedAct", "The acts.");
    for (name, field, of) in [("PersonData", "events", &events), ("PersonData", "audit", &acts)] {
        schemas[name]["properties"][field] = of.clone();
        schemas[name]["required"].as_array_mut().unwrap().push(json!(field));
    }
    for (name, items) in [("EventPage", events), ("AuditPage", acts)] {
        let next = json!({"type": ["integer", "null"], "minimum": 1, "description": "There is more: ask again with this as `after`."});
        let page =
            json!({"type": "object", "required": ["items", "next"], "properties": {"items": items, "next": next}});
        schemas.insert(name.to_owned(), page);
    }
    let document = json!({
        "type": "object", "description": "A document as OpenAPI 3.1 has it.", "required": ["openapi", "info", "paths"],
        "properties": {"openapi": {"type": "string"}, "info": {"type": "object"}, "paths": {"type": "object"}},
    });
    schemas.insert("Document".to_owned(), document);
}

/// The status of a key that belongs to another request.
const KEY_REUSED: u16 = 422;
