//! Spin's variables, all of them undefined. The WASI 0.2 component is composed with this one, so that `wasmtime serve` can run it.

#![allow(unsafe_code, clippy::same_length_and_capacity)] // The macro of the entry point expands to such code.

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
