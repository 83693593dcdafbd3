//! The wire to the letter: golden frames, the JSON Schema and the TypeScript types made from the same structs, and the reference for people.
//!
//! Files that are made here are compared; with `PODIUM_UPDATE_GOLDEN=1` they are written instead.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

use std::path::PathBuf;

pub(crate) mod codes;
pub(crate) mod schema;

mod bodies;
mod checker;
mod client_golden;
mod examples;
mod outside;
mod parse;
mod reference;
mod server_golden;
mod typescript;

/// How deep the tests let frames nest.
const DEPTH: usize = 16;

/// A file below `signaling/schema`.
fn schema_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema").join(name)
}

fn read(name: &str) -> String {
    let path = schema_file(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Holds that a file is as it is made here, or makes it so.
pub(crate) fn hold(name: &str, made: &str) {
    if std::env::var_os("PODIUM_UPDATE_GOLDEN").is_some() {
        let path = schema_file(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, made).unwrap();
        return;
    }
    let held = read(name);
    if held != made {
        let differs = held.lines().zip(made.lines()).find(|(held, made)| held != made);
        panic!(
            "{name} is not as it is made here: {differs:?}. If that is meant, run with PODIUM_UPDATE_GOLDEN=1, then again without"
        );
    }
}

/// The names of the golden files of one direction, without their ending, in order.
fn golden_names(direction: &str) -> Vec<String> {
    let entries = std::fs::read_dir(schema_file(&format!("golden/{direction}"))).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().strip_suffix(".json").unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Every golden frame of one direction with its name.
fn golden(direction: &str) -> Vec<(String, String)> {
    golden_names(direction)
        .into_iter()
        .map(|name| {
            let text = read(&format!("golden/{direction}/{name}.json"));
            (name, text.trim_end().to_owned())
        })
        .collect()
}
