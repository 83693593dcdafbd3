//! A person, as the store knows them: where their identity stands in what is kept, to show it to them or to take it out.

use rusqlite::{Connection, params};
use serde_json::Value;

use super::{
    ledger::Ledger,
    log::{self, Audits, Events, Piece},
    query::{StoredAudit, StoredEvent},
    rows,
};

/// Someone whose traces are looked for.
#[derive(Debug, Clone)]
pub(super) struct Person {
    identity: String,
    /// As it stands in JSON.
    quoted: String,
    /// What stands in events in its place. Two people who are erased stay two.
    pseudonym: String,
}

impl Person {
    pub(super) fn new(identity: &str) -> Self {
        let pseudonym = match crate::random::text() {
            Some(random) => format!("{ERASED}-{}", random.chars().take(PSEUDONYM_CHARS).collect::<String>()),
            None => ERASED.to_owned(),
        };
        Self { identity: identity.to_owned(), quoted: Value::from(identity).to_string(), pseudonym }
    }

    /// Whether a JSON text names them.
    pub(super) fn is_in(&self, json: &str) -> bool {
        // Most texts are let go without being parsed: JSON of ours is written in one way.
        json.contains(&self.quoted) && serde_json::from_str(json).is_ok_and(|value| self.is_named(&value, false))
    }

