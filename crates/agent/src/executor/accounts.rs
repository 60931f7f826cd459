//! Accounts of the machine, as far as runbooks look at them or lock them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::StepError;
use super::files::{Files, Snapshot};
use crate::host::{Host, HostError};

const SHADOW: &str = "/etc/shadow";
const ADMIN_GROUPS: [&str; 3] = ["sudo", "wheel", "admin"];
/// What stands in the password field of a locked account.
const LOCKED: &str = "!";

struct Account {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
    may_log_in: bool,
}

fn text(host: &dyn Host, path: &str) -> Result<String, StepError> {
    host.text(path).map_err(|source| StepError::Host { what: path.to_owned(), source })
}

fn accounts(host: &dyn Host) -> Result<Vec<Account>, StepError> {
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, shell] = fields.as_slice() else { return None };
        let may_log_in =
            !["nologin", "false", "sync", "halt", "shutdown"].iter().any(|end| shell.ends_with(end));
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        Some(Account { name: (*name).to_owned(), uid, gid, home: (*home).to_owned(), may_log_in })
    };
    Ok(text(host, "/etc/passwd")?.lines().filter_map(parse).collect())
}

/// Whether the account's home holds a key that opens it.
fn has_key(host: &dyn Host, account: &Account) -> bool {
    ["authorized_keys", "authorized_keys2"].iter().any(|file| {
        host.text(&format!("{}/.ssh/{file}", account.home)).is_ok_and(|keys| {
            keys.lines()
                .any(|line| !line.trim_start().starts_with('#') && line.split_whitespace().nth(1).is_some())
        })
    })
}

/// Whether someone other than root can log in with a key.
pub(super) fn key_login_possible(host: &dyn Host) -> Result<bool, StepError> {
    Ok(accounts(host)?.iter().any(|account| account.uid != 0 && account.may_log_in && has_key(host, account)))
}

/// Whether someone other than root can log in, with a key or a password, and may become root.
pub(super) fn another_administrator(host: &dyn Host) -> Result<bool, StepError> {
    let mut groups: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for line in text(host, "/etc/group")?.lines() {
        if let [name, _, gid, members] = line.split(':').collect::<Vec<_>>().as_slice()
            && ADMIN_GROUPS.contains(name)
            && let Ok(gid) = gid.parse()
        {
            groups.entry(gid).or_default().extend(members.split(',').map(str::to_owned));
        }
    }
    let shadow = match host.text(SHADOW) {
        Ok(text) => text,
        Err(HostError::NotFound) => String::new(),
        Err(source) => return Err(StepError::Host { what: SHADOW.to_owned(), source }),
    };
    let has_password = |name: &str| {
        shadow.lines().filter_map(|line| line.split_once(':')).any(|(account, rest)| {
            let hash = rest.split(':').next().unwrap_or_default();
            account == name && !hash.is_empty() && !hash.starts_with(['!', '*'])
        })
    };
    Ok(accounts(host)?.iter().any(|account| {
        let administers = groups.contains_key(&account.gid)
            || groups.values().any(|members| members.contains(&account.name));
        account.uid != 0
            && account.may_log_in
            && administers
            && (has_password(&account.name) || has_key(host, account))
    }))
}

/// The number of a user or group of that name in `/etc/passwd` or `/etc/group`.
pub(super) fn number_of(host: &dyn Host, kind: &'static str, name: &str) -> Result<u32, StepError> {
    let file = if kind == "user" { "/etc/passwd" } else { "/etc/group" };
    let found = text(host, file)?.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    found.ok_or_else(|| StepError::NoSuchName { kind, name: name.to_owned() })
}

/// Names of the accounts without a password.
pub(super) fn without_password(files: &dyn Files) -> Result<Vec<String>, StepError> {
    let Snapshot::File { content, .. } = files.snapshot(Path::new(SHADOW))? else {
        return Err(StepError::Missing(SHADOW.to_owned()));
    };
    let text = String::from_utf8_lossy(&content);
    Ok(text
        .lines()
        .filter_map(|line| line.split_once("::").map(|(name, _)| name))
        .filter(|n| !n.contains(':'))
        .map(str::to_owned)
        .collect())
}

/// Locks accounts that have no password.
pub(super) fn lock(files: &dyn Files, names: &[String]) -> Result<(), StepError> {
    replace_password(files, names, "", LOCKED)
}

/// Takes a lock back that [`lock`] set and nobody changed since.
pub(super) fn unlock(files: &dyn Files, names: &[String]) -> Result<(), StepError> {
    replace_password(files, names, LOCKED, "")
}

fn replace_password(files: &dyn Files, names: &[String], from: &str, to: &str) -> Result<(), StepError> {
    let _lock = files.lock_accounts()?;
    let path = Path::new(SHADOW);
    let Snapshot::File { content, attributes } = files.snapshot(path)? else {
        return Err(StepError::Missing(SHADOW.to_owned()));
    };
    let text = String::from_utf8(content)
        .map_err(|_| StepError::NotARegularFile { path: SHADOW.to_owned(), what: "not text" })?;
    let mut changed = String::with_capacity(text.len() + names.len());
    for line in text.split_inclusive('\n') {
        let fits = line.split_once(':').and_then(|(name, rest)| {
            let rest = rest.strip_prefix(from)?.strip_prefix(':')?;
            names.iter().any(|wanted| wanted == name).then(|| format!("{name}:{to}:{rest}"))
        });
        changed.push_str(fits.as_deref().unwrap_or(line));
    }
    if changed == text { Ok(()) } else { files.write(path, changed.as_bytes(), attributes) }
}
