//! The thread that speaks with the server: check-ins on time, evidence as soon as there is any.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use proofline_core::{Clock, Entropy};

use crate::status::Board;
use crate::sync::{Backoff, Drained, Pause, Report, Step, Sync, SyncError, alarm, jitter};
use crate::worker::Task;

/// The least time between two check-ins that nobody asked for.
const SETTLE: Duration = Duration::from_secs(1);

/// The longest random delay of the first check-in: a whole building gets its power back at once.
const START_JITTER: Duration = Duration::from_millis(500);

/// What the courier is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// There is evidence to carry.
    Drain,
    /// There is something to report.
    CheckIn,
    /// Finish.
    Stop,
}

/// Runs the conversation until told to stop.
pub struct Courier {
    /// The steps.
    pub sync: Sync,
    /// Where the status comes from and goes to.
    pub board: Arc<Board>,
    /// Who carries out orders.
    pub worker: Sender<Task>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For jitter.
    pub entropy: Arc<dyn Entropy>,
}

/// When the next steps are due.
struct Plan {
    check_in: Instant,
    drain: Option<Instant>,
    /// Why the drain waits.
    pause: Option<Pause>,
    check_in_backoff: Backoff,
    drain_backoff: Backoff,
}

impl Plan {
    /// Whether a drain waits only because nobody answered: not because the server asked for a pause, and not because
    /// of an alarm.
    fn waits_for_anyone(&self) -> bool {
        matches!(self.pause, None | Some(Pause::BackOff(None)))
    }
}

/// A step for which there is no room on the disk is one to take later.
fn or_pause<T>(step: Step<T>) -> Step<T> {
    match step {
        Err(error) if error.is_space() => {
            tracing::error!(%error, "there is no room");
            Ok(Err(Pause::BackOff(None)))
        }
        other => other,
    }
}

impl Courier {
    /// Checks in and carries evidence until told to stop, or until the queue has to be opened again.
    pub fn run(self, errands: &Receiver<Errand>) -> Result<(), SyncError> {
        let mut plan = Plan {
            check_in: Instant::now() + jitter(START_JITTER, &*self.entropy),
            drain: None,
            pause: None,
            check_in_backoff: Backoff::default(),
            drain_backoff: Backoff::default(),
        };
        loop {
            let next = plan.drain.map_or(plan.check_in, |drain| drain.min(plan.check_in));
            match errands.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Errand::Drain) => {
                    // Not before the time that an unavailable server asked for.
                    plan.drain.get_or_insert_with(Instant::now);
                }
                Ok(Errand::CheckIn) => plan.check_in = plan.check_in.min(Instant::now() + SETTLE),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Errand::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            let now = Instant::now();
            if now >= plan.check_in {
                self.check_in(&mut plan)?;
            }
            if plan.drain.is_some_and(|drain| now >= drain) {
                self.drain(&mut plan)?;
            }
        }
    }

    fn check_in(&self, plan: &mut Plan) -> Result<(), SyncError> {
        let status = self.board.read();
        let report = Report {
            mode: status.mode,
            local_override: status.local_override,
            last_cycle: status.last_cycle,
            started: status.started,
        };
        let wait = match or_pause(self.sync.check_in(&report))? {
            Ok(brought) => {
                plan.check_in_backoff.reset();
                if plan.waits_for_anyone() {
                    // The server is there: whatever waits goes with it.
                    plan.drain = Some(Instant::now());
                }
                for order in brought.orders {
                    self.tell(Task::Order(order));
                }
                if brought.run_checks {
                    self.tell(Task::RunChecks);
                }
                let now = self.clock.now();
                self.show(|status| {
                    status.last_check_in = Some(now);
                    status.failed_check_ins = 0;
                })?;
                brought.next
            }
            Err(pause) => {
                self.show(|status| status.failed_check_ins = status.failed_check_ins.saturating_add(1))?;
                pause.length(&mut plan.check_in_backoff, &*self.entropy)
            }
        };
        plan.check_in = Instant::now() + wait;
        Ok(())
    }

    fn drain(&self, plan: &mut Plan) -> Result<(), SyncError> {
        plan.pause = None;
        plan.drain = match or_pause(self.sync.drain().map(Ok))? {
            Ok(Drained::Empty) => {
                plan.drain_backoff.reset();
                None
            }
            Ok(Drained::Stopped) => None,
            Ok(Drained::Waiting(pause)) | Err(pause) => {
                plan.pause = Some(pause);
                Some(Instant::now() + pause.length(&mut plan.drain_backoff, &*self.entropy))
            }
        };
        self.show(|_| {})
    }

    fn show(&self, change: impl FnOnce(&mut crate::status::Status)) -> Result<(), SyncError> {
        let shown = self.sync.show()?;
        let alarms = alarm::raised(self.sync.outbox())?;
        self.board.update(self.clock.now(), |status| {
            change(status);
            shown.into_status(status);
            status.alarms = alarms;
        });
        Ok(())
    }

    fn tell(&self, task: Task) {
        // The worker is gone only while everything ends.
        let _ = self.worker.send(task);
    }
}