    fn is_named(&self, value: &Value, is_name: bool) -> bool {
        match value {
            Value::String(text) => is_name && *text == self.identity,
            Value::Array(values) => values.iter().any(|value| self.is_named(value, is_name)),
            Value::Object(fields) => {
                fields.iter().any(|(key, value)| self.is_named(value, NAMES.contains(&key.as_str())))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn is_in_event(&self, event: &StoredEvent) -> bool {
        event.body.as_ref().is_some_and(|body| self.is_in(body))
    }

    fn is_in_audit(&self, audit: &StoredAudit) -> bool {
        audit.by == self.identity || audit.on.as_ref() == Some(&self.identity) || self.is_in(&audit.details)
    }

    fn is_in_state(&self, key: &str, value: &str) -> bool {
        key.split_once(':').is_some_and(|(_, whose)| whose == self.identity) || self.is_in(value)
    }

    /// Their rows of state, and how many answers to them are kept.
    pub(super) fn state(&self, from: &Connection, most: usize) -> rusqlite::Result<(Vec<[String; 3]>, u64)> {
        let moment = from.unchecked_transaction()?;
        let mut found = Vec::new();
        let mut statement = moment.prepare_cached("SELECT room, key, value, sum FROM state")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Some((room, key, value, _)) = rows::read_state(row)
                && found.len() < most
                && self.is_in_state(&key, &value)
            {
                found.push([room, key, value]);
            }
        }
        let mut statement = moment.prepare_cached("SELECT count(*) FROM answers WHERE whose = ?")?;
        let answers: i64 = statement.query_row([&self.identity], |row| row.get(0))?;
        Ok((found, answers.unsigned_abs()))
    }

    /// Their events after `after`, and all that are damaged.
    pub(super) fn events(&self, from: &Connection, after: u64, most: usize) -> rusqlite::Result<Piece<StoredEvent>> {
        log::look::<Events>(from, after, most, |event| self.is_in_event(event))
    }

    /// The entries of the audit log after `after` that are by or on them, and all that are damaged.
    pub(super) fn audits(&self, from: &Connection, after: u64, most: usize) -> rusqlite::Result<Piece<StoredAudit>> {
        log::look::<Audits>(from, after, most, |audit| self.is_in_audit(audit))
    }

    /// Takes them out of the events after `after`. Gives how many were changed, and up to where was looked.
    pub(super) fn erase_events(&self, ledger: &mut Ledger, after: u64) -> rusqlite::Result<(u64, Option<u64>)> {
        let piece = self.events(&ledger.connection, after, ROWS_A_STEP)?;
        let without = |event: &StoredEvent| event.body.as_ref().map(|body| self.without(body));
        let found: Vec<_> = piece.found.iter().filter_map(|event| Some((event, without(event)?))).collect();
        if !found.is_empty() {
            ledger.transact(|to, _| found.iter().try_for_each(|(event, body)| rows::update_event(to, event, body)))?;
        }
        Ok((found.len() as u64, piece.upto))
    }

    /// Takes them out of the audit log after `after`; if `keep_bans`, what was done about bans stays as it is. Gives how many entries were changed, and up
    /// to where was looked.
    pub(super) fn erase_audits(
        &self,
        ledger: &mut Ledger,
        after: u64,
        keep_bans: bool,
    ) -> rusqlite::Result<(u64, Option<u64>)> {
        let piece = self.audits(&ledger.connection, after, ROWS_A_STEP)?;
        let is_kept = |audit: &StoredAudit| audit.damaged || (keep_bans && ABOUT_BANS.contains(&audit.act.as_str()));
        let found: Vec<_> =
            piece.found.into_iter().filter(|audit| !is_kept(audit)).map(|audit| self.erased(audit)).collect();
        if !found.is_empty() {
            ledger.transact(|to, _| found.iter().try_for_each(|audit| rows::put_audit(to, audit)))?;
        }
        Ok((found.len() as u64, piece.upto))
    }

    /// Takes away what was answered to them, and what was answered to others that names them.
    pub(super) fn erase_answers(&self, ledger: &mut Ledger) -> rusqlite::Result<u64> {
        ledger.transact(|to, totals| {
            let mut named = Vec::new();
            let mut select = to.prepare_cached(rows::ANSWER)?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                if let Some((answer, _)) = rows::read_answer(row)
                    && (answer.whose == self.identity
                        || std::str::from_utf8(&answer.body).is_ok_and(|body| self.is_in(body)))
                {
                    named.push((answer.whose, answer.key));
                }
            }
            let mut delete = to.prepare_cached("DELETE FROM answers WHERE whose = ? AND key = ? RETURNING sum")?;
            for (whose, key) in &named {
                for sum in delete.query_map(params![whose, key], |row| row.get(0))? {
                    totals.went(sum?);
                }
            }
            Ok(named.len() as u64)
        })
    }

    /// The same event, in which someone else's name stands for this person, and nothing of what they said or were called. Whatever is not about them is as it
    /// was, so whoever folds the log comes to the same seats.
    fn without(&self, body: &str) -> String {
        let Ok(mut event) = serde_json::from_str(body) else { return ERASED_EVENT.to_owned() };
        self.take_out(&mut event);
        event.to_string()
    }

    fn take_out(&self, value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| self.take_out(value)),
            Value::Object(fields) => {
                // Elsewhere a reason is a code: that someone left, or was kicked.
                let has_words_as_reason =
                    fields.contains_key("since_ms") || fields.get("type").is_some_and(|kind| kind == "moderation");
                let mut words: Vec<&str> = Vec::new();
                for (names, said) in WORDS {
                    if names.iter().any(|name| fields.get(*name).is_some_and(|value| *value == self.identity.as_str()))
                    {
                        words.extend(*said);
                    }
                }
                words.retain(|word| *word != "reason" || has_words_as_reason);
                for (key, value) in fields.iter_mut() {
                    let is_name = NAMES.contains(&key.as_str());
                    match value {
                        Value::String(text) if is_name && *text == self.identity => text.clone_from(&self.pseudonym),
                        Value::String(text) if words.contains(&key.as_str()) => ERASED.clone_into(text),
                        Value::Array(values) if is_name => values.iter_mut().for_each(|value| {
                            if *value == self.identity.as_str() {
                                *value = Value::from(self.pseudonym.as_str());
                            }
                            self.take_out(value);
                        }),
                        Value::Null
                        | Value::Bool(_)
                        | Value::Number(_)
                        | Value::String(_)
                        | Value::Array(_)
                        | Value::Object(_) => self.take_out(value),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn erased(&self, audit: StoredAudit) -> StoredAudit {
        let erase = |text: String| if text == self.identity { ERASED.to_owned() } else { text };
        let details = if self.is_in(&audit.details) { ERASED_EVENT.to_owned() } else { audit.details };
        StoredAudit {
            by: erase(audit.by),
            on: audit.on.map(erase),
            reason: audit.reason.map(|_| ERASED.to_owned()),
            details,
            ..audit
        }
    }
}

/// The fields under which a person's identity stands in JSON of ours.
const NAMES: &[&str] = &["identity", "identities", "by", "from", "to", "on", "who", "host", "holder"];
/// In an object that has the person under one of the first fields, the second ones are about them: how they are called, what they wrote, why it was done.
const WORDS: &[(&[&str], &[&str])] = &[
    (&["identity", "who", "holder"], &["name", "reason"]),
    (&["from"], &["from_name", "name", "text"]),
    (&["to"], &["to_name"]),
    (&["by", "on"], &["reason"]),
];
/// How long the random part of a pseudonym is.
const PSEUDONYM_CHARS: usize = 8;
/// What is done about bans.
const ABOUT_BANS: &[&str] = &["member_ban", "member_unban"];
const ERASED: &str = "erased";
const ERASED_EVENT: &str = r#"{"type":"erased"}"#;
/// How many rows are changed in one transaction.
const ROWS_A_STEP: usize = 1_000;
