//! Compiles `memory.c` on x86-64. Without musl its functions get other names, so that only the tests call them.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=src/memory.c");
    let target = |part: &str| env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if target("ARCH") != "x86_64" {
        return;
    }
    let mut memory = cc::Build::new();
    // The tests run the code of a release. The flags keep the compiler from replacing the loops of memcpy by a call of memcpy.
    memory.file("src/memory.c").opt_level(3);
    memory.flag("-fno-builtin").flag_if_supported("-fno-tree-loop-distribute-patterns");
    if target("ENV") != "musl" {
        memory.define("memcpy", "hello_memcpy").define("memmove", "hello_memmove").define("bcmp", "hello_bcmp");
    }
    memory.compile("memory");
}
