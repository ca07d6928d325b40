//! Macros that make one test per runtime from a function. The name of the runtime is a part of the test's name.

/// Makes tests of functions that take a server, each with the flags that it is started with: `name(&["--flag"]);`.
#[macro_export]
macro_rules! server_tests {
    ($($name:ident($flags:expr);)+) => {
        $crate::runtime_module!(native { $($name(&$crate::start($crate::native_command(), $flags));)+ });
        $crate::runtime_module!(wasi_0_2 { $($name(&$crate::start($crate::host_command("hello-wasi-0.2.wasm"), $flags));)+ });
        $crate::runtime_module!(wasi_0_3 { $($name(&$crate::start($crate::host_command("hello-wasi-0.3.wasm"), $flags));)+ });
    };
}

/// Makes tests of functions that take the command of a server: `name;`.
#[macro_export]
macro_rules! command_tests {
    ($($name:ident;)+) => {
        $crate::runtime_module!(native { $($name($crate::native_command());)+ });
        $crate::runtime_module!(wasi_0_2 { $($name($crate::host_command("hello-wasi-0.2.wasm"));)+ });
        $crate::runtime_module!(wasi_0_3 { $($name($crate::host_command("hello-wasi-0.3.wasm"));)+ });
    };
}

/// Makes tests of functions that take a misbehaving guest, by its file, for both versions of WASI: `name;`.
#[macro_export]
macro_rules! guest_tests {
    ($($name:ident;)+) => {
        $crate::runtime_module!(wasi_0_2 { $($name("guest_p2.wasm");)+ });
        $crate::runtime_module!(wasi_0_3 { $($name("guest_p3.wasm");)+ });
    };
}

/// Makes the tests of one runtime.
#[doc(hidden)]
#[macro_export]
macro_rules! runtime_module {
    ($runtime:ident { $($name:ident($argument:expr);)+ }) => {
        mod $runtime {
            $(#[test] fn $name() { super::$name($argument); })+
        }
    };
}
