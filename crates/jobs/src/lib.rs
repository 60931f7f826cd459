//! Runs periodic work until told to stop.
//!
//! - A job never overlaps with itself; a slow run delays the next one and is not made up for.
//! - A failing job is tried again at its next turn; failures in a row stretch the turn up to eight times.
//! - A panic in a job is a failure of that run, and the job goes on.
//! - On stop, a run in progress is let finish.
//! - Of runs that end alike, [`Records`] lets only one in a while be recorded.
//!
//! This crate knows nothing of what the work is, of the database, or of where runs are recorded.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A piece of work and its turn.
#[derive(Debug, Clone, Copy)]
pub struct Periodic {
    /// Its name, in logs and metrics.
    pub name: &'static str,
    /// From the end of one run to the beginning of the next.
    pub every: Duration,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Done,
    /// Not as it should; tried again later.
    Failed,
}

/// Which runs of a job are worth a durable write. One that runs every second and ends as it always does would cost one
/// every second, to say that nothing is new.
#[derive(Debug)]
pub struct Records<T> {
    last: Option<(T, Instant)>,
}

impl<T> Default for Records<T> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<T: PartialEq> Records<T> {
    /// A run is recorded at least this often, whatever became of it. Readers may take a job for dead whose last record is
    /// a minute older than its turn.
    pub const AT_LEAST_EVERY: Duration = Duration::from_secs(50);

    /// Whether a run that ended like this has to be recorded: it is the first, it ended otherwise than the last one
    /// recorded, or that one is old.
    pub fn is_due(&self, ended: &T) -> bool {
        self.last.as_ref().is_none_or(|(last, at)| last != ended || at.elapsed() >= Self::AT_LEAST_EVERY)
    }

    /// Notes that such a run was recorded.
    pub fn recorded(&mut self, ended: T) {
        self.last = Some((ended, Instant::now()));
    }
}

/// Longest stretch of a failing job's turn.
const MAX_STRETCH: u32 = 8;

/// Runs `work` at once and then turn by turn until `stop` is cancelled.
pub async fn run<F, Fut>(periodic: Periodic, stop: CancellationToken, mut work: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    let mut stretch = 1;
    while !stop.is_cancelled() {
        let outcome = tokio::spawn(work()).await.unwrap_or_else(|panic| {
            tracing::error!(job = periodic.name, %panic, "job panicked");
            Outcome::Failed
        });
        let label = match outcome {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
        };
        metrics::counter!("job_runs_total", "job" => periodic.name, "outcome" => label).increment(1);
        stretch = match outcome {
            Outcome::Done => 1,
            Outcome::Failed => (stretch * 2).min(MAX_STRETCH),
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(periodic.every * stretch) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    async fn runs_within(window: Duration, outcome: impl Fn(u32) -> Outcome + Send + Sync + 'static) -> u32 {
        let (count, stop, outcome) =
            (Arc::new(AtomicU32::new(0)), CancellationToken::new(), Arc::new(outcome));
        let periodic = Periodic { name: "test", every: Duration::from_secs(10) };
        let task = {
            let (count, stop) = (count.clone(), stop.clone());
            tokio::spawn(run(periodic, stop, move || {
                let (count, outcome) = (count.clone(), outcome.clone());
                async move { outcome(count.fetch_add(1, Ordering::SeqCst)) }
            }))
        };
        tokio::time::sleep(window).await;
        stop.cancel();
        task.await.expect("ends when stopped");
        count.load(Ordering::SeqCst)
    }

    #[tokio::test(start_paused = true)]
    async fn it_runs_at_once_and_then_every_turn() {
        assert_eq!(runs_within(Duration::from_secs(35), |_| Outcome::Done).await, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_stretch_the_turn_and_panics_do_not_end_it() {
        let outcome = |n| if n == 0 { panic!("on purpose") } else { Outcome::Failed };
        // At 0, then after 20, 40 and 80 seconds.
        assert_eq!(runs_within(Duration::from_secs(145), outcome).await, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_is_recorded_when_it_ends_otherwise_and_once_in_a_while() {
        let mut records = Records::default();
        let mut written = 0;
        // Every second for five minutes; in the third one it fails.
        for second in 0..300 {
            let ended = if (120..180).contains(&second) { Err("disk full") } else { Ok(()) };
            if records.is_due(&ended) {
                records.recorded(ended);
                written += 1;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // 0, 50, 100, the failure at 120, 170, its end at 180, 230, 280.
        assert_eq!(written, 8);
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_recorded_stays_due() {
        let mut records = Records::default();
        assert!(records.is_due(&"ok") && records.is_due(&"ok"));
        records.recorded("ok");
        assert!(!records.is_due(&"ok") && records.is_due(&"error"));
    }
}
