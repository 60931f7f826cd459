//! A home for a cluster that cleans up after itself, and a look at the machine's processes that shares no code with the
//! crate under test.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use proofline_embedded_postgres::{Cluster, Endpoint, Options};
use rustix::process::{Pid, Signal, kill_process};

/// A folder that an unprivileged user can enter. Whatever still runs in it at the end is killed.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir();
        Self(folder.expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A durable cluster that nothing keeps alive.
    pub(crate) fn options(&self) -> Options {
        Options {
            run_dir: Some(self.path().join("run")),
            keep_running: false,
            ..Options::new(self.path().join("postgres"))
        }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("postgres")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for pid in processes_under(self.path()) {
            signal(pid, Signal::KILL);
        }
    }
}

/// Runs SQL as the superuser and returns the unaligned answer.
pub(crate) fn query(cluster: &Cluster, sql: &str) -> String {
    query_as(&cluster.endpoint(), "postgres", sql).expect("the query works")
}

/// The same as any role; the error is what psql said.
pub(crate) fn query_as(endpoint: &Endpoint, role: &str, sql: &str) -> Result<String, String> {
    let output = psql(endpoint, role, sql).output().expect("psql is installed with the server");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

pub(crate) fn psql(endpoint: &Endpoint, role: &str, sql: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &endpoint.url(role, "postgres"), "-c", sql]);
    command.stdin(Stdio::null());
    command
}

/// Living processes whose working folder is this one or below it. Where root may not look at other users' folders, as in
/// many containers, those that name it on their command line.
pub(crate) fn processes_under(folder: &Path) -> Vec<i32> {
    let folder = folder.canonicalize().unwrap_or(folder.to_owned());
    let is_under = |pid: &i32| match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(cwd) => cwd.starts_with(&folder),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            command
                .split(|&byte| byte == 0)
                .any(|part| Path::new(OsStr::from_bytes(part)).starts_with(&folder))
        }
        Err(_) => false,
    };
    let all = fs::read_dir("/proc").expect("/proc is there").flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_under).collect()
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).expect("a process id"), signal);
}

/// Kills every process of the cluster at once, as a power cut would.
pub(crate) fn kill_all(folder: &Path) {
    for pid in processes_under(folder) {
        signal(pid, Signal::KILL);
    }
    wait_for("all processes to be gone", || processes_under(folder).is_empty());
}

/// Waits for something that another process does; the bound is for a hung test, not for timing.
pub(crate) fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A process of the cluster's own user that is not PostgreSQL.
pub(crate) fn bystander(data_dir: &Path) -> Child {
    let owner = fs::metadata(data_dir).expect("the cluster exists");
    let mut command = Command::new("sleep");
    command.arg("1000").current_dir("/").stdin(Stdio::null());
    if rustix::process::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command.spawn().expect("sleep runs")
}

/// Makes a left-behind `postmaster.pid` name another process.
#[expect(clippy::disallowed_methods, reason = "eight short lines written by PostgreSQL")]
pub(crate) fn put_in_pid_file(data_dir: &Path, pid: impl std::fmt::Display) {
    let path = data_dir.join("postmaster.pid");
    let stale = fs::read_to_string(&path).expect("it was left behind");
    let (_, rest) = stale.split_once('\n').expect("several lines");
    fs::write(&path, format!("{pid}\n{rest}")).expect("rewritten");
}
