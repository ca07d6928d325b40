//! A component that is no HTTP service: what a host of such must refuse.

fn main() {
    println!("hello from the command line");
}
