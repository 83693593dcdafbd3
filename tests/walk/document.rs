//! A document with steps: the fenced blocks that are marked `sh walk`, and what each must print.

/// One block: a piece of a shell session.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        // Within a list a block is indented.
        let indent = &line[..line.len() - line.trim_start().len()];
        let words = line.trim_start().strip_prefix(FENCE);
        let Some(words) = words.filter(|words| words.is_empty() || words.starts_with(' ')) else {
            continue;
        };
        let block = lines.by_ref().map(|(_, line)| line.strip_prefix(indent).unwrap_or(line));
        let block: Vec<&str> = block.take_while(|line| *line != "```").collect();
        let is_install = words.split_whitespace().any(|word| word == INSTALL);
        let tools = words.split_whitespace().filter(|word| *word != INSTALL).map(str::to_owned).collect();
        let expected = block.iter().filter_map(|line| line.strip_prefix(EXPECTED)).map(str::to_owned).collect();
        steps.push(Step { line: index + 1, tools, is_install, script: block.join("\n") + "\n", expected });
    }
    steps
}

/// The lines of all fences of a shell that are not marked as steps.
pub(crate) fn unmarked(document: &str) -> Vec<usize> {
    let lines = document.lines().enumerate().map(|(index, line)| (index + 1, line.trim_start()));
    let fences = lines.filter_map(|(line, text)| Some((line, text.strip_prefix("```")?)));
    let of_a_shell = fences.filter(|(_, words)| {
        words.split_whitespace().next().is_some_and(|word| ["sh", "bash", "shell", "console"].contains(&word))
    });
    of_a_shell.filter(|(_, words)| !words.starts_with("sh walk")).map(|(line, _)| line).collect()
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
