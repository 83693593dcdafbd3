//! The TypeScript types of all frames, made from the schema.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{hold, schema::schema};

const FILE: &str = "podium.v1.d.ts";

#[test]
fn the_types_are_those_that_are_checked_in() {
    hold(FILE, &types(&schema()));
}

fn types(schema: &Value) -> String {
    let mut text = String::from(
        "// The frames of Podium's WebSocket protocol. Made from podium.v1.schema.json; do not edit.\n// Fields and types may be added at any time: ignore what is not known.\n",
    );
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        text.push('\n');
        comment(&mut text, "", definition);
        match definition.get("properties") {
            Some(properties) => {
                writeln!(text, "export interface {name} {{").unwrap();
                fields(&mut text, properties.as_object().unwrap(), &definition["required"]);
                text.push_str("}\n");
            }
            None => writeln!(text, "export type {name} = {};", expression(definition)).unwrap(),
        }
    }
    text
}

fn fields(text: &mut String, properties: &Map<String, Value>, required: &Value) {
    let first = |name: &&String| match name.as_str() {
        "type" => 0,
        "request_id" => 1,
        _ => 2,
    };
    let mut names: Vec<_> = properties.keys().collect();
    names.sort_by_key(first);
    for name in names {
        let property = &properties[name];
        let is_required = required.as_array().is_some_and(|required| required.iter().any(|other| other == name));
        comment(text, "  ", property);
        let mark = if is_required { "" } else { "?" };
        writeln!(text, "  {name}{mark}: {};", expression(property)).unwrap();
    }
}

fn comment(text: &mut String, indent: &str, schema: &Value) {
    if let Some(words) = schema["description"].as_str() {
        writeln!(text, "{indent}/** {} */", words.replace('\n', " ")).unwrap();
    }
}

fn expression(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        return target.strip_prefix("#/$defs/").unwrap().to_owned();
    }
    if let Some(constant) = schema.get("const") {
        return constant.to_string();
    }
    if let Some(texts) = schema["enum"].as_array() {
        return texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        // The name of each known value is still proposed by editors.
        let is_open = |choice: &Value| *choice == serde_json::json!({"type": "string"});
        let known = choices.iter().filter(|choice| !is_open(choice)).map(expression);
        let rest = choices.iter().filter(|choice| is_open(choice)).map(|_| "(string & {})".to_owned());
        return known.chain(rest).collect::<Vec<_>>().join(" | ");
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().map(|choice| format!("\n  | {}", expression(choice))).collect();
    }
    match schema["type"].as_str() {
        Some("array") => format!("{}[]", expression(&schema["items"])),
        Some("integer" | "number") => "number".to_owned(),
        Some("boolean") => "boolean".to_owned(),
        Some("string") => "string".to_owned(),
        Some("object") => "{ [field: string]: unknown }".to_owned(),
        other => panic!("no TypeScript for {other:?}: {schema}"),
    }
}
