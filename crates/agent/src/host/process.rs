//! Runs one command within its limits.
//!
//! Invariants: output is bounded while it is read, not afterwards; at the deadline the whole process group is killed;
//! the child is always reaped. A child that even a kill does not end (the kernel waits for a dead disk) is left to a
//! thread, and the same command is not started again before it is gone: they do not pile up. A grandchild that keeps the
//! pipes open after the child has ended does not hold us up.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{HostError, Output, RunLimits};

/// Where programs are looked up, in this order. The last is where NixOS keeps its system programs.
pub(super) const PROGRAM_DIRECTORIES: [&str; 7] = [
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/run/current-system/sw/bin",
];

/// Commands that were killed and are not gone yet.
static STUCK: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
/// More of them than this, and the machine is asked nothing more.
const MAX_STUCK: usize = 16;
const STDERR_KEPT: usize = 4 * 1024;
/// How often an ended child is noticed while something else still holds its pipes.
const TICK: Duration = Duration::from_millis(20);
/// How long a killed child may take to go away before a thread waits for it instead.
const REAP: Duration = Duration::from_millis(200);

/// Runs `program` in `directory`; `environment` is everything the child gets to see.
pub(super) fn run(
    program: &Path,
    argv: &[&str],
    directory: &Path,
    environment: &[(&str, &str)],
    limits: RunLimits,
) -> Result<Output, HostError> {
    let deadline = Instant::now() + limits.timeout;
    let line = argv.join(" ");
    {
        let stuck = STUCK.lock().unwrap_or_else(PoisonError::into_inner);
        if stuck.contains(&line) || stuck.len() >= MAX_STUCK {
            return Err(HostError::TimedOut);
        }
    }
    let mut child = Command::new(program)
        .arg0(argv.first().copied().unwrap_or_default())
        .args(argv.iter().skip(1))
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    match collect(&mut child, deadline, limits.output_limit) {
        Ok(output) => Ok(output),
        Err(error) => {
            abandon(child, line);
            Err(error)
        }
    }
}

fn collect(child: &mut Child, deadline: Instant, limit: usize) -> Result<Output, HostError> {
    let mut stdout = Stream { pipe: child.stdout.take(), kept: Vec::new() };
    let mut stderr = Stream { pipe: child.stderr.take(), kept: Vec::new() };
    let mut status = None;
    while stdout.pipe.is_some() || stderr.pipe.is_some() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(HostError::TimedOut);
        }
        let wait = if status.is_some() { Duration::ZERO } else { left.min(TICK) };
        let (out_ready, err_ready) = ready(&stdout, &stderr, wait)?;
        if !out_ready && !err_ready {
            if status.is_some() {
                break; // the child has ended and what it wrote is read; the pipes belong to someone else now
            }
            status = child.try_wait()?;
            continue;
        }
        if out_ready && stdout.take()? > limit {
            return Err(HostError::TooLarge);
        }
        if err_ready {
            stderr.take()?;
            stderr.kept.truncate(STDERR_KEPT);
        }
    }
    let status = match status {
        Some(status) => status,
        None => wait(child, deadline)?,
    };
    Ok(Output { status: status.code(), stdout: stdout.kept, stderr: stderr.kept })
}

struct Stream<P> {
    pipe: Option<P>,
    kept: Vec<u8>,
}

impl<P: Read> Stream<P> {
    /// Reads what is there, once, and returns how much is kept so far. At its end the pipe is closed.
    fn take(&mut self) -> Result<usize, HostError> {
        let mut buffer = [0; 16 * 1024];
        if let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut buffer)? {
                0 => self.pipe = None,
                count => self.kept.extend_from_slice(&buffer[..count]),
            }
        }
        Ok(self.kept.len())
    }
}

fn ready<A: AsFd, B: AsFd>(
    out: &Stream<A>,
    err: &Stream<B>,
    wait: Duration,
) -> Result<(bool, bool), HostError> {
    let mut fds = Vec::with_capacity(2);
    if let Some(pipe) = &out.pipe {
        fds.push(PollFd::new(pipe, PollFlags::IN));
    }
    if let Some(pipe) = &err.pipe {
        fds.push(PollFd::new(pipe, PollFlags::IN));
    }
    let timeout =
        Timespec::try_from(wait).map_err(|_| HostError::Failed("time limit out of range".to_owned()))?;
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok((false, false)),
        Err(errno) => return Err(std::io::Error::from(errno).into()),
    }
    let mut flags = fds.iter().map(|fd| !fd.revents().is_empty());
    let out_ready = out.pipe.is_some() && flags.next().unwrap_or(false);
    let err_ready = err.pipe.is_some() && flags.next().unwrap_or(false);
    Ok((out_ready, err_ready))
}

fn wait(child: &mut Child, deadline: Instant) -> Result<ExitStatus, HostError> {
    let mut pause = Duration::from_micros(50);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            return Err(HostError::TimedOut);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(TICK);
    }
}

/// Kills the process group and reaps the child; one that cannot die yet (stuck in the kernel) is left to a thread.
fn abandon(mut child: Child, line: String) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // An error means that the group is gone already.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    if wait(&mut child, Instant::now() + REAP).is_err() {
        STUCK.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone());
        std::thread::spawn(move || {
            // Whatever it says, it is over then.
            let _ = child.wait();
            STUCK.lock().unwrap_or_else(PoisonError::into_inner).remove(&line);
        });
    }
}
