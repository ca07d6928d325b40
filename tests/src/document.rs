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

/// The blocks of code in a document of the project that are in this language.
///
/// # Panics
/// Where there is no such document.
#[must_use]
pub fn blocks(document: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(workspace().join(document)).expect(document);
    let begin = format!("\n```{language}\n");
    text.split(&begin).skip(1).filter_map(|rest| Some(rest.split_once("```\n")?.0.to_owned())).collect()
}
