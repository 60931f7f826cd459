//! Counting and timing, merged over workers, and what is shown of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

const SUB_BUCKETS: u64 = 128;

/// Durations with an error below one per cent, in memory that does not grow with their number.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    /// By bucket: microseconds up to 128 one by one, then 128 buckets for each doubling.
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let shift = micros.max(1).ilog2().saturating_sub(SUB_BUCKETS.ilog2());
        let bucket = usize::try_from(u64::from(shift) * SUB_BUCKETS + (micros >> shift)).unwrap_or(0);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.max = self.max.max(micros);
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, theirs)| *mine += theirs);
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// The duration below which `percent` per cent lie, in milliseconds; none where nothing was counted.
    pub fn percentile_ms(&self, percent: u64) -> Option<f64> {
        let rank = (self.total * percent).div_ceil(100);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank.max(1)
        })?;
        let bucket = u64::try_from(bucket).ok()?;
        let shift = (bucket / SUB_BUCKETS).saturating_sub(1);
        let upper = (bucket - shift * SUB_BUCKETS + 1) << shift;
        Some(milliseconds((upper - 1).min(self.max)))
    }

    /// The longest duration, in milliseconds.
    pub fn max_ms(&self) -> Option<f64> {
        (self.total > 0).then(|| milliseconds(self.max))
    }
}

#[expect(clippy::cast_precision_loss, reason = "durations stay far below 2^52 microseconds")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

/// `count` in `elapsed`, per second.
#[expect(clippy::cast_precision_loss, reason = "counts of requests stay far below 2^52")]
pub fn per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(f64::EPSILON)
}

/// One kind of request.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    /// Answered with success.
    pub ok: u64,
    /// Told to come back later: 429 and 503.
    pub deferred: u64,
    /// A kept connection had been closed meanwhile; the request was sent again.
    pub reconnected: u64,
    /// Everything else, by kind or `status code`.
    pub failed: BTreeMap<String, u64>,
    /// From the planned time to the last byte of a success, where there is a plan. What waits behind a slow answer has
    /// waited: measured from the sending alone, a server that stalls would look as fast as the few requests it got.
    pub latency: Histogram,
    /// From sending to the last byte of a success.
    pub service: Histogram,
    /// How much later than planned the request was sent.
    pub lag: Histogram,
}

impl Calls {
    /// Adds another worker's.
    pub fn merge(&mut self, other: &Self) {
        self.ok += other.ok;
        self.deferred += other.deferred;
        self.reconnected += other.reconnected;
        add(&mut self.failed, &other.failed);
        self.latency.merge(&other.latency);
        self.service.merge(&other.service);
        self.lag.merge(&other.lag);
    }

    /// What is shown.
    pub fn summary(&self, elapsed: Duration) -> CallSummary {
        CallSummary {
            ok: self.ok,
            per_second: per_second(self.ok, elapsed),
            latency: Percentiles::of(&self.latency),
            service: Percentiles::of(&self.service),
            lag_p99_ms: self.lag.percentile_ms(99),
            deferred: self.deferred,
            reconnected: self.reconnected,
            errors: self.failed.values().sum(),
            errors_by_kind: self.failed.clone(),
        }
    }
}

/// Adds counts by key.
pub fn add(into: &mut BTreeMap<String, u64>, other: &BTreeMap<String, u64>) {
    for (key, count) in other {
        *into.entry(key.clone()).or_default() += count;
    }
}

/// Times of the successes, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half were faster.
    pub p50_ms: f64,
    /// 99 of 100 were faster.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

impl Percentiles {
    /// None where nothing was counted.
    fn of(histogram: &Histogram) -> Option<Self> {
        Some(Self {
            p50_ms: histogram.percentile_ms(50)?,
            p99_ms: histogram.percentile_ms(99)?,
            max_ms: histogram.max_ms()?,
        })
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", self.p50_ms, self.p99_ms, self.max_ms)
    }
}

/// One kind of request, as shown.
#[derive(Debug, Clone, Serialize)]
pub struct CallSummary {
    /// Answered with success.
    pub ok: u64,
    /// Successes per second of the run.
    pub per_second: f64,
    /// From the planned time on; absent where nothing succeeded, and where requests follow answers instead of a plan.
    pub latency: Option<Percentiles>,
    /// From sending on; absent where nothing succeeded.
    pub service: Option<Percentiles>,
    /// 99 of 100 were sent with less delay than this against the plan: a large value means a slow generator.
    pub lag_p99_ms: Option<f64>,
    /// 429 and 503.
    pub deferred: u64,
    /// Sent again because a kept connection was gone.
    pub reconnected: u64,
    /// Everything else.
    pub errors: u64,
    /// The same by kind.
    pub errors_by_kind: BTreeMap<String, u64>,
}

impl std::fmt::Display for CallSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ok, {:.0}/s, {} errors", self.ok, self.per_second, self.errors)?;
        write!(f, ", {} deferred, {} reconnected", self.deferred, self.reconnected)?;
        let lag = self.lag_p99_ms.unwrap_or_default();
        match (&self.latency, &self.service) {
            (Some(latency), Some(service)) => write!(
                f,
                "\n    from the planned time: {latency}\n    from sending: {service}; sent at most {lag:.2} ms late (p99)"
            )?,
            (None, Some(service)) => write!(f, "\n    from sending: {service}")?,
            (_, None) => f.write_str("\n    nothing succeeded, so there is no latency")?,
        }
        self.errors_by_kind.iter().try_for_each(|(kind, count)| write!(f, "\n    {count} × {kind}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_to_one_per_cent() {
        let mut histogram = Histogram::default();
        (1..=10_000_u64).for_each(|n| histogram.record(Duration::from_micros(n * 37)));
        for (percent, expected) in [(50, 185.0), (99, 366.3), (100, 370.0)] {
            let found = histogram.percentile_ms(percent).expect("counted");
            assert!((found - expected).abs() <= expected * 0.01, "{percent}: {found}");
        }
        assert_eq!(histogram.max_ms(), Some(370.0));
    }

    #[test]
    fn merging_is_counting_together() {
        let (mut one, mut two, mut both) = (Histogram::default(), Histogram::default(), Histogram::default());
        for n in [0, 1, 127, 128, 129, 255, 256, 1_000, 65_535, 3_600_000_000] {
            let duration = Duration::from_micros(n);
            if n % 2 == 0 {
                one.record(duration);
            } else {
                two.record(duration);
            }
            both.record(duration);
        }
        one.merge(&two);
        for percent in [1, 25, 50, 75, 99] {
            assert_eq!(one.percentile_ms(percent), both.percentile_ms(percent));
        }
        assert_eq!(Histogram::default().percentile_ms(50), None);
    }
}
