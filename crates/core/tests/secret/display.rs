fn main() {
    println!("{}", proofline_core::Secret::new("a"));
}
