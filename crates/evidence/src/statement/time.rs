//! Times in statements: RFC 3339 in UTC with one spelling per instant.

use chrono::{NaiveDate, TimeDelta};
use proofline_core::{Timestamp, format_rfc3339};
use serde::Serializer;

use crate::{Defect, Reason};

pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_rfc3339(*at))
}

/// Reads `2026-11-22T02:50:00Z`, with a fraction of three or six digits only where it is not zero. Years 1970 to 9999.
pub(crate) fn parse(field: &'static str, text: &str) -> Result<Timestamp, Defect> {
    read(text).ok_or_else(|| {
        Defect::new(Reason::FieldValue, format!("`{field}` is not a time in canonical RFC 3339"))
    })
}

fn read(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if bytes.len() < 20 || separators.iter().any(|&(place, byte)| bytes[place] != byte) {
        return None;
    }
    let micros = match &bytes[19..] {
        b"Z" => 0,
        [b'.', a, b, c, b'Z'] => number(&[*a, *b, *c]).filter(|&n| n > 0)? * 1_000,
        [b'.', fraction @ .., b'Z'] if fraction.len() == 6 => number(fraction).filter(|n| n % 1_000 != 0)?,
        _ => return None,
    };
    let [year, month, day] = [number(&bytes[..4])?, number(&bytes[5..7])?, number(&bytes[8..10])?];
    let [hour, minute, second] = [number(&bytes[11..13])?, number(&bytes[14..16])?, number(&bytes[17..19])?];
    if year < 1970 {
        return None;
    }
    let at =
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?.and_hms_opt(hour, minute, second)?;
    Some(at.and_utc() + TimeDelta::microseconds(i64::from(micros)))
}

fn number(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0_u32, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_per_instant() {
        for good in [
            "1970-01-01T00:00:00Z",
            "2026-11-22T02:50:00.001Z",
            "2028-02-29T23:59:59.000001Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(format_rfc3339(parse("t", good).expect(good)), good);
        }
        for bad in [
            "",
            "2026-11-22T02:50:00",
            "2026-11-22T02:50:00+00:00",
            "2026-11-22t02:50:00Z",
            "2026-11-22T02:50:00z",
            "2026-11-22 02:50:00Z",
            "2026-11-22T02:50:60Z",
            "2026-11-22T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-22T02:50:00.0Z",
            "2026-11-22T02:50:00.000Z",
            "2026-11-22T02:50:00.100000Z",
            "2026-11-22T02:50:00.12Z",
            "2026-11-22T02:50:00.123456789Z",
            "1969-12-31T23:59:59Z",
            "+2026-11-22T02:50:00Z",
            "12026-11-22T02:50:00Z",
            "2026-1-22T02:50:00ZZ",
            "2026-11-22T02:50:00é",
            "2026-00-22T02:50:00Z",
            "2026-11-00T02:50:00Z",
        ] {
            assert!(parse("t", bad).is_err(), "{bad:?}");
        }
    }
}
