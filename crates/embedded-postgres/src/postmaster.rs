//! One running server: started by us, or found running.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::error::{Error, IoContext, Result};
use crate::files::read_tail;
use crate::pidfile::{self, PidFile};
use crate::process;
use crate::socket_folder::SOCKET_NAME;

/// How often a state that has no event is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(4);
/// A fast shutdown that takes longer becomes an immediate one, which loses nothing and costs a recovery.
const FAST_SHUTDOWN: Duration = Duration::from_mins(1);
/// The log starts anew at this size, once; the one before is kept.
const LOG_LIMIT: u64 = 8 << 20;

/// Everything that is needed to start a server again.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) binaries: Binaries,
    pub(crate) account: Account,
    pub(crate) data_dir: PathBuf,
    pub(crate) socket_folder: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) settings: Vec<(String, String)>,
}

impl Recipe {
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments = vec![OsString::from("-D"), self.data_dir.clone().into_os_string()];
        let mut sockets = OsString::from("unix_socket_directories=");
        sockets.push(&self.socket_folder);
        arguments.extend([OsString::from("-c"), sockets]);
        for (name, value) in &self.settings {
            arguments.extend([OsString::from("-c"), OsString::from(format!("{name}={value}"))]);
        }
        arguments
    }
}

/// What our own parent left open in us is none of the server's business, which may outlive us: a lock that `flock(1)` took
/// for us would stay taken. The standard library closes what we opened; these are the descriptors that a shell can name.
pub(crate) const WITHOUT_INHERITANCE: &str = r#"exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec "$0" "$@""#;

#[derive(Debug)]
pub(crate) struct Postmaster {
    pub(crate) pid: i32,
    /// Ours to wait for, or somebody else's orphan.
    child: Option<Child>,
    data_dir: PathBuf,
}

impl Postmaster {
    /// The living server of this directory, if there is one.
    pub(crate) fn find(data_dir: &Path) -> Option<Self> {
        let pid = PidFile::read(data_dir)?.pid;
        process::is_postgres_of(pid, data_dir).then(|| Self {
            pid,
            child: None,
            data_dir: data_dir.to_owned(),
        })
    }

    /// Whether a found server can serve as it is: reachable where we expect it, started with the same settings.
    pub(crate) fn matches(&self, recipe: &Recipe) -> bool {
        let Some(file) = PidFile::read(&self.data_dir) else { return false };
        let reachable = !file.is_ready() || recipe.socket_folder.join(SOCKET_NAME).exists();
        !file.is_stopping() && reachable && process::arguments(self.pid) == recipe.arguments()
    }

    /// Starts a server and waits until it takes connections. There is no time limit: recovery takes what it takes.
    pub(crate) fn start(recipe: &Recipe) -> Result<Self> {
        let mut patience = Patience::new();
        loop {
            pidfile::take_over(&recipe.data_dir, &recipe.account)?;
            // The socket folder is ours alone, and its lock file has the same trouble with ids that are used again.
            for leftover in [SOCKET_NAME.to_owned(), format!("{SOCKET_NAME}.lock")] {
                let _ = fs::remove_file(recipe.socket_folder.join(leftover));
            }
            let log_start = make_room(&recipe.log);
            let mut postmaster = Self::spawn(recipe)?;
            if postmaster.wait_until_ready() {
                return Ok(postmaster);
            }
            let said = read_tail(&recipe.log, log_start, 16_384).unwrap_or_default();
            if !said.contains("pre-existing shared memory block") {
                return Err(Error::DiedAtStart { reason: last_fatal(&said), log: recipe.log.clone() });
            }
            // Backends of a killed postmaster finish what they are doing. Nobody reads their answer any more.
            for pid in process::all_of(&recipe.data_dir) {
                process::signal(pid, Signal::TERM);
            }
            patience.wait("backends of the previous server to end", &recipe.data_dir);
        }
    }

    fn spawn(recipe: &Recipe) -> Result<Self> {
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&recipe.log)
            .on("open", &recipe.log)?;
        let errors = log.try_clone().on("open", &recipe.log)?;
        let postgres = recipe.binaries.postgres();
        let child = recipe
            .account
            .command(Path::new("/bin/sh"))
            .args(["-c", WITHOUT_INHERITANCE])
            .arg(&postgres)
            .args(recipe.arguments())
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(errors))
            .process_group(0) // a Ctrl-C in the terminal, or the death of our group, is not its business
            .spawn()
            .on("execute", &postgres)?;
        let pid = i32::try_from(child.id()).unwrap_or(0);
        Ok(Self { pid, child: Some(child), data_dir: recipe.data_dir.clone() })
    }

    /// Waits until the server is ready (`true`) or gone (`false`).
    pub(crate) fn wait_until_ready(&mut self) -> bool {
        loop {
            if PidFile::read(&self.data_dir).is_some_and(|file| file.pid == self.pid && file.is_ready()) {
                return true;
            }
            if !self.is_alive() {
                return false;
            }
            sleep(LOOK_AGAIN);
        }
    }

    /// A child that ended is reaped on the way.
    pub(crate) fn is_alive(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => process::is_postgres_of(self.pid, &self.data_dir),
        }
    }

    /// Fast shutdown: sessions are ended, everything committed is written, nothing of the server remains.
    pub(crate) fn stop(&mut self) {
        if !self.is_alive() {
            return;
        }
        process::signal(self.pid, Signal::INT);
        let asked = Instant::now();
        let mut pressed = false;
        while self.is_alive() {
            if !pressed && asked.elapsed() > FAST_SHUTDOWN {
                tracing::warn!(
                    pid = self.pid,
                    "the database does not stop: immediate shutdown, recovery at the next start"
                );
                process::signal(self.pid, Signal::QUIT);
                pressed = true;
            }
            sleep(LOOK_AGAIN);
        }
    }
}

/// Says once in a while what is waited for.
struct Patience {
    last_word: Instant,
}

impl Patience {
    fn new() -> Self {
        Self { last_word: Instant::now() }
    }

    fn wait(&mut self, what: &str, data_dir: &Path) {
        if self.last_word.elapsed() > Duration::from_secs(10) {
            tracing::warn!(data_dir = %data_dir.display(), "waiting for {what}");
            self.last_word = Instant::now();
        }
        sleep(Duration::from_millis(100));
    }
}

/// Moves a long log aside; returns where the new part will begin.
fn make_room(log: &Path) -> u64 {
    let length = fs::metadata(log).map_or(0, |found| found.len());
    if length > LOG_LIMIT && fs::rename(log, log.with_extension("log.1")).is_ok() {
        return 0;
    }
    length
}

/// The last line with one of these marks, or the last of all: what a program says at its end is seldom the cause.
pub(crate) fn last_marked<'a>(said: &'a str, marks: &[&str]) -> Option<&'a str> {
    let is_marked = |line: &&str| marks.iter().any(|mark| line.contains(mark));
    said.lines().rfind(is_marked).or_else(|| said.lines().last())
}

fn last_fatal(said: &str) -> String {
    let line = last_marked(said, &["FATAL:", "PANIC:", "ERROR:"]).unwrap_or("it said nothing");
    line.split_once(":  ").map_or(line, |(_, reason)| reason).trim().to_owned()
}
