//! A secret cannot be compared with `==`: it does not compile. Tokens are stored as digests and compared in constant time,
//! and whoever forgets that is told by the compiler. Nor does it print by accident.

#[test]
fn a_secret_is_neither_compared_nor_printed() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/secret/*.rs");
}
