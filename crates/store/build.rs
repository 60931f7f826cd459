//! The migrations are compiled in: a new one is a change of this crate.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
