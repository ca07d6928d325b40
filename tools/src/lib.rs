//! Tools of the repository that are not tests. This library is shared with `tests` and `bench`; src/main.rs has the commands.

pub mod markdown;
