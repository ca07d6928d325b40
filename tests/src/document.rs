//! What tests have measured, written where it is read.

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
