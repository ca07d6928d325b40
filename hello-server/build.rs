//! Compiles `memcpy.c` on x86-64. Without musl its functions get other names, so that only the tests call them.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=src/memcpy.c");
    let target = |part: &str| env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if target("ARCH") != "x86_64" {
        return;
    }
    let mut functions = cc::Build::new();
    // The tests run the code of a release. The flags keep the compiler from replacing the loops of memcpy by a call of memcpy.
    functions.file("src/memcpy.c").opt_level(3);
    functions.flag("-fno-builtin").flag_if_supported("-fno-tree-loop-distribute-patterns");
    if target("ENV") != "musl" {
        functions.define("memcpy", "hello_memcpy").define("memmove", "hello_memmove").define("bcmp", "hello_bcmp");
    }
    functions.compile("memcpy");
}
