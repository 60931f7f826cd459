fn main() {
    let (one, two) = (proofline_core::Secret::new("a"), proofline_core::Secret::new("a"));
    let _ = one == two;
}
