//! The JSON Schema of all frames, made from the structs that read and write them.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{checker::Checker, golden, hold};
use crate::protocol::{client, outside, server};

pub(super) const FILE: &str = "podium.v1.schema.json";

#[test]
fn the_schema_is_the_one_that_is_checked_in() {
    hold(FILE, &(serde_json::to_string_pretty(&schema()).unwrap() + "\n"));
}

#[test]
fn every_golden_frame_is_as_the_schema_says() {
    let mut checker = Checker::new(closed());
    for (direction, definition) in [("client", "ClientFrame"), ("server", "ServerFrame")] {
        for (name, text) in golden(direction) {
            let frame = serde_json::from_str(&text).unwrap();
            checker.check(definition, &frame).unwrap_or_else(|why| panic!("{direction}/{name}: {why}"));
        }
    }
    let absent: Vec<_> = properties(&closed()).into_iter().filter(|name| !checker.seen.contains(name)).collect();
    assert!(absent.is_empty(), "no golden frame shows {absent:?}");
}

#[test]
fn every_type_has_a_golden_frame() {
    for (direction, definition) in [("client", "ClientFrame"), ("server", "ServerFrame")] {
        let shown: Vec<Value> = golden(direction)
            .iter()
            .map(|(_, text)| serde_json::from_str::<Value>(text).unwrap()["type"].clone())
            .collect();
        for kind in types(&schema(), definition) {
            assert!(shown.contains(&json!(kind)), "no golden frame of {direction} is a {kind}");
        }
    }
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let mut checker = Checker::new(closed());
    let take = json!({"type": "seat_take", "request_id": "1", "seat": 1});
    assert_eq!(checker.check("ClientFrame", &take), Ok(()));
    for (field, value) in [
        ("type", json!("seat_fly")),
        ("seat", json!(32)),
        ("seat", json!(-1)),
        ("seat", json!(1.5)),
        ("seat", json!("1")),
        ("seat", json!(null)),
        ("request_id", json!("")),
        ("request_id", json!("x".repeat(65))),
        ("colour", json!("red")),
    ] {
        let mut wrong = take.clone();
        wrong[field] = value;
        assert!(checker.check("ClientFrame", &wrong).is_err(), "{wrong}");
    }
    let bye = |reason: &str, action: &str| json!({"type": "bye", "reason": reason, "action": action});
    assert_eq!(checker.check("ServerFrame", &bye("kicked", "stop")), Ok(()));
    assert!(checker.check("ServerFrame", &bye("tired", "stop")).is_err());
    assert!(checker.check("ServerFrame", &bye("kicked", "shrug")).is_err());
    assert!(checker.check("ServerFrame", &json!({"type": "bye", "reason": "kicked"})).is_err());
}

#[test]
fn what_the_server_says_stays_open_and_what_it_takes_does_not() {
    let schema = schema();
    let mut checker = Checker::new(schema.clone());
    let bye = |reason: &str| json!({"type": "bye", "reason": reason, "action": "shrug"});
    assert_eq!(checker.check("ServerFrame", &bye("tired")), Ok(()), "values may be added");
    assert!(checker.check("ServerFrame", &json!({"type": "bye", "reason": 7, "action": "stop"})).is_err());
    let rank = |rank: &str| json!({"type": "member_rank", "request_id": "1", "identity": "ben", "rank": rank});
    assert_eq!(checker.check("ClientFrame", &rank("cohost")), Ok(()));
    assert!(checker.check("ClientFrame", &rank("emperor")).is_err(), "the server takes what it knows");
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        assert!(definition.get("enum").is_none(), "{name} is closed");
    }
}

#[test]
fn what_the_log_holds_is_of_a_known_type() {
    let mut checker = Checker::new(schema());
    let event = |data: Value| json!({"event_id": 7, "type": "seat.changed", "room": "demo", "seq": 3, "at_ms": 1, "data": data});
    for data in [
        json!({"type": "session_ended", "session": "PA_AAAAAAAAAAAAAAAAAAAAAA", "identity": "ben", "reason": "lost"}),
        json!({"type": "room_created", "room": "demo"}),
        json!({"type": "moderation", "act": "member_ban", "by": "ada", "role": "host", "on": "ben", "details": {}}),
        json!({"type": "latency_acted", "act": "flag_participant", "why": "mouth_to_ear"}),
        json!({"type": "message", "seq": 3, "from": "ada", "name": "Ada", "text": "hello"}),
        json!({"type": "of_a_later_version"}),
    ] {
        assert_eq!(checker.check("LoggedEvent", &event(data.clone())), Ok(()), "{data}");
    }
    assert!(checker.check("LoggedEvent", &event(json!({"type": 7}))).is_err());
    assert!(checker.check("LoggedEvent", &event(json!("seat_changed"))).is_err());
}

/// The schema as it should stand in its file: values that the server says may be added at any time.
pub(crate) fn schema() -> Value {
    let mut schema = with_roots(&["ClientFrame", "ServerFrame", "LoggedEvent"]);
    open(schema["$defs"].as_object_mut().unwrap(), &["ClientFrame"]);
    schema
}

