//! The web app is embedded: a newer build of it means a newer build of this.

fn main() {
    println!("cargo:rerun-if-changed=../../web/dist");
}
