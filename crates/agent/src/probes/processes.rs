//! Which programs run, by the kernel's name for them (15 bytes at most).

use std::collections::BTreeSet;
use std::path::Path;

use super::finding::Unmeasured;
use crate::host::{Host, HostError};

/// The names of all processes.
pub(super) fn running(host: &dyn Host) -> Result<BTreeSet<String>, Unmeasured> {
    let entries = host.list(Path::new("/proc")).map_err(|error| Unmeasured::from_host(&error, "/proc"))?;
    if !entries.iter().any(|entry| entry.name == "1") {
        // Where other users' processes are hidden, absence would prove nothing.
        return Err(Unmeasured::unknown("the processes of other users are hidden", "/proc"));
    }
    let mut names = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.name.bytes().all(|b| b.is_ascii_digit())) {
        match host.text(&format!("/proc/{}/comm", entry.name)) {
            Ok(name) => {
                names.insert(name.trim().to_owned());
            }
            // It ended meanwhile.
            Err(HostError::NotFound | HostError::Failed(_)) => {}
            Err(error) => return Err(Unmeasured::from_host(&error, "/proc/<pid>/comm")),
        }
    }
    Ok(names)
}

/// The first of `wanted` that runs; names are compared as far as the kernel keeps them.
pub(super) fn first_running<'a>(
    host: &dyn Host,
    wanted: impl IntoIterator<Item = &'a str>,
) -> Result<Option<&'a str>, Unmeasured> {
    let names = running(host)?;
    Ok(wanted.into_iter().find(|name| names.contains(name.get(..15).unwrap_or(name))))
}
