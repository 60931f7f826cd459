//! What a fleet can be made to do.

use std::time::Duration;

/// A way of working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everyone checks in once per interval and now and then has evidence.
    Steady {
        /// Between two check-ins of one appliance, ± 10 %.
        interval: Duration,
        /// Between two entries of one appliance, ± 10 %.
        evidence_every: Duration,
        /// How long.
        duration: Duration,
    },
    /// Everyone comes back within a window, checks in and delivers what queued up.
    Storm {
        /// Within which all come back.
        window: Duration,
        /// Entries that each has.
        queued: u32,
        /// After which undelivered entries are given up.
        give_up: Duration,
    },
    /// Everyone delivers a prepared backlog, as fast as the server takes it.
    Burst {
        /// Entries that each has.
        queued: u32,
        /// After which undelivered entries are given up.
        give_up: Duration,
    },
    /// Check-ins as fast as the server answers.
    Flood {
        /// How long.
        duration: Duration,
    },
}

impl Mode {
    /// Its name on the command line and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Steady { .. } => "steady",
            Self::Storm { .. } => "storm",
            Self::Burst { .. } => "burst",
            Self::Flood { .. } => "flood",
        }
    }

    /// Whether requests have a time of their own. Where they follow the answer before, there is none to be late for.
    pub(super) const fn has_plan(self) -> bool {
        match self {
            Self::Steady { .. } | Self::Storm { .. } => true,
            Self::Burst { .. } | Self::Flood { .. } => false,
        }
    }

    /// When nothing new is begun any more, from the beginning on.
    pub(super) const fn ends_after(self) -> Duration {
        match self {
            Self::Steady { duration, .. } | Self::Flood { duration } => duration,
            Self::Storm { give_up, .. } | Self::Burst { give_up, .. } => give_up,
        }
    }

    /// How long, after that, evidence that was made is still delivered.
    pub(super) const fn grace(self) -> Duration {
        match self {
            Self::Steady { .. } => Duration::from_mins(1),
            Self::Storm { .. } | Self::Burst { .. } | Self::Flood { .. } => Duration::ZERO,
        }
    }
}
