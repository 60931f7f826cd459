//! Randomness as a parameter. Binaries hand in the operating system's source, tests a seeded one.

use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A source of unpredictable bytes, shared between threads.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `buffer`. An implementation that cannot must abort the process: there is no safe fallback.
    fn fill(&self, buffer: &mut [u8]);
}

impl<E: Entropy + ?Sized> Entropy for Arc<E> {
    fn fill(&self, buffer: &mut [u8]) {
        (**self).fill(buffer);
    }
}

impl dyn Entropy {
    /// `N` fresh bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut buffer = [0; N];
        self.fill(&mut buffer);
        buffer
    }
}

/// A reproducible source for tests and simulations. Not for keys or tokens that protect anything.
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    /// The same seed gives the same bytes.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_reproducible() {
        let (a, b): (Arc<dyn Entropy>, Arc<dyn Entropy>) =
            (Arc::new(SeededEntropy::new(7)), Arc::new(SeededEntropy::new(7)));
        assert_eq!(a.bytes::<16>(), b.bytes::<16>());
        assert_ne!(a.bytes::<16>(), [0; 16]);
    }
}
