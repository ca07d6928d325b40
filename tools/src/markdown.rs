//! Blocks in Markdown documents: code, and text that a command generates.

use std::{fs, io, path::Path};

/// The comment below a generated block.
const END: &str = "<!-- to here -->";

/// A fenced block of code.
#[derive(Debug, PartialEq)]
pub struct CodeBlock {
    /// The heading above it.
    pub heading: String,
    /// The language after the fence, such as `sh`.
    pub language: String,
    /// Its lines.
    pub text: String,
}

/// Returns all fenced blocks of code, in their order.
#[must_use]
pub fn code_blocks(document: &str) -> Vec<CodeBlock> {
    let (mut blocks, mut heading, mut open) = (Vec::new(), "", None);
    for line in document.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(language), None) => {
                open =
                    Some(CodeBlock { heading: heading.to_owned(), language: language.to_owned(), text: String::new() });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(block)) => open = Some(CodeBlock { text: block.text + line + "\n", ..block }),
            (None, None) if line.starts_with('#') => heading = line.trim_start_matches(['#', ' ']),
            (None, None) => {}
        }
    }
    blocks
}

/// Returns the first block of shell commands below a heading.
#[must_use]
pub fn shell_block(document: &str, heading: &str) -> Option<String> {
    let mut blocks = code_blocks(document).into_iter();
    blocks.find(|block| block.heading == heading && block.language == "sh").map(|block| block.text)
}

/// Replaces the block of a file that a command generates.
///
/// # Errors
/// The file has no such block, or cannot be read or written.
pub fn update_file(file: &Path, command: &str, text: &str) -> io::Result<()> {
    let old = fs::read_to_string(file)?;
    let new = replace_generated(&old, command, text).ok_or_else(|| {
        let begin = begin(command);
        io::Error::other(format!(
            "{} has no block for `{command}`: add a line {begin}, and below it a line {END}",
            file.display()
        ))
    })?;
    fs::write(file, new)
}

/// Replaces the block that a command generates: the lines between a comment that names the command and the end comment.
#[must_use]
pub fn replace_generated(document: &str, command: &str, text: &str) -> Option<String> {
    let begin = begin(command);
    let lines: Vec<_> = document.lines().collect();
    let first = lines.iter().position(|line| *line == begin)?;
    let last = first + lines[first..].iter().position(|line| *line == END)?;
    let block = ["", text.trim_end(), ""];
    Some([&lines[..=first], &block, &lines[last..], &[""]].concat().join("\n"))
}

fn begin(command: &str) -> String {
    format!("<!-- made by `{command}` -->")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str =
        "# Title\n\n```sh\none\n```\n\n## Run it\n\n```text\n# not a heading\n```\n\n```sh\ntwo\nthree\n```\n";

    #[test]
    fn code_blocks_have_heading_language_and_text() {
        let block = |heading: &str, language: &str, text: &str| CodeBlock {
            heading: heading.to_owned(),
            language: language.to_owned(),
            text: text.to_owned(),
        };
        let expected = [
            block("Title", "sh", "one\n"),
            block("Run it", "text", "# not a heading\n"),
            block("Run it", "sh", "two\nthree\n"),
        ];
        assert_eq!(code_blocks(DOCUMENT), expected);
    }

    #[test]
    fn shell_block_is_the_first_below_its_heading() {
        assert_eq!(shell_block(DOCUMENT, "Run it").as_deref(), Some("two\nthree\n"));
        assert_eq!(shell_block(DOCUMENT, "Stop it"), None);
    }

    #[test]
    fn generated_block_is_replaced_between_its_comments() {
        let document = |text: &str| format!("before\n<!-- made by `make a` -->\n{text}\n<!-- to here -->\nafter\n");
        let new = replace_generated(&document("old\nlines"), "make a", "new\n");
        assert_eq!(new, Some(document("\nnew\n")));
        assert_eq!(new.and_then(|text| replace_generated(&text, "make a", "new")), Some(document("\nnew\n")));
    }

    #[test]
    fn document_without_both_comments_is_left_alone() {
        assert_eq!(replace_generated("<!-- made by `make a` -->\n<!-- to here -->\n", "make b", "text"), None);
        assert_eq!(replace_generated("<!-- made by `make a` -->\n", "make a", "text"), None);
    }
}
