//! Processes as the kernel shows them in `/proc`.
//!
//! Whether a process id "exists" says little: a zombie exists, and ids are used again. A postmaster counts as alive
//! when its state is not that of a dead process, its program is `postgres` and its working folder is the data directory.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use crate::files::read_bounded;

fn entry(pid: i32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

/// Whether `pid` is a living PostgreSQL process of this data directory.
pub(crate) fn is_postgres_of(pid: i32, data_dir: &Path) -> bool {
    runs(pid) && is_postgres(pid) && works_in(pid, data_dir)
}

/// The state is the field after the closing parenthesis of the program's name (proc(5)); `Z` and `X` are dead.
fn runs(pid: i32) -> bool {
    let Ok(stat) = read_bounded(&entry(pid, "stat"), 4_096) else { return false };
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X' | 'x'))
}

/// An updated package leaves ` (deleted)` behind the name.
fn is_postgres(pid: i32) -> bool {
    fs::read_link(entry(pid, "exe")).is_ok_and(|exe| {
        let name = exe.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.trim_end_matches(" (deleted)") == "postgres"
    })
}

/// Compared by device and inode, so that links and renamed parents do not matter.
fn works_in(pid: i32, data_dir: &Path) -> bool {
    match (fs::metadata(entry(pid, "cwd")), fs::metadata(data_dir)) {
        (Ok(cwd), Ok(data)) => (cwd.dev(), cwd.ino()) == (data.dev(), data.ino()),
        _ => false,
    }
}

/// The arguments after the program's name.
pub(crate) fn arguments(pid: i32) -> Vec<OsString> {
    let bytes = fs::read(entry(pid, "cmdline")).unwrap_or_default();
    let text = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
    text.split(|&byte| byte == 0).skip(1).map(|part| OsString::from_vec(part.to_vec())).collect()
}

/// Every living PostgreSQL process of this data directory, backends included.
pub(crate) fn all_of(data_dir: &Path) -> Vec<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    ids.filter(|&pid| is_postgres_of(pid, data_dir)).collect()
}

/// Sends the signal; a process that is gone already is what was wanted.
pub(crate) fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// Asks a postmaster to read its configuration files again.
pub(crate) fn reload(pid: i32) {
    signal(pid, Signal::HUP);
}
