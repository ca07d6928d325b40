//! Compiles `bcmp.c` for programs that are linked with musl.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=src/bcmp.c");
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("musl") {
        // Without builtins, or the compiler would make a call of bcmp of it.
        cc::Build::new().file("src/bcmp.c").flag("-fno-builtin").compile("bcmp");
    }
}
