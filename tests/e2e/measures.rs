//! Measured values, which are printed at the end of the run.

use std::sync::Mutex;

static MEASURES: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

pub(crate) fn measure(what: impl Into<String>, value: impl Into<String>) {
    MEASURES.lock().expect("the lock is not poisoned").push((what.into(), value.into()));
}

pub(crate) fn print() {
    let measures = MEASURES.lock().expect("the lock is not poisoned");
    println!("measured:");
    for (what, value) in measures.iter() {
        println!("  {what:<52} {value}");
    }
}
