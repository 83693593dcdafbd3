//! The document: the operations, and the schemas of what they carry, as OpenAPI 3.1 has it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    answers,
    operations::{Asks, Operation, Tag, Tagged, operations},
};
use crate::{
    http::{idempotency::KEY_CHARS_MAX, page::PAGE_MAX, rooms::LIST_MAX},
    protocol::{
        NOTICE_MS_MAX, body, figures, outside,
        server::KINDS as KINDS_TOLD,
        tests::{
            hold,
            schema::{open, schema, tidy},
        },
        view,
    },
    room::Refusal,
};

#[test]
fn the_document_is_the_one_that_is_served() {
    hold("openapi.json", &(serde_json::to_string_pretty(&document()).unwrap() + "\n"));
}

/// The document as it should stand in its file.
pub(super) fn document() -> Value {
    let schemas = schemas();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let operations = operations();
    for operation in &operations {
        let of_path = paths.entry(operation.path).or_default();
        of_path.insert(operation.method.to_lowercase(), written(operation, &schemas));
    }
    let responses = answers::components(&operations);
    let webhooks = webhooks();
    let told = json!([paths, parameters(), responses, webhooks]).to_string();
    let tags = Tag::ALL.map(|tag| {
        let (name, description) = tag.words();
        json!({"name": name, "description": description})
    });
    let mut document = json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Podium",
            "summary": "Voice rooms with a stage of numbered seats and an audience.",
            "description": INTRODUCTION,
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": "/", "description": "This server."}],
        "security": [{"token": []}],
        "tags": tags,
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "securitySchemes": {"token": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "An access token, as LiveKit's server libraries and `podium token` make them.",
            }},
            "parameters": parameters(),
            "headers": headers(),
            "responses": responses,
            "schemas": used(schemas, told),
        },
    });
    to_components(&mut document);
    document
}

fn written(operation: &Operation, schemas: &Map<String, Value>) -> Value {
    let (body, about) = body_of(operation, schemas);
    let notes = if operation.is_keyed { format!("{} {KEYED}", operation.notes) } else { operation.notes.to_owned() };
    let mut written = json!({
        "operationId": operation.id,
        "tags": [operation.tag.words().0],
        "summary": operation.summary.map_or(about, str::to_owned),
        "parameters": references(operation),
        "responses": answers::responses(operation),
    });
    if !notes.is_empty() {
        written["description"] = json!(notes);
    }
    if operation.is_public() {
        written["security"] = json!([]);
    }
    if operation.id == "session_open" {
        // A bad token is told after the upgrade.
        written["security"] = json!([{"token": []}, {}]);
    }
    if let Some((schema, is_required)) = body {
        written["requestBody"] = json!({"required": is_required, "content": {"application/json": {"schema": schema}}});
    }
    written
}

/// A request's body and whether there must be one; and what the command says of itself.
fn body_of(operation: &Operation, schemas: &Map<String, Value>) -> (Option<(Value, bool)>, String) {
    let kind = match operation.asks {
        Asks::Nothing => return (None, String::new()),
        Asks::Body(name) => return (Some((json!({"$ref": format!("#/$defs/{name}")}), true)), String::new()),
        Asks::Command(kind) => kind,
    };
    let mut command = frame_of(kind, schemas);
    let about = command["description"].as_str().unwrap().to_owned();
    let said: Vec<&str> =
        ["type", "request_id"].into_iter().chain(path_fields(operation.path)).chain(operation.query.to_vec()).collect();
    let fields = command["properties"].as_object_mut().unwrap();
    fields.retain(|name, _| !said.contains(&name.as_str()));
    // What an invite is revoked by is in the path.
    if kind == "invite_revoke" {
        fields.clear();
    }
    if fields.is_empty() {
        return (None, about);
    }
    let required = command["required"].as_array_mut().unwrap();
    required.retain(|name| !said.contains(&name.as_str().unwrap()));
    // A change of nothing is refused.
    let is_required = !required.is_empty() || kind == "room_update";
    if required.is_empty() {
        command.as_object_mut().unwrap().remove("required");
    }
    command.as_object_mut().unwrap().remove("description");
    if kind == "room_update" {
        command["minProperties"] = json!(1);
    }
    (Some((command, is_required)), about)
}

/// The schema of a client's frame of this type.
fn frame_of(kind: &str, schemas: &Map<String, Value>) -> Value {
    let is_it = |schema: &&Value| schema["properties"]["type"]["const"] == *kind && is_command(schema);
    schemas.values().find(is_it).unwrap_or_else(|| panic!("no frame is a {kind}")).clone()
}

fn is_command(schema: &Value) -> bool {
    schema["required"].as_array().is_some_and(|required| required.contains(&json!("request_id")))
}

/// The names between braces.
pub(super) fn path_fields(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
}

