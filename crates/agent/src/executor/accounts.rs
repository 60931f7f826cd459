//! Accounts of the machine, as far as runbooks look at them or lock them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::StepError;
use super::files::{Files, Snapshot};
use super::sshd::{self, Settings};
use super::tools::Tools;
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

/// The fields of shadow(5) that say whether an account can be used.
#[derive(Default)]
struct Secret {
    hash: String,
    /// Days since 1970, as the others.
    changed: Option<i64>,
    most: Option<i64>,
    inactive: Option<i64>,
    expires: Option<i64>,
}

impl Secret {
    fn parse(line: &str) -> Option<(&str, Self)> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, hash, changed, _, most, _, inactive, expires, ..] = fields.as_slice() else { return None };
        let day = |field: &str| field.parse().ok().filter(|day| *day >= 0);
        let (changed, most, inactive, expires) = (day(changed), day(most), day(inactive), day(expires));
        Some((name, Self { hash: (*hash).to_owned(), changed, most, inactive, expires }))
    }

    fn is_locked(&self) -> bool {
        self.hash.starts_with(LOCKED)
    }

    /// Whether the account itself may be used on this day.
    fn is_valid(&self, today: i64) -> bool {
        self.expires.is_none_or(|end| today < end)
    }

    /// Whether there is a password, and it is not so old that it is refused.
    fn opens(&self, today: i64) -> bool {
        let dead = |((changed, most), inactive): ((i64, i64), i64)| today > changed + most + inactive;
        let too_old = self.changed.zip(self.most).zip(self.inactive).is_some_and(dead);
        !self.hash.is_empty() && !self.hash.starts_with(['!', '*']) && !too_old
    }
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

/// Who is in which group, the primary group included.
struct Groups(Vec<(String, u32, BTreeSet<String>)>);

impl Groups {
    fn read(host: &dyn Host) -> Result<Self, StepError> {
        let parse = |line: &str| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, gid, members] = fields.as_slice() else { return None };
            Some(((*name).to_owned(), gid.parse().ok()?, members.split(',').map(str::to_owned).collect()))
        };
        Ok(Self(text(host, "/etc/group")?.lines().filter_map(parse).collect()))
    }

    fn of<'g>(&'g self, account: &Account) -> Vec<&'g str> {
        let of = |(name, gid, members): &'g (String, u32, BTreeSet<String>)| {
            (*gid == account.gid || members.contains(&account.name)).then_some(name.as_str())
        };
        self.0.iter().filter_map(of).collect()
    }
}

/// How an account can log in over SSH.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Login {
    Key,
    Password,
}

/// Whether an administrator other than root can log in over SSH with a key.
pub(super) fn key_login_possible(tools: Tools<'_>) -> Result<bool, StepError> {
    any_administrator(tools, &[Login::Key])
}

/// Whether someone other than root can log in over SSH, with a key or a password, and may become root.
pub(super) fn another_administrator(tools: Tools<'_>) -> Result<bool, StepError> {
    any_administrator(tools, &[Login::Key, Login::Password])
}

