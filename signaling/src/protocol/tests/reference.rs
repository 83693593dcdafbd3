//! The reference for people says what is so: its examples are golden frames, and it leaves out no type and no code.

use serde_json::Value;

use super::{golden, schema};
use crate::room::Refusal;

const REFERENCE: &str = include_str!("../../../PROTOCOL.md");

#[test]
fn every_example_is_a_golden_frame() {
    let golden: Vec<Vec<Value>> = ["client", "server"]
        .map(|direction| golden(direction).iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect())
        .into();
    let examples = examples();
    for (arrow, text) in &examples {
        let frame: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let known = &golden[usize::from(*arrow == '←')];
        assert!(known.contains(&frame), "no golden frame is like {text}");
    }
    for (definition, arrow) in [("ClientFrame", '→'), ("ServerFrame", '←')] {
        for kind in schema::types(&schema::schema(), definition) {
            let start = format!(r#"{{"type":"{kind}""#);
            let is_shown = examples.iter().any(|(side, text)| *side == arrow && text.starts_with(&start));
            assert!(is_shown, "there is no example of {arrow} {kind}");
        }
    }
}

#[test]
fn every_code_is_explained() {
    for refusal in Refusal::ALL {
        let line = format!("| `{}` | {} |", refusal.code(), refusal.http_status());
        assert!(REFERENCE.contains(&line), "{refusal:?}");
    }
    let schema = schema::schema();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        for code in schema::values(definition).and_then(Value::as_array).into_iter().flatten() {
            let code = code.as_str().unwrap();
            assert!(REFERENCE.contains(&format!("`{code}`")), "`{code}` of {name} is not explained");
        }
    }
}

#[test]
fn every_field_is_mentioned() {
    let schema = schema::schema();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        for (property, _) in definition["properties"].as_object().into_iter().flatten() {
            let is_mentioned = [format!("`{property}`"), format!("\"{property}\":")];
            assert!(is_mentioned.iter().any(|text| REFERENCE.contains(text)), "`{property}` of {name} is not there");
        }
    }
}

/// What follows an arrow, with the lines below it that are set in.
fn examples() -> Vec<(char, String)> {
    let mut examples: Vec<(char, String)> = Vec::new();
    let mut is_open = false;
    for line in REFERENCE.lines() {
        if let Some((arrow, text)) =
            ["→", "←"].iter().find_map(|arrow| Some((arrow, line.strip_prefix(&format!("{arrow} "))?)))
        {
            examples.push((arrow.chars().next().unwrap(), text.to_owned()));
            is_open = true;
        } else if let Some(more) = line.strip_prefix("  ").filter(|_| is_open) {
            examples.last_mut().unwrap().1.push_str(more);
        } else {
            is_open = false;
        }
    }
    examples
}
