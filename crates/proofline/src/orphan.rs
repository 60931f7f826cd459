//! The local agent of an earlier run that was killed: it lives on, and its queue admits no second one.
//!
//! It is recognised by its command line, which names the state folder; nothing else is ever touched.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

/// How long it may take to finish its work.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends the agents that still run on `state`, an absolute path.
pub(crate) async fn end_all(state: &Path) {
    for pid in find(state) {
        signal(pid, "-TERM").await;
        let gone = async {
            while runs_on(pid, state) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, gone).await.is_err() {
            signal(pid, "-KILL").await;
        }
    }
}

async fn signal(pid: u32, signal: &str) {
    // That it is gone by now is what was wanted.
    let _ = Command::new("kill").args([signal, &pid.to_string()]).status().await;
}

fn find(state: &Path) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    ids.filter(|&pid| runs_on(pid, state)).collect()
}

/// `proofline-agent run --state-dir <state>`. A process that ended has an empty command line.
fn runs_on(pid: u32, state: &Path) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let parts: Vec<&OsStr> = line.split(|&byte| byte == 0).map(OsStr::from_bytes).collect();
    matches!(&parts[..], [program, command, option, folder, ..]
        if Path::new(program).file_name() == Some(OsStr::new("proofline-agent"))
            && *command == "run" && *option == "--state-dir" && Path::new(folder) == state)
}