/// The schema of frames with all values as they are at present.
fn closed() -> Value {
    with_roots(&["ClientFrame", "ServerFrame"])
}

/// Leaves room for further values of what the server says. What it takes, from these definitions on, is told in place.
pub(crate) fn open(definitions: &mut Map<String, Value>, taken: &[&str]) {
    let sets: Map<String, Value> =
        definitions.iter().filter_map(|(name, definition)| Some((name.clone(), values(definition)?.clone()))).collect();
    let (mut wanted, mut seen): (Vec<String>, Vec<String>) =
        (taken.iter().map(ToString::to_string).collect(), Vec::new());
    while let Some(name) = wanted.pop() {
        if seen.contains(&name) || sets.contains_key(&name) {
            continue;
        }
        if let Some(definition) = definitions.get_mut(&name) {
            in_place(definition, &sets);
            references(definition, &mut wanted);
        }
        seen.push(name);
    }
    for (name, values) in sets {
        let definition = definitions.get_mut(&name).unwrap();
        let description = definition.get("description").cloned();
        *definition = json!({"anyOf": [{"type": "string", "enum": values}, {"type": "string"}]});
        if let Some(description) = description {
            definition["description"] = description;
        }
    }
}

/// The values of a set of texts, open or closed.
pub(crate) fn values(definition: &Value) -> Option<&Value> {
    definition.get("enum").or_else(|| definition.get("anyOf")?.get(0)?.get("enum"))
}

fn in_place(schema: &mut Value, sets: &Map<String, Value>) {
    let values = referred(schema).and_then(|name| sets.get(&name).cloned());
    if let (Some(values), Some(parts)) = (values, schema.as_object_mut()) {
        parts.remove("$ref");
        parts.insert("type".to_owned(), json!("string"));
        parts.insert("enum".to_owned(), values);
    }
    match schema {
        Value::Object(parts) => parts.values_mut().for_each(|part| in_place(part, sets)),
        Value::Array(parts) => parts.iter_mut().for_each(|part| in_place(part, sets)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn with_roots(roots: &[&str]) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let client = variants::<client::frame::Frame>(&mut generator);
    let server = variants::<server::frame::Frame<'static>>(&mut generator);
    let logged: Vec<Value> = [
        variants::<server::lifecycle::Lifecycle<'static>>(&mut generator),
        variants::<server::latency::Told<'static>>(&mut generator),
    ]
    .concat();
    let moderation = server::audit::ModerationEvent::json_schema(&mut generator).to_value();
    let event = outside::EventJson::json_schema(&mut generator).to_value();
    let request_id = generator.subschema_for::<crate::ids::RequestId>().to_value();
    let mut definitions = generator.take_definitions(true);
    for definition in definitions.values_mut() {
        tidy(definition);
    }
    let mut commands = Vec::new();
    for mut command in client {
        let kind = whole(&mut command, &definitions);
        command["properties"]["request_id"] = request_id.clone();
        command["required"].as_array_mut().unwrap().push(json!("request_id"));
        commands.push(name(&mut definitions, format!("{}Command", pascal(&kind)), command));
    }
    let (mut events, mut frames) = (Vec::new(), Vec::new());
    for mut frame in server {
        let kind = whole(&mut frame, &definitions);
        let is_event = !["welcome", "reply", "bye"].contains(&kind.as_str());
        let suffix = if is_event { "Event" } else { "Frame" };
        let named = name(&mut definitions, pascal(&kind) + suffix, frame);
        if is_event { events.push(named) } else { frames.push(named) }
    }
    let mut data: Vec<Value> = events.iter().filter(|event| has_number(event, &definitions)).cloned().collect();
    for mut body in logged {
        let kind = whole(&mut body, &definitions);
        data.push(name(&mut definitions, pascal(&kind) + "Data", body));
    }
    data.push(name(&mut definitions, "ModerationData".to_owned(), with_type(moderation, "moderation")));
    let other = json!({
        "type": "object", "description": "An event of a later version.", "required": ["type"],
        "properties": {"type": {"type": "string", "description": "Which."}},
    });
    data.push(name(&mut definitions, "OtherData".to_owned(), other));
    definitions.insert("LoggedData".to_owned(), json!({"anyOf": data, "description": "What happened, by its `type`."}));
    definitions.insert("LoggedEvent".to_owned(), logged_event(event));
    // A batch is put together of events that are text already, so no struct stands for it.
    let batch = json!({
        "type": "object", "description": "A batch of events, in order.", "required": ["type", "events"],
        "properties": {
            "type": {"type": "string", "const": "events"},
            "events": {"type": "array", "items": {"$ref": "#/$defs/RoomEvent"}, "description": "The events."},
        },
    });
    frames.push(name(&mut definitions, "EventsFrame".to_owned(), batch));
    frames.extend(events.iter().cloned());
    let union = |of: Vec<Value>, description: &str| json!({"oneOf": of, "description": description});
    definitions.insert("RoomEvent".to_owned(), union(events, "What happened."));
    definitions.insert("ClientFrame".to_owned(), union(commands, "What a client says."));
    definitions.insert("ServerFrame".to_owned(), union(frames, "What the server says."));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "podium.v1",
        "description": "The frames of Podium's WebSocket protocol. Take ClientFrame or ServerFrame. Fields and types may be added at any time: ignore what is not known.",
        "anyOf": [{"$ref": "#/$defs/ClientFrame"}, {"$ref": "#/$defs/ServerFrame"}],
        "$defs": used(definitions, roots),
    })
}

