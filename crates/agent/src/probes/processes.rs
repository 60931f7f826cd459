//! Which programs run.
//!
//! A process may call itself whatever it likes, and a link may lend any name to a program of the system. So a name
//! counts only with a program behind it that only root could have put there: a file of root's, not writable by others,
//! in a folder of programs. And that program has to bear the name, or root itself has to have started it: daemons that
//! drop their privileges keep their program, somebody's script keeps its interpreter.
//!
//! Names are compared as far as the kernel keeps them (15 bytes).

use std::path::Path;

use super::finding::Unmeasured;
use crate::host::{FileKind, Host, HostError};

/// Where programs lie that only an administrator installs.
const FOLDERS: [&str; 10] = [
    "/usr/",
    "/bin/",
    "/sbin/",
    "/lib/",
    "/lib64/",
    "/opt/",
    "/nix/store/",
    "/var/ossec/bin/",
    "/snap/",
    "/var/lib/snapd/snap/",
];

/// What is known of one process that bears a wanted name.
enum Claim {
    True,
    False,
    /// Its program could not be looked at.
    Unclear,
}

/// The first of `wanted` that runs. Where none does for certain, a process that could be one of them is no answer.
pub(super) fn first_running<'a>(
    host: &dyn Host,
    wanted: impl IntoIterator<Item = &'a str>,
) -> Result<Option<&'a str>, Unmeasured> {
    let wanted: Vec<&str> = wanted.into_iter().collect();
    let entries = host.list(Path::new("/proc")).map_err(|error| Unmeasured::from_host(&error, "/proc"))?;
    if !entries.iter().any(|entry| entry.name == "1") {
        // Where other users' processes are hidden, absence would prove nothing.
        return Err(Unmeasured::unknown("the processes of other users are hidden", "/proc"));
    }
    let mut first: Option<usize> = None;
    let mut unclear: Option<&str> = None;
    for entry in entries.iter().filter(|entry| entry.name.bytes().all(|b| b.is_ascii_digit())) {
        let name = match host.text(&format!("/proc/{}/comm", entry.name)) {
            Ok(name) => name.trim().to_owned(),
            // It ended meanwhile.
            Err(HostError::NotFound | HostError::Failed(_)) => continue,
            Err(error) => return Err(Unmeasured::from_host(&error, "/proc/<pid>/comm")),
        };
        let Some(place) = wanted.iter().position(|wanted| kept(wanted) == name) else { continue };
        match claim(host, &entry.name, &name) {
            Claim::True => first = Some(first.map_or(place, |first| first.min(place))),
            Claim::False => {}
            Claim::Unclear => unclear = wanted.get(place).copied(),
        }
    }
    match (first, unclear) {
        (Some(first), _) => Ok(wanted.get(first).copied()),
        (None, None) => Ok(None),
        (None, Some(name)) => {
            let reason = format!("a process is called {name}, and the agent's user may not see its program");
            Err(Unmeasured::unknown(reason, "/proc/<pid>/exe"))
        }
    }
}

/// As much of a name as the kernel keeps.
fn kept(name: &str) -> &str {
    name.get(..15).unwrap_or(name)
}

fn claim(host: &dyn Host, pid: &str, name: &str) -> Claim {
    let exe = format!("/proc/{pid}/exe");
    let target = match host.read_link(Path::new(&exe)) {
        Ok(target) => target,
        // A thread of the kernel, or it ended meanwhile.
        Err(HostError::NotFound) => return Claim::False,
        Err(_) => return Claim::Unclear,
    };
    // A program that was updated since it started is still the one that runs.
    let path = target.strip_suffix(" (deleted)").unwrap_or(&target);
    if !FOLDERS.iter().any(|folder| path.starts_with(folder)) || path.split('/').any(|part| part == "..") {
        return Claim::False;
    }
    match host.metadata(Path::new(&exe)) {
        Ok(program) if program.kind == FileKind::File && program.uid == 0 && program.mode & 0o022 == 0 => {}
        Ok(_) | Err(HostError::NotFound) => return Claim::False,
        Err(_) => return Claim::Unclear,
    }
    if path.rsplit('/').next().is_some_and(|program| program.starts_with(name)) {
        return Claim::True;
    }
    match host.text(&format!("/proc/{pid}/status")) {
        Ok(status) if started_by_root(&status) => Claim::True,
        Ok(_) | Err(HostError::NotFound) => Claim::False,
        Err(_) => Claim::Unclear,
    }
}

/// The real user, which a set-user-id program does not change. proc_pid_status(5)
fn started_by_root(status: &str) -> bool {
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().next());
    user == Some("0")
}
