//! A checker says whether a JSON value is as a schema has it.
//!
//! It knows the keywords that our own schema uses and stops at any other, so that nothing is taken for checked that was not. It is stricter than
//! JSON Schema in one thing: a property that the schema does not name is a fault, because our own frames hold none.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::ids::{HandId, InviteId, RoomId, SessionId};

/// A schema, and what of it the values have shown so far.
pub(super) struct Checker {
    root: Value,
    /// The properties seen in any value, as `Definition.property`.
    pub(super) seen: BTreeSet<String>,
}

impl Checker {
    pub(super) fn new(root: Value) -> Self {
        Self { root, seen: BTreeSet::new() }
    }

    /// Whether a value is as one of the schema's definitions says.
    pub(super) fn check(&mut self, definition: &str, value: &Value) -> Result<(), String> {
        let schema = self.root["$defs"][definition].clone();
        let schema = schema.as_object().ok_or(format!("there is no definition {definition}"))?;
        self.object(schema, value, definition)
    }

    fn object(&mut self, schema: &Map<String, Value>, value: &Value, definition: &str) -> Result<(), String> {
        for (keyword, rule) in schema {
            match keyword.as_str() {
                "$ref" => {
                    let name = rule.as_str().and_then(|path| path.strip_prefix("#/$defs/")).unwrap();
                    self.check(name, value).map_err(|why| format!("{name}: {why}"))?;
                }
                "anyOf" => {
                    let choices = rule.as_array().unwrap();
                    let fits = |checker: &mut Self, choice: &Value| {
                        checker.object(choice.as_object().unwrap(), value, definition).is_ok()
                    };
                    let is_one = choices.iter().any(|choice| fits(self, choice));
                    hold(is_one, || format!("{value} is none of {rule}"))?;
                }
                "oneOf" => self.one_of(rule.as_array().unwrap(), value)?,
                "type" => is_of_type(rule.as_str().unwrap(), value)?,
                "const" => hold(value == rule, || format!("{value} is not {rule}"))?,
                "enum" => hold(rule.as_array().unwrap().contains(value), || format!("{value} is none of {rule}"))?,
                "required" => {
                    let absent =
                        rule.as_array().unwrap().iter().find(|name| value.get(name.as_str().unwrap()).is_none());
                    hold(absent.is_none(), || format!("{absent:?} is absent"))?;
                }
                "properties" => self.properties(rule.as_object().unwrap(), value, definition)?,
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        self.object(rule.as_object().unwrap(), item, definition)?;
                    }
                }
                "minimum" => hold(value.as_f64() >= rule.as_f64(), || format!("{value} is below {rule}"))?,
                "maximum" => hold(value.as_f64() <= rule.as_f64(), || format!("{value} is above {rule}"))?,
                "minLength" => hold(chars(value) >= rule.as_u64().unwrap(), || format!("{value} is too short"))?,
                "maxLength" => hold(chars(value) <= rule.as_u64().unwrap(), || format!("{value} is too long"))?,
                "pattern" => hold(fits(rule.as_str().unwrap(), value), || format!("{value} does not fit {rule}"))?,
                "title" | "description" => {}
                unknown => return Err(format!("the checker does not know `{unknown}`")),
            }
        }
        Ok(())
    }

    fn one_of(&mut self, choices: &[Value], value: &Value) -> Result<(), String> {
        let results: Vec<_> =
            choices.iter().map(|choice| self.object(choice.as_object().unwrap(), value, "")).collect();
        let fitting = results.iter().filter(|result| result.is_ok()).count();
        hold(fitting == 1, || {
            let near = results.iter().filter_map(|result| result.as_ref().err()).find(|why| !why.contains("is not \""));
            format!("{fitting} choices fit instead of one; {near:?}")
        })
    }

    fn properties(&mut self, named: &Map<String, Value>, value: &Value, definition: &str) -> Result<(), String> {
        for (name, part) in value.as_object().into_iter().flatten() {
            let Some(schema) = named.get(name) else {
                return Err(format!("`{name}` is not in the schema"));
            };
            self.object(schema.as_object().unwrap(), part, "").map_err(|why| format!("{name}: {why}"))?;
            self.seen.insert(format!("{definition}.{name}"));
        }
        Ok(())
    }
}

fn is_of_type(kind: &str, value: &Value) -> Result<(), String> {
    let is_so = match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        unknown => return Err(format!("the checker does not know the type {unknown}")),
    };
    hold(is_so, || format!("{value} is no {kind}"))
}

/// The patterns of our ids, each told by the id itself.
fn fits(pattern: &str, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    match pattern {
        "^[A-Za-z0-9_-]{1,64}$" => RoomId::parse(text).is_ok(),
        "^PA_[A-Za-z0-9_-]{22}$" => SessionId::parse(text).is_ok(),
        "^HD_[0-9]{1,20}$" => HandId::parse(text).is_ok(),
        "^IN_[0-9]{1,20}$" => InviteId::parse(text).is_ok(),
        unknown => panic!("the checker does not know the pattern {unknown}"),
    }
}

fn chars(value: &Value) -> u64 {
    u64::try_from(value.as_str().unwrap_or_default().chars().count()).unwrap()
}

fn hold(is_so: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(why()) }
}
