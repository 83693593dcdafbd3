//! A source is a file as the rules see it: its text, and every path that its code names, with the line.
//!
//! It reads tokens, not types, and blanks comments and strings first. It knows nothing of the rules, nor which folders there are.

pub(crate) mod tree;

/// A file as the rules see it.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    /// Every path named in code, with its line: `use a::{b, c::d}` is `a::b` and `a::c::d`.
    pub(crate) named: Vec<Named>,
    /// The same without what is compiled for tests only.
    pub(crate) named_in_production: Vec<Named>,
}

/// A path that stands in code.
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
}

impl Named {
    /// Whether its segments hold this run of segments.
    pub(crate) fn holds(&self, run: &[&str]) -> bool {
        self.segments.windows(run.len()).any(|window| window.iter().eq(run))
    }
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (mut named, mut named_in_production) = (Vec::new(), Vec::new());
        if path.ends_with(".rs") {
            let code = without_comments_and_strings(text);
            named = paths_named(&code);
            if !is_for_tests(path) {
                named_in_production = paths_named(&without_test_items(&code));
            }
        }
        Self { path: path.to_owned(), text: text.to_owned(), named, named_in_production }
    }

    pub(crate) fn breach(&self, line: usize, rule: impl std::fmt::Display) -> String {
        format!("{}:{line}: {rule}", self.path)
    }

    /// `src/router/slots.rs` below `src/` is the module `router::slots`; the crate's roots are empty.
    pub(crate) fn module_below<'a>(&'a self, base: &str) -> Option<Vec<&'a str>> {
        let inner = self.path.strip_prefix(base)?.strip_suffix(".rs")?;
        let mut module: Vec<_> = inner.split('/').collect();
        if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
            module.pop();
        }
        Some(module)
    }
}

/// Files that only tests are made of; those modules stand beside what they test.
fn is_for_tests(path: &str) -> bool {
    let is_folder = |name: &str| path.starts_with(&format!("{name}/")) || path.contains(&format!("/{name}/"));
    is_folder("tests") || is_folder("benches") || path.ends_with("/tests.rs")
}

/// Blanks comments, strings and characters, keeping every line where it is.
fn without_comments_and_strings(text: &str) -> String {
    let mut rest = text;
    let mut code = String::with_capacity(text.len());
    let mut previous = ' ';
    while let Some(first) = rest.chars().next() {
        let after_word = previous.is_alphanumeric() || previous == '_';
        let taken = length_of_comment(rest).or_else(|| length_of_literal(rest, after_word));
        let length = taken.unwrap_or(first.len_utf8());
        match taken {
            Some(_) => code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' })),
            None => code.push(first),
        }
        previous = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    code
}

fn length_of_comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    Some(rest.len())
}

fn length_of_literal(rest: &str, after_word: bool) -> Option<usize> {
    if let Some(character) = rest.strip_prefix('\'') {
        let mut characters = character.char_indices();
        return match characters.next()? {
            (_, '\\') => Some(1 + character[2..].find('\'')? + 3),
            _ => characters.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 2),
        };
    }
    // A raw string may begin with any of r, br, cr; a plain one's b or c is left behind, as it hurts nobody.
    let prefix = if after_word {
        ""
    } else {
        ["br", "cr", "r"].into_iter().find(|prefix| rest.starts_with(prefix)).unwrap_or("")
    };
    let body = &rest[prefix.len()..];
    let hashes = if prefix.is_empty() { 0 } else { body.len() - body.trim_start_matches('#').len() };
    let inner = body[hashes..].strip_prefix('"')?;
    let begun = prefix.len() + hashes + 1;
    if !prefix.is_empty() {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(inner.find(&end).map_or(rest.len(), |at| begun + at + end.len()));
    }
    let mut is_escaped = false;
    let end = inner.find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    Some(end.map_or(rest.len(), |at| begun + at + 1))
}

/// Blanks each item that `#[cfg(test)]` stands on, to the end of its block or to its semicolon.
fn without_test_items(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, item) = rest.split_at(at);
        let length = length_of_item(item);
        kept.push_str(before);
        kept.extend(item[..length].chars().filter(|c| *c == '\n'));
        rest = &item[length..];
    }
    kept + rest
}

fn length_of_item(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in item.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && matches!(c, ';' | '}') {
            return at + 1;
        }
    }
    item.len()
}

fn paths_named(code: &str) -> Vec<Named> {
    let mut tokens = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                c if c.is_alphanumeric() || c == '_' => {
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
                }
                ':' if rest.starts_with("::") => 2,
                c => c.len_utf8(),
            };
            tokens.push((index + 1, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    let (mut named, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        at = if is_word(tokens[at].1) { read_path(&tokens, at, &[], &mut named) } else { at + 1 };
    }
    named
}

/// Reads a path, or the tree of a `use`, from the word at `at`; says where it ends.
fn read_path(tokens: &[(usize, &str)], mut at: usize, stem: &[String], named: &mut Vec<Named>) -> usize {
    let mut segments = stem.to_vec();
    let line = tokens[at].0;
    loop {
        segments.push(tokens[at].1.to_owned());
        at += 1;
        let next = |ahead: usize| tokens.get(at + ahead).map_or("", |(_, token)| *token);
        match (next(0), next(1)) {
            ("::", word) if is_word(word) || word == "*" => at += 1,
            ("::", "{") => {
                at += 2;
                while at < tokens.len() && tokens[at].1 != "}" {
                    at = if is_word(tokens[at].1) { read_path(tokens, at, &segments, named) } else { at + 1 };
                }
                return at + 1;
            }
            _ => break,
        }
    }
    named.push(Named { line, segments });
    at
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
