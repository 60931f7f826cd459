fn main() {
    let _ = proofline_core::Secret::new("a") == "a";
}
