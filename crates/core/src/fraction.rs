//! Rates are fractions from 0 to 1 in storage and on the wire; only screens show percent.

use serde::{Deserialize, Serialize};

/// A finite number in `0.0..=1.0`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fraction(f64);

/// The number was outside 0 to 1, or not a number.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a fraction lies between 0 and 1, got {0}")]
pub struct FractionError(f64);

impl Fraction {
    /// `part / whole`, or `None` where `whole` is zero: nothing measured is not 0 % and not 100 %.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "counts of controls and runs stay far below 2^52")]
        (whole > 0).then(|| Self((part.min(whole) as f64) / (whole as f64)))
    }

    /// The number, in `0.0..=1.0`.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Fraction {
    type Error = FractionError;

    fn try_from(value: f64) -> Result<Self, FractionError> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(FractionError(value)) }
    }
}

impl From<Fraction> for f64 {
    fn from(fraction: Fraction) -> Self {
        fraction.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_measured_is_no_fraction() {
        assert_eq!(Fraction::of(0, 0), None);
        assert_eq!(Fraction::of(1, 4).map(Fraction::value), Some(0.25));
    }

    #[test]
    fn out_of_range_is_refused() {
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Fraction::try_from(bad).is_err(), "{bad}");
        }
    }
}