fn any_administrator(tools: Tools<'_>, ways: &[Login]) -> Result<bool, StepError> {
    let host = tools.host();
    let groups = Groups::read(host)?;
    let shadow = match host.text(SHADOW) {
        Ok(text) => text,
        Err(HostError::NotFound) => String::new(),
        Err(source) => return Err(StepError::Host { what: SHADOW.to_owned(), source }),
    };
    let secrets: BTreeMap<&str, Secret> = shadow.lines().filter_map(Secret::parse).collect();
    let today = host.now().timestamp().div_euclid(86_400);
    for account in accounts(host)? {
        let groups = groups.of(&account);
        let administers = groups.iter().any(|group| ADMIN_GROUPS.contains(group));
        if account.uid == 0 || !account.may_log_in || !administers {
            continue;
        }
        let none = Secret::default();
        let secret = secrets.get(account.name.as_str()).unwrap_or(&none);
        let settings = sshd::in_force_for(tools, &account.name)?;
        let admitted = secret.is_valid(today) && admits(&settings, &account.name, &groups);
        let opens = |way: &Login| match way {
            Login::Key => {
                settings.says("pubkeyauthentication", "yes")
                    && suffices(&settings, "publickey")
                    && (!secret.is_locked() || settings.says("usepam", "yes"))
                    && has_key(host, &settings, &account)
            }
            Login::Password => {
                settings.says("passwordauthentication", "yes")
                    && suffices(&settings, "password")
                    && secret.opens(today)
            }
        };
        if admitted && ways.iter().any(opens) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether this one method is enough.
fn suffices(settings: &Settings, method: &str) -> bool {
    let mut lists = settings.all("authenticationmethods").peekable();
    lists.peek().is_none() || lists.any(|list| list == "any" || list == method)
}

/// Whether the lists of sshd_config(5) admit the account. From where somebody will come is not known: a name that is
/// denied from one place counts as denied, one that is admitted from one place only does not count as admitted.
fn admits(settings: &Settings, name: &str, groups: &[&str]) -> bool {
    let user = |pattern: &str| pattern.split_once('@').map_or(pattern, |(user, _)| user).to_owned();
    let in_group = |pattern: &str| groups.iter().any(|group| matches(pattern, group));
    let (mut users, mut of_groups) =
        (settings.all("allowusers").peekable(), settings.all("allowgroups").peekable());
    !settings.all("denyusers").any(|pattern| matches(&user(pattern), name))
        && !settings.all("denygroups").any(in_group)
        && (users.peek().is_none() || users.any(|pattern| !pattern.contains('@') && matches(pattern, name)))
        && (of_groups.peek().is_none() || of_groups.any(in_group))
}

/// PATTERNS of ssh_config(5): `*` for anything, `?` for one letter.
fn matches(pattern: &str, text: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = letters.as_str();
            text.char_indices().map(|(at, _)| &text[at..]).chain([""]).any(|tail| matches(rest, tail))
        }
        Some(letter) => text.chars().next().is_some_and(|first| {
            (letter == '?' || letter == first) && matches(letters.as_str(), &text[first.len_utf8()..])
        }),
    }
}

/// Whether one of the files that the server reads for the account holds a key.
fn has_key(host: &dyn Host, settings: &Settings, account: &Account) -> bool {
    settings.all("authorizedkeysfile").filter(|file| *file != "none").any(|file| {
        let file = file.replace("%h", &account.home).replace("%u", &account.name).replace("%%", "%");
        let file = if file.starts_with('/') { file } else { format!("{}/{file}", account.home) };
        host.text(&file).is_ok_and(|keys| {
            keys.lines()
                .any(|line| !line.trim_start().starts_with('#') && line.split_whitespace().nth(1).is_some())
        })
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(lines: &[(&str, &str)]) -> Settings {
        Settings::new(
            lines.iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join("\n"),
        )
    }

    #[test]
    fn the_lists_of_the_server_decide_who_comes_in() {
        let admitted = |lines: &[(&str, &str)]| admits(&settings(lines), "anna", &["staff", "sudo"]);
        assert!(admitted(&[]));
        assert!(admitted(&[("allowusers", "bert"), ("allowusers", "an*")]));
        assert!(!admitted(&[("allowusers", "bert")]));
        assert!(!admitted(&[("allowusers", "anna@192.0.2.7")]), "only from one place");
        assert!(!admitted(&[("denyusers", "anna@192.0.2.7")]), "not from one place");
        assert!(!admitted(&[("denygroups", "st?ff")]));
        assert!(admitted(&[("allowgroups", "wheel"), ("allowgroups", "sudo")]));
        assert!(!admitted(&[("allowgroups", "wheel")]));
        assert!(suffices(&settings(&[("authenticationmethods", "any")]), "publickey"));
        assert!(!suffices(&settings(&[("authenticationmethods", "publickey,password")]), "publickey"));
    }

    #[test]
    fn an_expired_account_and_a_dead_password_open_nothing() {
        let secret = |line| Secret::parse(line).expect("a line").1;
        let fine = secret("anna:$y$x:19000:0:99999:7:::");
        assert!(fine.is_valid(20_000) && fine.opens(20_000) && !fine.is_locked());
        assert!(!secret("anna:$y$x:19000:0:99999:7::19999:").is_valid(20_000));
        assert!(!secret("anna:$y$x:19000:0:90:7:30::").opens(20_000));
        assert!(secret("anna:$y$x:19000:0:90:7:::").opens(20_000), "it must be changed, and can be");
        assert!(!secret("anna:!$y$x:19000:0:99999:7:::").opens(20_000));
    }
}