fn references(operation: &Operation) -> Vec<Value> {
    let mut names: Vec<_> = path_fields(operation.path).map(|field| format!("in_path_{field}")).collect();
    names.extend(operation.query.iter().map(|&name| name.to_owned()));
    if operation.is_keyed {
        names.push("idempotency_key".to_owned());
    }
    if matches!(operation.tagged, Tagged::Seat | Tagged::Room) {
        names.push("if_match".to_owned());
    }
    names.into_iter().map(|name| json!({"$ref": format!("#/components/parameters/{name}")})).collect()
}

/// What is posted to the targets of the configuration: each event, under the name of its kind.
fn webhooks() -> Value {
    let header = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "header", "required": true, "description": description, "schema": schema});
    let parameters = json!([
        header("webhook-id", "Which event: the same each time it is tried.", json!({"type": "string"})),
        header(
            "webhook-timestamp",
            "When it was sent, in seconds since 1970.",
            json!({"type": "string", "pattern": "^[0-9]+$"})
        ),
        header(
            "webhook-signature",
            "By Standard Webhooks: `v1,` and the signature in Base64.",
            json!({"type": "string"})
        ),
    ]);
    let hook = |kind: &&str| {
        let body = json!({
            "$ref": "#/$defs/LoggedEvent", "properties": {"type": {"type": "string", "const": kind}},
        });
        let id = kind.replace('.', "_");
        let operation = json!({
            "operationId": format!("webhook_{id}"),
            "tags": [Tag::Webhooks.words().0],
            "summary": format!("`{kind}`"),
            "parameters": parameters,
            "requestBody": {"required": true, "content": {"application/json": {"schema": body}}},
            "responses": {"2XX": {"description": "It arrived. Anything else is tried again for a day."}},
            "security": [],
        });
        ((*kind).to_owned(), json!({"post": operation}))
    };
    Value::Object(KINDS_TOLD.iter().map(hook).collect())
}

fn parameters() -> Value {
    let path = |name: &str, schema: &str, description: &str| {
        json!({
            "name": name, "in": "path", "required": true, "description": description,
            "schema": {"$ref": format!("#/$defs/{schema}")},
        })
    };
    let query = |name: &str, schema: Value, description: &str| json!({"name": name, "in": "query", "schema": schema, "description": description});
    let named = |schema: &str| json!({"$ref": format!("#/$defs/{schema}")});
    let number = || json!({"type": "integer", "minimum": 0});
    let limit = |most: usize| json!({"type": "integer", "minimum": 1, "maximum": most});
    json!({
        "in_path_room": path("room", "RoomId", "The room."),
        "in_path_seat": path("seat", "SeatIndex", "The seat."),
        "in_path_identity": path("identity", "Identity", "The person."),
        "in_path_invite": path("invite", "InviteId", "The invite."),
        "after_room": query("after", named("RoomId"), "Go on after this room."),
        "after_identity": query("after", named("Identity"), "Go on after this: the `next` of the page before."),
        "after_hand": query("after", number(), "Go on after this place in the queue."),
        "after_event": query("after", number(), "Go on after this event."),
        "after_audit": query("after", number(), "Go on after this act."),
        "limit": query("limit", limit(PAGE_MAX), "The most items."),
        "limit_rooms": query("limit", limit(LIST_MAX), "The most rooms."),
        "room": query("room", named("RoomId"), "Of this room only."),
        "identity": query("identity", named("Identity"), "By this person or on this person only."),
        "kinds": query(
            "kinds", json!({"type": "string", "pattern": KINDS}),
            "Of these kinds only, separated by commas: `seat.changed`, or `seat.*` for all that begin so.",
        ),
        "notice_ms": query(
            "notice_ms", json!({"type": "integer", "minimum": 0, "maximum": NOTICE_MS_MAX}),
            "How long people are told before, in milliseconds. 0 or absent: at once.",
        ),
        "keep_bans": query("keep_bans", json!({"type": "boolean"}), "Leave their bans."),
        "access_token": query("access_token", json!({"type": "string"}), "The token, for clients that can set no header."),
        "idempotency_key": {
            "name": "Idempotency-Key", "in": "header", "description": "The caller's own name for this request.",
            "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX, "pattern": "^[!-~]([ -~\\t]*[!-~])?$"},
        },
        "if_match": {
            "name": "If-Match", "in": "header",
            "description": "Only if it still has this `ETag`, or one of a list: a seat's of an answer about it, the room's of the room as it is shown. `*`: only if it is there.",
            "schema": {"type": "string", "pattern": "^(\\*|(W/)?\"[0-9]{1,15}\"(, (W/)?\"[0-9]{1,15}\"){0,15})$"},
        },
    })
}

