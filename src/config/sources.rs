//! The sources of a configuration: the line of the file, or the variable, that set each key; and
//! what was odd about them.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where each key was set. A part of a list has its number as the last part of its key.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    places: BTreeMap<String, Place>,
    warnings: Vec<String>,
}

/// Where a key was set.
#[derive(Clone, Debug)]
enum Place {
    /// The number of a line of the file, from 1 on.
    Line(usize),
    Variable {
        name: String,
        text: String,
    },
}

impl Sources {
    /// A fault: where the key was set, the key, and what is wrong with it.
    pub fn fault(&self, key: &str, why: &str) -> String {
        match self.place(key) {
            Some(place) => format!("{place}: {key}: {why}"),
            None => format!("{key}: {why}"),
        }
    }

    /// The same for a whole section.
    pub(super) fn fault_of_section(&self, name: &str, why: &str) -> String {
        match self.place(name) {
            Some(place) => format!("{place}: [{name}]: {why}"),
            None => format!("[{name}]: {why}"),
        }
    }

    /// Where a key was set, for people: `podium.toml:7`, or the name of a variable. A key that is not
    /// known has the place of what it lies in, or of what lies in it.
    pub fn place(&self, key: &str) -> Option<String> {
        let mut above = Some(key);
        while let Some(at) = above {
            if let Some(place) = self.places.get(at) {
                return Some(self.shown(place));
            }
            above = at.rsplit_once('.').map(|(above, _)| above);
        }
        let within = format!("{key}.");
        let (at, place) = self.places.range(within.clone()..).next()?;
        at.starts_with(&within).then(|| self.shown(place))
    }

    /// What is odd and no fault.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Warns if every user of this machine may read a file.
    pub(super) fn warn_of_readers(&mut self, why: &str, path: &Path) {
        let Ok(metadata) = std::fs::metadata(path) else { return };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & READABLE_BY_OTHERS != 0 {
            let path = path.display();
            self.warn(format!(
                "{path}: every user of this machine may read it (mode {mode:03o}), but {why}: chmod o= {path}"
            ));
        }
    }

    /// Reads the file and notes its lines.
    pub(super) fn read_file(&mut self, file: &Path, faults: &mut Vec<String>) -> toml::Table {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                faults.push(format!("{}: {error}", file.display()));
                return toml::Table::new();
            }
        };
        self.file = Some(file.to_owned());
        self.read_text(&text, faults)
    }

    /// Reads the text of a file and notes its lines.
    pub(super) fn read_text(&mut self, text: &str, faults: &mut Vec<String>) -> toml::Table {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let line = Place::Line(line_of(text, error.span().map_or(0, |span| span.start)));
            faults.push(format!("{}: {}", self.shown(&line), error.message().trim_end()));
        }
        if !errors.is_empty() {
            return toml::Table::new();
        }
        self.note_table(text, "", table.get_ref());
        text.parse().unwrap_or_default()
    }

    /// Notes that a variable set a key.
    pub(super) fn note_variable(&mut self, key: &str, name: &str, text: &str) {
        self.forget(key);
        let place = Place::Variable { name: name.to_owned(), text: text.to_owned() };
        self.places.insert(key.to_owned(), place);
    }

    /// Forgets where a key, and all that lies in it, was set.
    pub(super) fn forget(&mut self, key: &str) {
        let within = format!("{key}.");
        self.places.retain(|at, _| at != key && !at.starts_with(&within));
    }

    /// The variable that set this key.
    pub(super) fn variable(&self, key: &str) -> Option<&str> {
        match self.places.get(key)? {
            Place::Variable { name, .. } => Some(name),
            Place::Line(_) => None,
        }
    }

    /// What the variable that set this key says, to the letter.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.places.get(key)? {
            Place::Variable { text, .. } => Some(text),
            Place::Line(_) => None,
        }
    }

    /// Whether the file set this key.
    pub(super) fn is_in_file(&self, key: &str) -> bool {
        matches!(self.places.get(key), Some(Place::Line(_)))
    }

    fn note_table(&mut self, text: &str, above: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let line = line_of(text, key.span().start);
            let at = if above.is_empty() { key.get_ref().to_string() } else { format!("{above}.{}", key.get_ref()) };
            self.note_value(text, at, line, value);
        }
    }

    fn note_value(&mut self, text: &str, at: String, line: usize, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.note_table(text, &at, table),
            DeValue::Array(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    self.note_value(text, format!("{at}.{index}"), line_of(text, part.span().start), part);
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
        self.places.insert(at, Place::Line(line));
    }

    fn shown(&self, place: &Place) -> String {
        match (place, &self.file) {
            (Place::Line(line), Some(file)) => format!("{}:{line}", file.display()),
            (Place::Line(line), None) => format!("line {line}"),
            (Place::Variable { name, .. }, _) => name.clone(),
        }
    }
}

/// The number of the line that holds this byte.
fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
}

const READABLE_BY_OTHERS: u32 = 0o004;