/// Whether an event can be in a room's log.
fn has_number(event: &Value, definitions: &Map<String, Value>) -> bool {
    referred(event).is_some_and(|name| definitions[&name]["properties"].get("seq").is_some())
}

fn with_type(mut schema: Value, kind: &str) -> Value {
    plain(&mut schema);
    schema["properties"]["type"] = json!({"type": "string", "const": kind});
    // What a command has beside its type, on whom it is and why.
    schema["properties"]["details"] = json!({"type": "object", "description": "The rest of the command."});
    schema
}

/// An event of the log: the body of a webhook, too.
fn logged_event(mut event: Value) -> Value {
    plain(&mut event);
    event["properties"]["data"] =
        json!({"$ref": "#/$defs/LoggedData", "description": "What happened. Absent if it is damaged."});
    event["properties"]["damaged"] =
        json!({"type": "boolean", "const": true, "description": "The file has lost what it was."});
    event
}

fn plain(schema: &mut Value) {
    tidy(schema);
    let parts = schema.as_object_mut().unwrap();
    parts.remove("$schema");
    parts.remove("title");
}

/// The types of the frames of one direction.
pub(crate) fn types(schema: &Value, definition: &str) -> Vec<String> {
    let frames = schema["$defs"][definition]["oneOf"].as_array().unwrap();
    frames.iter().map(|frame| kind(&schema["$defs"][referred(frame).unwrap()])).collect()
}

/// The properties of all definitions, as `Definition.property`.
fn properties(schema: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        let named = definition["properties"].as_object().into_iter().flatten();
        all.extend(named.map(|(property, _)| format!("{name}.{property}")));
    }
    all
}

fn variants<T: JsonSchema>(generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut schema = T::json_schema(generator).to_value();
    tidy(&mut schema);
    schema["oneOf"].as_array().unwrap().clone()
}

/// Makes a variant that only refers to a struct whole, and says its type.
fn whole(variant: &mut Value, definitions: &Map<String, Value>) -> String {
    if let Some(target) = referred(variant) {
        let target = definitions[&target].clone();
        let variant = variant.as_object_mut().unwrap();
        variant.remove("$ref");
        let properties = variant["properties"].as_object_mut().unwrap();
        properties.extend(target["properties"].as_object().unwrap().clone());
        let required = target["required"].as_array().cloned().unwrap_or_default();
        variant["required"].as_array_mut().unwrap().extend(required);
    }
    kind(variant)
}

fn kind(frame: &Value) -> String {
    frame["properties"]["type"]["const"].as_str().unwrap().to_owned()
}

fn referred(schema: &Value) -> Option<String> {
    Some(schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?.to_owned())
}

fn name(definitions: &mut Map<String, Value>, name: String, schema: Value) -> Value {
    let reference = json!({"$ref": format!("#/$defs/{name}")});
    definitions.insert(name, schema);
    reference
}

/// The definitions that a frame leads to.
fn used(mut definitions: Map<String, Value>, roots: &[&str]) -> Value {
    let mut wanted: Vec<String> = roots.iter().map(ToString::to_string).collect();
    let mut kept = Map::new();
    while let Some(name) = wanted.pop() {
        if let Some(definition) = definitions.remove(&name) {
            references(&definition, &mut wanted);
            kept.insert(name, definition);
        }
    }
    Value::Object(kept)
}

fn references(schema: &Value, found: &mut Vec<String>) {
    found.extend(referred(schema));
    match schema {
        Value::Object(parts) => parts.values().for_each(|part| references(part, found)),
        Value::Array(parts) => parts.iter().for_each(|part| references(part, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What is absent is left out and never `null`; and the width of our integers is no concern of a reader's.
pub(crate) fn tidy(schema: &mut Value) {
    if let Value::Object(parts) = schema {
        parts.remove("format");
        if let Some(Value::Array(types)) = parts.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                parts.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(mut choices)) = parts.remove("anyOf") {
            choices.retain(|choice| choice["type"] != "null");
            match choices.as_slice() {
                [Value::Object(only)] => parts.extend(only.clone()),
                // It is open already.
                _ => drop(parts.insert("anyOf".to_owned(), Value::Array(choices))),
            }
        }
        parts.values_mut().for_each(tidy);
    } else if let Value::Array(parts) = schema {
        parts.iter_mut().for_each(tidy);
    }
}

fn pascal(snake: &str) -> String {
    snake.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}
