//! What documents have for tests, and tests for documents.

use std::fs;

use crate::workspace;

const END: &str = "<!-- to here -->\n";

/// Puts a text into a document of the project, in place of what the same command has put there.
///
/// # Panics
/// Where the document has no place for it, which begins with a comment that names the command, and ends with another.
pub fn update_document(document: &str, command: &str, text: &str) {
    let path = workspace().join(document);
    let begin = format!("<!-- made by `{command}` -->\n");
    let old = fs::read_to_string(&path).expect(document);
    let (before, rest) = old.split_once(&begin).expect("where the text begins");
    let (_, after) = rest.split_once(END).expect("where it ends");
    fs::write(path, format!("{before}{begin}\n{text}\n{END}{after}")).expect(document);
}

/// A block of code in a document.
pub struct Block {
    /// The heading that it is below.
    pub heading: String,
    /// What it is marked as, such as `sh`.
    pub language: String,
    /// Its lines.
    pub text: String,
}

/// The blocks of code in a document of the project.
///
/// # Panics
/// Where there is no such document.
#[must_use]
pub fn all_blocks(document: &str) -> Vec<Block> {
    let text = fs::read_to_string(workspace().join(document)).expect(document);
    let (mut blocks, mut heading, mut begun) = (Vec::new(), "", None);
    for line in text.lines() {
        match (line.strip_prefix("```"), begun.take()) {
            (Some(language), None) => {
                begun = Some(Block { heading: heading.to_owned(), language: language.to_owned(), text: String::new() });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(block)) => begun = Some(Block { text: block.text + line + "\n", ..block }),
            (None, None) if line.starts_with('#') => heading = line.trim_start_matches(['#', ' ']),
            (None, None) => {}
        }
    }
    blocks
}

/// Those that are in a language.
///
/// # Panics
/// Where there is no such document.
#[must_use]
pub fn blocks(document: &str, language: &str) -> Vec<Block> {
    all_blocks(document).into_iter().filter(|block| block.language == language).collect()
}
