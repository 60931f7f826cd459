//! `run`: wires the parts, starts the two threads and ends when told to, or when the queue needs repair.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use proofline_core::{Clock, Entropy};
use proofline_evidence::Digest;
use proofline_outbox::{Limits, Outbox, OutboxError};

use crate::client::{Client, ClientError};
use crate::courier::{Courier, Errand};
use crate::cycle::{Observer, Responder};
use crate::emitter::{EmitError, Emitter, Signer};
use crate::identity::{Identity, IdentityError, StateDir};
use crate::settings::RunSettings;
use crate::status::{Board, Status};
use crate::sync::credentials::CredentialStore;
use crate::sync::orders::Orders;
use crate::sync::rules::RuleStore;
use crate::sync::{Kept, Sync, SyncError};
use crate::worker::{Memory, Task, Worker};

/// How long the courier may still talk when everything else has ended. Whatever it does can be repeated.
const FAREWELL: Duration = Duration::from_secs(3);

/// How often the queue is opened again because it was damaged, before giving up.
const REPAIRS: u32 = 3;

/// The agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Key or identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Address or certificate authority.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The queue cannot be opened.
    #[error(transparent)]
    Queue(#[from] OutboxError),
    /// The statements cannot be made.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// A step failed for good.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// A thread cannot be started, a signal not be waited for, or what heals began not be settled.
    #[error("the system refuses what the agent needs to run")]
    System(#[from] io::Error),
    /// A thread ended without a word.
    #[error("the {0} ended unexpectedly")]
    Thread(&'static str),
}

/// Makes whoever answers failing checks, once the queue is open.
pub type MakeResponder = Box<dyn Fn(&Identity, &Outbox) -> io::Result<Box<dyn Responder>>>;

/// What the agent runs with. Everything that touches the machine is handed in.
pub struct Parts {
    /// Where its state lies.
    pub state: StateDir,
    /// The clinic's own file.
    pub override_file: PathBuf,
    /// How it works.
    pub settings: RunSettings,
    /// Digest of the check catalogue.
    pub catalogue: Digest,
    /// Who looks at the machine.
    pub observer: Arc<dyn Observer>,
    /// Makes whoever answers failing checks, once the queue is open.
    pub responder: MakeResponder,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Ends a running agent from another thread.
#[derive(Debug, Clone)]
pub struct Stop(Sender<Ended>);

impl Stop {
    /// Asks the agent to finish what it is doing and end.
    pub fn stop(&self) {
        // Nobody listens: it has ended already.
        let _ = self.0.send(Ended::Asked);
    }
}

#[derive(Debug)]
enum Ended {
    Asked,
    Worker(Result<(), RunError>),
    Courier(Result<(), RunError>),
}

/// Runs a thread's work; a panic becomes its error, so that the other thread is not waited for in vain.
fn guarded(name: &'static str, work: impl FnOnce() -> Result<(), SyncError>) -> Result<(), RunError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(RunError::from),
        Err(_) => Err(RunError::Thread(name)),
    }
}

/// Runs until stopped. `ready` gets the handle that stops it.
pub fn run(parts: &Parts, ready: impl FnOnce(Stop) -> io::Result<()>) -> Result<(), RunError> {
    let (ended, endings) = mpsc::channel();
    ready(Stop(ended.clone()))?;
    let mut repairs = 0;
    loop {
        match shift(parts, &ended, &endings) {
            Err(RunError::Sync(error)) if error.is_damage() && repairs < REPAIRS => {
                repairs += 1;
                tracing::error!(%error, "the queue is opened again to be repaired");
            }
            outcome => return outcome,
        }
    }
}

/// From opening the queue to closing it.
fn shift(parts: &Parts, ended: &Sender<Ended>, endings: &mpsc::Receiver<Ended>) -> Result<(), RunError> {
    let (tell_worker, tasks) = mpsc::channel();
    let (tell_courier, errands) = mpsc::channel();
    let (worker, courier) = assemble(parts, tell_worker.clone(), tell_courier.clone())?;

    let done = ended.clone();
    let worker = thread::Builder::new().name("worker".into()).spawn(move || {
        let _ = done.send(Ended::Worker(guarded("worker", || worker.run(&tasks))));
    })?;
    let done = ended.clone();
    let courier = thread::Builder::new().name("courier".into()).spawn(move || {
        let _ = done.send(Ended::Courier(guarded("courier", || courier.run(&errands))));
    })?;

    let (mut worker_left, mut courier_left, mut outcome) = (true, true, Ok(()));
    let mut asked = false;
    while worker_left || courier_left {
        let ending = if asked && !worker_left {
            match endings.recv_timeout(FAREWELL) {
                Ok(ending) => ending,
                // It waits for the server. Nothing that it does is lost.
                Err(_) => return outcome,
            }
        } else {
            endings.recv().map_err(|_| RunError::Thread("worker and courier"))?
        };
        let result = match ending {
            Ended::Asked => Ok(()),
            Ended::Worker(result) => {
                worker_left = false;
                result
            }
            Ended::Courier(result) => {
                courier_left = false;
                result
            }
        };
        asked = true;
        outcome = outcome.and(result);
        let _ = tell_worker.send(Task::Stop);
        let _ = tell_courier.send(Errand::Stop);
    }
    worker.join().map_err(|_| RunError::Thread("worker"))?;
    courier.join().map_err(|_| RunError::Thread("courier"))?;
    outcome
}

fn assemble(
    parts: &Parts,
    tell_worker: Sender<Task>,
    tell_courier: Sender<Errand>,
) -> Result<(Worker, Courier), RunError> {
    let Parts { state, override_file, settings, catalogue, observer, responder, clock, entropy } = parts;
    let (identity, key) = Identity::load(state)?;
    let max_bytes = settings.outbox_mib << 20;
    let limits = Limits { max_bytes, max_file_bytes: max_bytes * 2, ..Limits::default() };
    let outbox = Arc::new(Outbox::open(state.outbox(), limits)?);
    let client = Client::new(&identity.route, key.clone(), Arc::clone(clock), Arc::clone(entropy))?;
    let signer = Signer {
        installation: identity.installation,
        site: identity.site,
        appliance: identity.appliance,
        catalogue: *catalogue,
    };
    let offset = client.clone();
    let offset = move || offset.clock_offset_ms();
    let credentials = CredentialStore::open(Arc::clone(&outbox), state.clone(), &identity, key.clone())?;
    let emitter = Arc::new(Emitter::new(Arc::clone(&outbox), key, signer, Arc::clone(clock), offset)?);
    let rules = Arc::new(RuleStore::open(Arc::clone(&outbox), state.clone(), &identity)?);
    let orders = Arc::new(Orders::open(Arc::clone(&outbox), identity.clone(), clock.now())?);
    let board = Arc::new(Board::new(state, Status::starting(&identity, clock.now())));
    tracing::info!(appliance = %identity.appliance, site = %identity.site, server = %identity.route.server, "running");
    let worker = Worker {
        asset: identity.asset,
        mode: identity.mode,
        settings: settings.clone(),
        override_file: override_file.clone(),
        observer: Arc::clone(observer),
        responder: responder(&identity, &outbox)?,
        emitter: Arc::clone(&emitter),
        rules: Arc::clone(&rules),
        orders: Arc::clone(&orders),
        board: Arc::clone(&board),
        courier: tell_courier,
        clock: Arc::clone(clock),
        memory: Memory::default(),
    };
    let kept = Kept { rules, orders, credentials };
    let courier = Courier {
        sync: Sync::new(state.clone(), identity, client, emitter, kept, Arc::clone(clock)),
        board,
        worker: tell_worker,
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
    };
    Ok((worker, courier))
}
