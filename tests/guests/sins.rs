// What a guest can do wrong, the same for both WASI versions. Included by each fixture.

use std::{
    arch::wasm32::memory_grow,
    env,
    hash::{BuildHasher, RandomState},
    hint::black_box,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// Requests that this instance has answered: what a fresh instance must not know.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The value of a header that would be two.
const FORGED: &[u8] = b"y\r\nforged: yes";

/// The answer of a sin that comes back.
fn sin(path: &str) -> String {
    match path {
        "/loop" => loop {
            black_box(());
        },
        "/trap" => panic!("as requested"),
        "/recurse" => recurse(0).to_string(),
        "/memory" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(black_box(vec![1; 1 << 20]));
            }
        }
        // More than there may be: the host says no, each time.
        "/greedy" => loop {
            black_box(memory_grow::<0>(0xffff));
        },
        "/print" => {
            println!("first line\u{1b}[31m\"}}\n{{\"level\":\"ERROR\"");
            for line in 0..1_000_000 {
                println!("line {line} {}", "x".repeat(200));
            }
            "printed".to_owned()
        }
        "/environment" => {
            let mut names: Vec<_> = env::vars().map(|(name, _)| name).collect();
            names.sort();
            names.join(" ")
        }
        "/line" => {
            println!("{}", "x".repeat(300));
            "printed".to_owned()
        }
        "/count" => COUNT.fetch_add(1, Relaxed).to_string(),
        _ => "ok".to_owned(),
    }
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth + 1)) + 1)
}

/// Runs while the component is instantiated: with `LOOP_AT_START=always` it never ends, with `half` it ends every other time.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    let loops = match env::var("LOOP_AT_START").as_deref() {
        Ok("always") => true,
        Ok("half") => RandomState::new().hash_one(()).is_multiple_of(2),
        _ => false,
    };
    while black_box(loops) {}
}
