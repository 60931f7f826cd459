//! Time as a parameter. Only the binaries construct [`SystemClock`]; everything else is given a [`Clock`].

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Datelike as _, SecondsFormat, Utc};

/// An instant in UTC. Stored and sent with microseconds at most, the resolution of `timestamptz`.
pub type Timestamp = DateTime<Utc>;

/// Tells the time. Implementations are cheap to clone and safe to share between threads.
pub trait Clock: Send + Sync + 'static {
    /// The current instant, cut to whole microseconds.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The machine's clock. Constructed in `main` and nowhere else.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }
}

/// A clock that moves only when told to; clones share the hand.
#[derive(Debug, Clone)]
pub struct FixedClock(Arc<AtomicI64>);

impl FixedClock {
    /// A clock that shows `start` until moved.
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.timestamp_micros())))
    }

    /// Moves the hand by `step`, which may be negative, and returns the new time.
    pub fn advance(&self, step: chrono::TimeDelta) -> Timestamp {
        self.0.fetch_add(step.num_microseconds().unwrap_or(0), Ordering::SeqCst);
        self.now()
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }
}

/// `2026-11-22T02:50:00Z`, with a fraction only where there is one. The one spelling used in signed statements.
pub fn format_rfc3339(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The text is not a time that this product deals with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an RFC 3339 time of the years 1970 to 2199")]
pub struct TimeError;

/// The years that a time from outside may be of. What lies beyond is a mistake or an attack, and not every part of a
/// deployment can hold it.
const YEARS: std::ops::Range<i32> = 1970..2200;

/// Reads an RFC 3339 time, in any offset, of the years 1970 to 2199, cut to whole microseconds.
pub fn parse_rfc3339(text: &str) -> Result<Timestamp, TimeError> {
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| TimeError)?.with_timezone(&Utc);
    let at = DateTime::from_timestamp_micros(at.timestamp_micros()).ok_or(TimeError)?;
    if YEARS.contains(&at.year()) { Ok(at) } else { Err(TimeError) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_when_told() {
        let clock = FixedClock::at(DateTime::from_timestamp_micros(1_000_000).expect("in range"));
        let twin = clock.clone();
        assert_eq!(clock.now(), twin.now());
        clock.advance(chrono::TimeDelta::seconds(60));
        assert_eq!(twin.now().timestamp(), 61);
        assert_eq!(format_rfc3339(twin.now()), "1970-01-01T00:01:01Z");
    }

    #[test]
    fn times_from_outside_are_of_this_age() {
        let read = |text| parse_rfc3339(text).map(format_rfc3339);
        assert_eq!(read("2026-11-22T03:50:00.123456789+01:00"), Ok("2026-11-22T02:50:00.123456Z".to_owned()));
        for bad in [
            "",
            "2026-11-22",
            "2026-11-22T02:50:00",
            "-9000-01-01T00:00:00Z",
            "+262142-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2200-01-01T00:00:00Z",
            "2199-12-31T23:59:59-01:00",
            "2026-02-30T00:00:00Z",
            "2026-11-22T02:50:00Z\0",
        ] {
            assert_eq!(read(bad), Err(TimeError), "{bad:?}");
        }
    }

    #[test]
    fn the_system_clock_has_no_sub_microsecond_part() {
        assert_eq!(SystemClock.now().timestamp_subsec_nanos() % 1_000, 0);
    }
}
