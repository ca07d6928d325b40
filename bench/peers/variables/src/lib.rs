//! Spin's variables for a host that has none: every one is undefined. Composed with the WASI 0.2 component, so that `wasmtime serve`
//! can run it.

#![allow(unsafe_code, clippy::same_length_and_capacity)] // The entry point's macro expands to it.

wit_bindgen::generate!({
    inline: "
        package fermyon:spin@2.0.0;
        interface variables {
            variant error { invalid-name(string), undefined(string), provider(string), other(string) }
            get: func(name: string) -> result<string, error>;
        }
        world provider { export variables; }
    ",
});

use exports::fermyon::spin::variables::{Error, Guest};

struct Undefined;
export!(Undefined);

impl Guest for Undefined {
    fn get(name: String) -> Result<String, Error> {
        Err(Error::Undefined(name))
    }
}
