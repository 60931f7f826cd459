//! Processes as the kernel shows them in `/proc`.
//!
//! Whether a process id "exists" says little: a zombie exists, and ids are used again. A postmaster counts as alive
//! when its state is not that of a dead process, its program is `postgres` and its working folder is the data directory.
//! A process that ends loses its program first, then its shared memory and files, then its working folder: until that one
//! is gone it may still hold something, and counts as alive.
//!
//! Root in a container often lacks the capability to look at another user's program and folder (`CAP_SYS_PTRACE`). Then
//! the command line decides, which everyone may read: every server here is started with `-D` and the directory.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
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
    if !runs(pid) {
        return false;
    }
    match (fs::read_link(entry(pid, "exe")), fs::metadata(entry(pid, "cwd")), fs::metadata(data_dir)) {
        (Ok(exe), Ok(cwd), Ok(data)) => {
            // An updated package leaves ` (deleted)` behind the name.
            let name = exe.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.trim_end_matches(" (deleted)") == "postgres" && is_same_folder(&cwd, &data)
        }
        (Err(error), Ok(cwd), Ok(data)) if error.kind() == ErrorKind::NotFound => is_same_folder(&cwd, &data),
        (Err(error), ..) | (_, Err(error), _) if error.kind() == ErrorKind::PermissionDenied => {
            names_on_its_command_line(pid, data_dir)
        }
        _ => false,
    }
}

/// By device and inode, so that links and renamed parents do not matter.
fn is_same_folder(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The state is the field after the closing parenthesis of the program's name (proc(5)); `Z` and `X` are dead.
fn runs(pid: i32) -> bool {
    let Ok(stat) = read_bounded(&entry(pid, "stat"), 4_096) else { return false };
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X' | 'x'))
}

fn names_on_its_command_line(pid: i32, data_dir: &Path) -> bool {
    let is_postgres = read_bounded(&entry(pid, "comm"), 64).is_ok_and(|name| name.trim_end() == "postgres");
    is_postgres && arguments(pid).windows(2).any(|pair| pair[0] == "-D" && Path::new(&pair[1]) == data_dir)
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
