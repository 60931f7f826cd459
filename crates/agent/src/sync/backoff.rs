//! How long to leave a server alone that does not answer: longer each time, and never in step with other agents.

use std::time::Duration;

use proofline_core::Entropy;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_mins(5);
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// Counts failures in a row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It went well.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// One more failure: the time to wait. Between half and all of 5 s, 10 s, 20 s … 5 min; never shorter than the
    /// server asked for, and up to a quarter longer.
    pub fn next(&mut self, asked: Option<Duration>, entropy: &dyn Entropy) -> Duration {
        let own = FIRST.saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let own = own / 2 + jitter(own / 2, entropy);
        asked.map_or(own, |asked| {
            let asked = asked.min(LONGEST_ASKED);
            own.max(asked + jitter(asked / 4, entropy))
        })
    }
}

/// A time between nothing and `most`.
pub fn jitter(most: Duration, entropy: &dyn Entropy) -> Duration {
    let share = f64::from(u32::from_le_bytes(entropy.bytes())) / f64::from(u32::MAX);
    most.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use proofline_core::SeededEntropy;

    use super::*;

    #[test]
    fn it_grows_to_a_limit_and_starts_over() {
        let entropy = SeededEntropy::new(1);
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..12).map(|_| backoff.next(None, &entropy)).collect();
        for (wait, seconds) in waits.iter().zip([5, 10, 20, 40, 80, 160, 300, 300]) {
            let full = Duration::from_secs(seconds);
            assert!((full / 2..=full).contains(wait), "{wait:?} of {full:?}");
        }
        backoff.reset();
        assert!(backoff.next(None, &entropy) <= FIRST);
    }

    #[test]
    fn the_server_is_left_alone_as_long_as_it_asks() {
        let entropy = SeededEntropy::new(2);
        let wait = Backoff::default().next(Some(Duration::from_mins(2)), &entropy);
        assert!((120..=150).contains(&wait.as_secs()), "{wait:?}");
        let endless = Backoff::default().next(Some(Duration::from_secs(1 << 40)), &entropy);
        assert!(endless <= LONGEST_ASKED * 5 / 4);
    }
}
