//! A document with steps: the fenced blocks that are marked `sh walk`, and what each must print.

/// One block: a piece of a shell session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The line of its fence.
    pub(crate) line: usize,
    /// Programs without which it is skipped.
    pub(crate) tools: Vec<String>,
    /// It brings what later steps of its tools need; where it fails, they are skipped.
    pub(crate) is_install: bool,
    pub(crate) script: String,
    /// What must have been printed, in this order; `…` stands for anything.
    pub(crate) expected: Vec<String>,
}

/// The steps of a document, in order.
pub(crate) fn steps(document: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = document.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(words) = line.strip_prefix(FENCE).filter(|words| words.is_empty() || words.starts_with(' ')) else {
            continue;
        };
        let block: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        let is_install = words.split_whitespace().any(|word| word == INSTALL);
        let tools = words.split_whitespace().filter(|word| *word != INSTALL).map(str::to_owned).collect();
        let expected = block.iter().filter_map(|line| line.strip_prefix(EXPECTED)).map(str::to_owned).collect();
        steps.push(Step { line: index + 1, tools, is_install, script: block.join("\n") + "\n", expected });
    }
    steps
}

/// The first of `expected` that was not printed where it belongs: behind the one before it.
pub(crate) fn missing<'a>(printed: &str, expected: &'a [String]) -> Option<&'a str> {
    let mut rest = printed;
    for words in expected {
        for piece in words.split('…') {
            let Some(start) = rest.find(piece) else {
                return Some(words);
            };
            rest = &rest[start + piece.len()..];
        }
    }
    None
}

const FENCE: &str = "```sh walk";
const INSTALL: &str = "install";
const EXPECTED: &str = "# => ";
