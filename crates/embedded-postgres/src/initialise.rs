//! Makes a new cluster: initdb into a folder of its own, then one rename. A half-made cluster is never in place.
//!
//! initdb outlives a supervisor that is killed, and goes on writing. Each attempt therefore has a folder that no other
//! attempt has; those that were left unfinished are removed by the starts that follow.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::error::{Error, IoContext, Result};
use crate::files::{make_folder, read_bounded};
use crate::lock::beside;
use crate::options::{Durability, SUPERUSER};
use crate::placement::parent_of;
use crate::postmaster::last_marked;

/// The major version of the cluster in `data_dir`, or `None` where a new one can be made.
pub(crate) fn existing_major(data_dir: &Path) -> Result<Option<u32>> {
    if let Ok(text) = read_bounded(&data_dir.join("PG_VERSION"), 16)
        && let Ok(major) = text.trim().parse()
    {
        return Ok(Some(major));
    }
    match fs::read_dir(data_dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(None),
        Ok(false) => Err(Error::NotACluster { data_dir: data_dir.to_owned() }),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => Ok(None),
            ErrorKind::NotADirectory => Err(Error::NotACluster { data_dir: data_dir.to_owned() }),
            _ => Err(Error::Io { action: "read", path: data_dir.to_owned(), reason: error }),
        },
    }
}

/// What is behind the cluster's name, and before the process that makes it, in the name of an unfinished one.
const UNFINISHED: &str = ".new-";

/// Removes what earlier attempts left behind. Where an initdb still writes it may not work, and a later start does it.
pub(crate) fn sweep(data_dir: &Path) {
    let prefix = beside(data_dir, UNFINISHED);
    let entries = fs::read_dir(parent_of(data_dir)).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let rest = path.as_os_str().as_encoded_bytes().strip_prefix(prefix.as_os_str().as_encoded_bytes());
        if rest.is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit)) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// initdb with data checksums, UTF-8 and a collation by code points, which no library update can change.
pub(crate) fn create(
    data_dir: &Path,
    account: &Account,
    binaries: &Binaries,
    durability: Durability,
) -> Result<()> {
    let fresh = beside(data_dir, &format!("{UNFINISHED}{}", std::process::id()));
    make_folder(&fresh, 0o700)?;
    account.own(&fresh)?;
    let mut command = account.command(&binaries.initdb());
    command
        .arg("--pgdata")
        .arg(&fresh)
        .args(["--username", SUPERUSER, "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"])
        .args(["--auth-local=peer", "--auth-host=reject", "--no-instructions"]);
    if durability == Durability::Tests {
        command.arg("--no-sync");
    }
    let output = command.output().on("execute", binaries.initdb())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let reason = last_marked(&said, &["error:", "FATAL:", "PANIC:"]).unwrap_or("");
        let _ = fs::remove_dir_all(&fresh);
        return Err(Error::Initdb { data_dir: data_dir.to_owned(), reason: reason.trim().to_owned() });
    }
    if data_dir.exists() {
        fs::remove_dir(data_dir).on("replace the empty folder", data_dir)?;
    }
    fs::rename(&fresh, data_dir).on("move the new cluster to", data_dir)
}
