//! Code blocks in documents, and documents that tests update.

use std::fs;

pub use tools::markdown::CodeBlock;
use tools::markdown::update_file;

use crate::workspace;

/// Replaces the text between the comment that names the command and the comment after it.
///
/// # Panics
/// Panics if the document lacks one of the comments.
pub fn update_document(document: &str, command: &str, text: &str) {
    update_file(&workspace().join(document), command, text).expect(document);
}

/// Returns the code blocks of a document.
///
/// # Panics
/// Panics if there is no such document.
#[must_use]
pub fn all_code_blocks(document: &str) -> Vec<CodeBlock> {
    tools::markdown::code_blocks(&fs::read_to_string(workspace().join(document)).expect(document))
}

/// Returns the code blocks of a document in one language.
///
/// # Panics
/// Panics if there is no such document.
#[must_use]
pub fn code_blocks(document: &str, language: &str) -> Vec<CodeBlock> {
    all_code_blocks(document).into_iter().filter(|block| block.language == language).collect()
}
