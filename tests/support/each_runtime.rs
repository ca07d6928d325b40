//! A test for each runtime, of a function that holds for all: the name of the runtime is a part of the test's.

/// Makes tests of functions that take a server, each with the flags that it is started with: `name(&["--flag"]);`.
#[macro_export]
macro_rules! server_tests {
    ($($name:ident($flags:expr);)+) => {
        mod native {
            $(#[test] fn $name() { super::$name(&$crate::start($crate::native(), $flags)); })+
        }
        mod wasi_0_2 {
            $(#[test] fn $name() { super::$name(&$crate::start($crate::host("hello-wasi-0.2.wasm"), $flags)); })+
        }
        mod wasi_0_3 {
            $(#[test] fn $name() { super::$name(&$crate::start($crate::host("hello-wasi-0.3.wasm"), $flags)); })+
        }
    };
}

/// The same of functions that take the command that starts a server: `name;`.
#[macro_export]
macro_rules! command_tests {
    ($($name:ident;)+) => {
        mod native {
            $(#[test] fn $name() { super::$name($crate::native()); })+
        }
        mod wasi_0_2 {
            $(#[test] fn $name() { super::$name($crate::host("hello-wasi-0.2.wasm")); })+
        }
        mod wasi_0_3 {
            $(#[test] fn $name() { super::$name($crate::host("hello-wasi-0.3.wasm")); })+
        }
    };
}

/// The same of functions that take the file of a guest of the tests' own, for both versions of WASI: `name;`.
#[macro_export]
macro_rules! guest_tests {
    ($($name:ident;)+) => {
        mod wasi_0_2 {
            $(#[test] fn $name() { super::$name("guest_p2.wasm"); })+
        }
        mod wasi_0_3 {
            $(#[test] fn $name() { super::$name("guest_p3.wasm"); })+
        }
    };
}
