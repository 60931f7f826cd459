//! The operating system's randomness.

use proofline_core::Entropy;

/// `getrandom(2)`.
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        // Without randomness no key and no token may be made: there is nothing safe to do but stop.
        getrandom::fill(buffer).expect("the operating system gives randomness");
    }
}
