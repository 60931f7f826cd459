//! Recurring spans of local time: when disruptive work may happen, and when patients are in the house.

use chrono::{Datelike, NaiveTime, TimeDelta, Weekday};
use proofline_core::Timestamp;
use serde::{Deserialize, Serialize};

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of days")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    const fn of(day: Weekday) -> Self {
        match day {
            Weekday::Mon => Self::Monday,
            Weekday::Tue => Self::Tuesday,
            Weekday::Wed => Self::Wednesday,
            Weekday::Thu => Self::Thursday,
            Weekday::Fri => Self::Friday,
            Weekday::Sat => Self::Saturday,
            Weekday::Sun => Self::Sunday,
        }
    }
}

/// A span that begins on certain days at a certain minute and may reach into the next day.
///
/// The offset from UTC is fixed: whoever issues windows for a zone with daylight saving issues them again when the
/// clocks change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins.
    pub days: Vec<Day>,
    /// Minute of the local day at which it begins: 0 to 1439.
    pub start_minute: u16,
    /// How long it lasts: 1 to 1440 minutes.
    pub minutes: u16,
    /// Local time minus UTC, in minutes: -720 to 840.
    pub utc_offset_minutes: i16,
}

impl Window {
    /// The end of the span that `now` lies in, if it lies in one.
    pub fn end_if_inside(&self, now: Timestamp) -> Option<Timestamp> {
        (-1..=0).find_map(|days| {
            self.span(now, days).filter(|(start, end)| (*start..*end).contains(&now)).map(|s| s.1)
        })
    }

    /// The next beginning after `now`, within eight days.
    pub fn next_start(&self, now: Timestamp) -> Option<Timestamp> {
        (0..=8).find_map(|days| self.span(now, days).map(|(start, _)| start).filter(|start| *start > now))
    }

    /// The span that begins `days` local days after the local day of `now`.
    fn span(&self, now: Timestamp, days: i64) -> Option<(Timestamp, Timestamp)> {
        if self.start_minute > 1439 || !(1..=1440).contains(&self.minutes) {
            return None;
        }
        let offset = TimeDelta::minutes(self.utc_offset_minutes.into());
        let local = now.naive_utc().checked_add_signed(offset)?;
        let date = local.date().checked_add_signed(TimeDelta::days(days))?;
        if !self.days.contains(&Day::of(date.weekday())) {
            return None;
        }
        let minute = TimeDelta::minutes(self.start_minute.into());
        let start = date.and_time(NaiveTime::MIN).checked_add_signed(minute - offset)?.and_utc();
        Some((start, start.checked_add_signed(TimeDelta::minutes(self.minutes.into()))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_window_reaches_over_midnight_in_local_time() {
        // Friday 23:00 to Saturday 03:00 in New York winter time is Saturday 04:00 to 08:00 UTC.
        let window =
            Window { days: vec![Day::Friday], start_minute: 23 * 60, minutes: 240, utc_offset_minutes: -300 };
        assert_eq!(window.end_if_inside(at("2026-11-21T03:59:59Z")), None);
        assert_eq!(window.end_if_inside(at("2026-11-21T04:00:00Z")), Some(at("2026-11-21T08:00:00Z")));
        assert_eq!(window.end_if_inside(at("2026-11-21T07:59:59Z")), Some(at("2026-11-21T08:00:00Z")));
        assert_eq!(window.end_if_inside(at("2026-11-21T08:00:00Z")), None);
        assert_eq!(window.next_start(at("2026-11-21T04:00:00Z")), Some(at("2026-11-28T04:00:00Z")));
        assert_eq!(window.next_start(at("2026-11-20T12:00:00Z")), Some(at("2026-11-21T04:00:00Z")));
    }

    #[test]
    fn a_window_without_days_or_length_never_opens() {
        let never = Window { days: Vec::new(), start_minute: 0, minutes: 60, utc_offset_minutes: 0 };
        assert_eq!(never.next_start(at("2026-11-21T00:00:00Z")), None);
        let empty = Window { days: vec![Day::Saturday], minutes: 0, ..never };
        assert_eq!(empty.end_if_inside(at("2026-11-21T00:00:00Z")), None);
    }
}