fn headers() -> Value {
    json!({
        "ETag": {
            "description": "What it was made from: a seat's `rev`, or the room's `seq`.",
            "schema": {"type": "string", "pattern": "^\"[0-9]+\"$"},
        },
        "Idempotent-Replayed": {
            "description": "This is an earlier answer to the same key.",
            "schema": {"type": "string", "const": "true"},
        },
        "Retry-After": {"description": "In so many seconds.", "schema": {"type": "integer", "minimum": 1}},
        "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string", "const": "Bearer"}},
    })
}

/// Every schema there is: the frames', the bodies', and those of the answers.
fn schemas() -> Map<String, Value> {
    let Value::Object(mut schemas) = schema()["$defs"].take() else { panic!("a schema has definitions") };
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut add = |name: &str, schema: Value| schemas.insert(name.to_owned(), schema);
    for (name, page) in [
        ("ParticipantPage", body::Page::<view::ParticipantJson<'static>>::json_schema(&mut generator)),
        ("BanPage", body::Page::<view::BanJson<'static>>::json_schema(&mut generator)),
        ("MutePage", body::Page::<view::MuteJson<'static>>::json_schema(&mut generator)),
        ("RankPage", body::Page::<view::RankJson<'static>>::json_schema(&mut generator)),
        ("HandPage", body::Page::<view::HandJson<'static>, usize>::json_schema(&mut generator)),
        ("InvitePage", body::Page::<view::InviteJson<'static>>::json_schema(&mut generator)),
        ("Problem", body::Problem::json_schema(&mut generator)),
        ("MadeRoom", body::MadeRoom::json_schema(&mut generator)),
        ("BanEverywhere", body::BanEverywhere::json_schema(&mut generator)),
        ("CreateRoom", body::CreateRoom::json_schema(&mut generator)),
        ("RoomList", body::RoomList::json_schema(&mut generator)),
        ("RoomStats", figures::RoomStatsJson::json_schema(&mut generator)),
        ("LoggedAct", outside::AuditJson::json_schema(&mut generator)),
        ("PersonData", outside::PersonJson::json_schema(&mut generator)),
        ("Erased", outside::ErasedJson::json_schema(&mut generator)),
    ] {
        add(name, page.to_value());
    }
    for (name, schema) in generator.take_definitions(true) {
        add(&name, schema);
    }
    let codes: Vec<_> = Refusal::ALL.iter().map(|refusal| refusal.code()).chain(answers::OWN_CODES).collect();
    add("ProblemCode", json!({"type": "string", "enum": codes, "description": "A stable code."}));
    for schema in schemas.values_mut() {
        tidy(schema);
        schema.as_object_mut().unwrap().remove("$schema");
        schema.as_object_mut().unwrap().remove("title");
    }
    answers::complete(&mut schemas);
    open(&mut schemas, &["CreateRoom", "BanEverywhere"]);
    // Only a session asks for these.
    let result = schemas["CommandResult"]["properties"].as_object_mut().unwrap();
    result.retain(|field, _| !["time_ms", "answer", "position"].contains(&field.as_str()));
    schemas["Problem"]["properties"]["code"] =
        json!({"$ref": "#/$defs/ProblemCode", "description": "The stable code."});
    schemas["Problem"]["properties"]["type"] = json!({"type": "string", "const": "about:blank"});
    schemas
}

/// The schemas that this text leads to.
fn used(mut schemas: Map<String, Value>, text: String) -> Value {
    let mut texts = vec![text];
    let mut kept = Map::new();
    while let Some(text) = texts.pop() {
        for name in text.split("\"#/$defs/").skip(1).filter_map(|rest| rest.split('"').next()) {
            if let Some(schema) = schemas.remove(name) {
                texts.push(schema.to_string());
                kept.insert(name.to_owned(), schema);
            }
        }
    }
    Value::Object(kept)
}

/// In this document definitions lie among the components.
fn to_components(part: &mut Value) {
    match part {
        Value::Object(parts) => parts.values_mut().for_each(to_components),
        Value::Array(parts) => parts.iter_mut().for_each(to_components),
        Value::String(text) => {
            if let Some(name) = text.strip_prefix("#/$defs/") {
                *text = format!("#/components/schemas/{name}");
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

const INTRODUCTION: &str = "Everything a host can do, for back ends and consoles. What is said here of rooms, seats and hands is said at length in the \
protocol's reference, `signaling/PROTOCOL.md`.\n\nBodies are JSON, at most 64 KiB. Errors are `application/problem+json` with a stable `code`. Fields and codes may be \
added at any time: ignore what is not known. Times are what is left or past in milliseconds, unless their name says `at`.";

const KEYED: &str = "With an `Idempotency-Key` it is carried out once, and answered the same for a day.";

const KINDS: &str = "^[a-z_]+\\.([a-z_]+|\\*)(,[a-z_]+\\.([a-z_]+|\\*))*$";
