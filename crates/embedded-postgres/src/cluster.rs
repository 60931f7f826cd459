//! The cluster as a caller sees it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::access;
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::initialise;
use crate::lock::beside;
use crate::options::Options;
use crate::placement::Placement;
use crate::postmaster::{Postmaster, Recipe};
use crate::process;
use crate::socket_folder;

/// How [`Cluster::start`] came to a running server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The cluster was made just now.
    Created,
    /// The cluster existed and its server was started, recovering if it had been killed.
    Started,
    /// The server had outlived an earlier supervisor and was taken over.
    Attached,
}

/// A running private PostgreSQL server under our supervision.
///
/// Dropping it stops the server; [`Cluster::leave_running`] does not. If the process is killed the server stays, and
/// the next [`Cluster::start`] on the same directory attaches to it.
#[derive(Debug)]
pub struct Cluster {
    shared: Arc<Shared>,
    keeper: Option<JoinHandle<()>>,
    origin: Origin,
    took: Duration,
    placement: Placement,
}

#[derive(Debug)]
struct Shared {
    recipe: Recipe,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    postmaster: Postmaster,
    /// Set once; from then on nothing starts the server again.
    released: bool,
}

impl Shared {
    /// A panic elsewhere leaves the state usable: every change to it is a single assignment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the server again if it died; says whether it did.
    fn revive(&self, state: &mut State) -> Result<bool> {
        if state.released || state.postmaster.is_alive() {
            return Ok(false);
        }
        state.postmaster = match attach(&self.recipe, false) {
            Some(other) => other,
            None => Postmaster::start(&self.recipe)?,
        };
        Ok(true)
    }
}

impl Cluster {
    /// Brings the cluster to life, whatever state it is in: makes it, starts it, recovers it or attaches to it. Blocks
    /// until the server takes connections.
    pub fn start(options: &Options) -> Result<Self> {
        let began = Instant::now();
        let placement = Placement::claim(options)?;
        let Placement { data_dir, account, binaries, exists, .. } = &placement;
        initialise::sweep(data_dir);
        if !exists {
            initialise::create(data_dir, account, binaries, options.durability)?;
        }
        let access_changed = access::write(data_dir, account, &options.roles)?;
        let recipe = Recipe {
            socket_folder: socket_folder::prepare(options.run_dir.as_deref(), data_dir, account)?,
            log: beside(data_dir, ".log"),
            settings: options.all_settings(),
            binaries: binaries.clone(),
            account: account.clone(),
            data_dir: data_dir.clone(),
        };
        let (postmaster, origin) = match attach(&recipe, access_changed) {
            Some(postmaster) => (postmaster, Origin::Attached),
            None if *exists => (Postmaster::start(&recipe)?, Origin::Started),
            None => (Postmaster::start(&recipe)?, Origin::Created),
        };
        let state = Mutex::new(State { postmaster, released: false });
        let shared = Arc::new(Shared { recipe, state, changed: Condvar::new() });
        let keeper = options.keep_running.then(|| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || keep_running(&shared))
        });
        Ok(Self { shared, keeper, origin, took: began.elapsed(), placement })
    }

    /// Where and as whom to connect.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.shared.recipe.socket_folder.clone())
    }

    /// How the server came to run.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// How long [`Cluster::start`] took.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Where the data really lies; differs from the requested directory if that one was a link or was relocated.
    pub fn data_dir(&self) -> &Path {
        &self.placement.data_dir
    }

    /// The server's log.
    pub fn log_path(&self) -> &Path {
        &self.shared.recipe.log
    }

    /// The server's version, e.g. `15.18`.
    pub fn version(&self) -> &str {
        &self.shared.recipe.binaries.version
    }

    /// The folder of the server's programs (`pg_dump` and the like).
    pub fn programs(&self) -> PathBuf {
        self.shared.recipe.binaries.folder.clone()
    }

    /// The operating-system user that the server runs as.
    pub fn os_user(&self) -> &str {
        &self.placement.account.name
    }

    /// The postmaster's process id.
    pub fn pid(&self) -> i32 {
        self.shared.state().postmaster.pid
    }

    /// Starts the server again if it died, and says whether it had. Needed only without
    /// [`keep_running`](Options::keep_running).
    pub fn ensure_running(&self) -> Result<bool> {
        self.shared.revive(&mut self.shared.state())
    }

    /// Ends all sessions, writes everything out and waits until no process of the server is left. Close connection
    /// pools first: their connections would see an error.
    pub fn stop(mut self) {
        self.release(true);
    }

    /// Gives up supervision without stopping the server.
    pub fn leave_running(mut self) {
        self.release(false);
    }

    fn release(&mut self, stop: bool) {
        {
            let mut state = self.shared.state();
            if !state.released {
                state.released = true;
                if stop {
                    state.postmaster.stop();
                }
            }
        }
        self.shared.changed.notify_all();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.release(true);
    }
}

/// Takes over a living server that was started just like ours would be, and stops any other.
fn attach(recipe: &Recipe, access_changed: bool) -> Option<Postmaster> {
    let mut found = Postmaster::find(&recipe.data_dir)?;
    if found.matches(recipe) {
        if access_changed {
            process::reload(found.pid);
        }
        if found.wait_until_ready() {
            return Some(found);
        }
    } else {
        tracing::info!(
            pid = found.pid,
            "a server with other settings runs on this cluster: starting it again"
        );
        found.stop();
    }
    None
}

/// How soon a dead server is noticed.
const WATCH_EVERY: Duration = Duration::from_millis(100);
/// The longest pause between attempts to start a server that does not want to.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The keeper's loop: ends when the cluster is released. Failures in a row stretch its turn; a living server ends them.
fn keep_running(shared: &Shared) {
    let mut pause = WATCH_EVERY;
    let mut state = shared.state();
    while !state.released {
        state = shared.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        let died = state.postmaster.pid;
        match shared.revive(&mut state) {
            Ok(false) => pause = WATCH_EVERY,
            Ok(true) => {
                tracing::warn!(
                    died,
                    now = state.postmaster.pid,
                    "the database server had died and runs again"
                );
                pause = WATCH_EVERY;
            }
            Err(error) => {
                tracing::error!(died, %error, "the database server died and does not start again");
                pause = (pause * 4).min(LONGEST_PAUSE);
            }
        }
    }
}
