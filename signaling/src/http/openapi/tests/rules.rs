//! The document against the rules of OpenAPI 3.1 and JSON Schema, as far as a document like this one can break them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{document, path_fields};

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = document();
    let mut named = BTreeSet::new();
    each(&document, &mut |part| {
        if let Some(reference) = part["$ref"].as_str() {
            let place = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
            named.insert(reference.to_owned());
        }
    });
    for (kind, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
            assert!(named.contains(&format!("#/components/{kind}/{name}")), "{kind}/{name} is not used");
        }
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_whatever_it_must_have() {
    let document = document();
    let mut names = BTreeSet::new();
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect();
    for (path, operations) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with('/') && !path.ends_with('/'), "{path}");
        for (method, operation) in operations.as_object().unwrap() {
            assert!(["get", "post", "patch", "delete"].contains(&method.as_str()), "{method}");
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path} {method}");
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{path} {method}");
            assert!(operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(tag)), "{path} {method}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.as_str() < "300"), "{path} {method}");
            let is_told = |answer: &Value| answer["$ref"].is_string() || answer["description"].is_string();
            assert!(responses.values().all(is_told), "{path} {method}");
            let mut wanted: BTreeSet<_> = path_fields(path).map(str::to_owned).collect();
            for parameter in parameters(&document, operation) {
                let name = parameter["name"].as_str().unwrap();
                assert_eq!(parameter["in"] == "path", wanted.remove(name), "{path} {method}: {name}");
                assert!(parameter["in"] != "path" || parameter["required"] == true, "{path} {method}: {name}");
            }
            assert!(wanted.is_empty(), "{path} {method}: nothing says what {wanted:?} are");
        }
    }
}

#[test]
fn paths_do_not_differ_in_names_alone() {
    let document = document();
    let shape = |path: &String| {
        path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
    };
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.keys().map(shape).collect::<BTreeSet<_>>().len(), paths.len());
}

#[test]
fn schemas_hold_only_what_json_schema_knows() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        known(name, schema);
    }
}

fn known(name: &str, schema: &Value) {
    for (keyword, rule) in schema.as_object().unwrap_or_else(|| panic!("{name}: {schema}")) {
        match keyword.as_str() {
            "properties" => {
                rule.as_object().unwrap().iter().for_each(|(field, part)| known(&format!("{name}.{field}"), part))
            }
            "items" | "additionalProperties" => known(name, rule),
            "anyOf" | "oneOf" => rule.as_array().unwrap().iter().for_each(|choice| known(name, choice)),
            "required" => {
                let absent = rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|field| schema["properties"].get(field.as_str().unwrap()).is_none());
                assert_eq!(absent, None, "{name} wants what it does not have");
            }
            "$ref" | "type" | "enum" | "const" | "description" | "pattern" | "minLength" | "maxLength" | "minimum"
            | "maximum" => {}
            unknown => panic!("{name}: {unknown}"),
        }
    }
}

fn parameters<'a>(document: &'a Value, operation: &'a Value) -> impl Iterator<Item = &'a Value> {
    let references = operation["parameters"].as_array().unwrap().iter();
    references.map(|parameter| document.pointer(&parameter["$ref"].as_str().unwrap()[1..]).unwrap())
}

fn each(part: &Value, look: &mut impl FnMut(&Value)) {
    look(part);
    match part {
        Value::Object(parts) => parts.values().for_each(|part| each(part, look)),
        Value::Array(parts) => parts.iter().for_each(|part| each(part, look)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
