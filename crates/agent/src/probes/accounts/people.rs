//! `/etc/passwd`, `/etc/shadow` and `/etc/group`.
//!
//! Lines are read as the C library reads them, which is lenient: `mallory::0:0` is an account, and so is one whose number
//! is ` 00`. A line that the library might read in another way than we do makes the whole answer unknown.
//!
//! Password hashes are held only while a probe looks at their beginning; they never reach an observation.

use std::collections::BTreeSet;

use super::{PASSWD, SHADOW};
use crate::host::Host;
use crate::probes::finding::Unmeasured;
use crate::probes::reading;

/// One account.
#[derive(Debug, Clone)]
pub(in crate::probes) struct Person {
    pub(in crate::probes) name: String,
    pub(in crate::probes) uid: u32,
    pub(in crate::probes) home: String,
    shell: String,
    /// The stored hash or lock, where the shadow file was read.
    pub(super) password: Option<String>,
    /// Day of the last password change, counted from 1970.
    pub(super) changed_day: Option<i64>,
    /// Longest password age in days.
    pub(super) max_age_days: Option<i64>,
    /// Day on which the account ends, counted from 1970.
    expires_day: Option<i64>,
}

impl Person {
    /// Whether the shell lets somebody work.
    pub(super) fn has_login_shell(&self) -> bool {
        let name = self.shell.rsplit('/').next().unwrap_or_default();
        !["nologin", "false", "sync", "shutdown", "halt", "true"].contains(&name)
    }

    /// Whether a password is stored that can be typed.
    pub(super) fn has_usable_password(&self) -> bool {
        self.password.as_deref().is_some_and(|hash| !hash.is_empty() && !hash.starts_with(['!', '*']))
    }
}

/// Every account of the machine.
pub(in crate::probes) struct People {
    all: Vec<Person>,
    first_person: u32,
    last_person: u32,
    today: i64,
}

impl People {
    /// The accounts without what only root may read.
    pub(in crate::probes) fn read(host: &dyn Host) -> Result<Self, Unmeasured> {
        let mut all = Vec::new();
        for line in reading::text(host, PASSWD)?.lines() {
            match parse_passwd(line) {
                Ok(person) => all.extend(person),
                Err(reason) => return Err(Unmeasured::unknown(reason, PASSWD)),
            }
        }
        if !all.iter().any(|person: &Person| person.uid == 0) {
            return Err(Unmeasured::unknown("the list of accounts has no root in it", PASSWD));
        }
        let defs = reading::text_if_there(host, "/etc/login.defs")?.unwrap_or_default();
        let bound = |key: &str, usual| {
            let line = reading::settings(&defs).find(|line| line.split_whitespace().next() == Some(key));
            line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(usual)
        };
        let today = host.now().timestamp().div_euclid(86_400);
        Ok(Self { all, first_person: bound("UID_MIN", 1000), last_person: bound("UID_MAX", 60_000), today })
    }

    /// The accounts with their shadow entries.
    pub(in crate::probes) fn with_passwords(host: &dyn Host) -> Result<Self, Unmeasured> {
        let mut people = Self::read(host)?;
        let mut seen = BTreeSet::new();
        for line in reading::text(host, SHADOW)?.lines() {
            let line = line.trim_start_matches(SPACE);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = parse_shadow(line).ok_or_else(|| {
                Unmeasured::unknown("a line of the list of passwords cannot be read", SHADOW)
            })?;
            // Of several entries the first counts.
            if !seen.insert(entry.name.to_owned()) {
                continue;
            }
            for person in people.all.iter_mut().filter(|person| person.name == entry.name) {
                // An entry in passwd itself (no `x`) is what counts, and it is kept.
                if person.password.is_none() {
                    person.password = Some(entry.password.to_owned());
                }
                person.changed_day = entry.changed_day;
                person.max_age_days = entry.max_age_days;
                person.expires_day = entry.expires_day;
            }
        }
        if people.all.iter().all(|person| person.uid != 0 || person.password.is_none()) {
            return Err(Unmeasured::unknown("the list of passwords has no root in it", SHADOW));
        }
        Ok(people)
    }

    pub(super) fn all(&self) -> &[Person] {
        &self.all
    }

    /// Root and the accounts that people sign in to.
    pub(in crate::probes) fn who_sign_in(&self) -> impl Iterator<Item = &Person> {
        self.all.iter().filter(|person| {
            let is_person = (self.first_person..=self.last_person).contains(&person.uid);
            (is_person || person.uid == 0) && person.has_login_shell()
        })
    }

    /// Whether the account belongs to a service. Root does not.
    pub(super) fn is_system(&self, person: &Person) -> bool {
        (1..self.first_person).contains(&person.uid)
    }

    /// Whether somebody can sign in to it: not expired, and with a password (an empty one counts) or a key.
    pub(super) fn is_open(&self, host: &dyn Host, person: &Person) -> Result<bool, Unmeasured> {
        if person.expires_day.is_some_and(|day| day <= self.today) {
            return Ok(false);
        }
        let empty = person.password.as_deref() == Some("");
        if empty || person.has_usable_password() {
            return Ok(true);
        }
        let keys = format!("{}/.ssh/authorized_keys", person.home.trim_end_matches('/'));
        let found = reading::metadata_if_there(host, &keys)?;
        Ok(found.is_some_and(|file| file.size > 0))
    }
}

/// `name:password:uid:gid` and, where they are there, full name, home and shell. Nothing inside for a line that the C
/// library skips; a reason where it is not certain what the library makes of it.
fn parse_passwd(line: &str) -> Result<Option<Person>, &'static str> {
    let line = line.trim_start_matches(SPACE);
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if line.starts_with(['+', '-']) {
        return Err("accounts of a directory service are mixed in");
    }
    let fields: Vec<&str> = line.split(':').collect();
    let [name, password, uid, gid, rest @ ..] = fields.as_slice() else {
        return Err("a line of the list of accounts cannot be read");
    };
    let (Some(uid), Some(_)) = (number(uid), number(gid)) else {
        return Err("a number in the list of accounts cannot be read");
    };
    let field = |place: usize| rest.get(place).copied().unwrap_or_default().to_owned();
    Ok(Some(Person {
        name: if name.is_empty() { "(without a name)".to_owned() } else { (*name).to_owned() },
        uid,
        home: field(1),
        // The library gives an empty shell, which means the usual one.
        shell: field(2),
        password: (*password != "x").then(|| (*password).to_owned()),
        changed_day: None,
        max_age_days: None,
        expires_day: None,
    }))
}

/// White space to the C library.
const SPACE: [char; 6] = [' ', '\t', '\n', '\u{b}', '\u{c}', '\r'];

/// A number as `strtoul` reads it: white space and a sign may come first, and what is too large is the largest. Negative
/// ones wrap around, which nobody means.
fn number(field: &str) -> Option<u32> {
    let digits = field.trim_start_matches(SPACE);
    let (negative, digits) = match digits.strip_prefix(['+', '-']) {
        Some(rest) => (digits.starts_with('-'), rest),
        None => (false, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    (!negative).then(|| digits.parse().unwrap_or(u32::MAX))
}

struct ShadowEntry<'a> {
    name: &'a str,
    password: &'a str,
    changed_day: Option<i64>,
    max_age_days: Option<i64>,
    expires_day: Option<i64>,
}

/// `None` where the line cannot be read. shadow(5)
fn parse_shadow(line: &str) -> Option<ShadowEntry<'_>> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, password, days @ ..] = fields.as_slice() else { return None };
    // A field that is left empty or out says nothing.
    let day = |place: usize| match days.get(place).map_or("", |field| field.trim()) {
        "" => Some(None),
        text => text.parse::<i64>().ok().map(Some),
    };
    let (changed_day, max_age_days, expires_day) = (day(0)?, day(2)?, day(5)?);
    Some(ShadowEntry { name, password, changed_day, max_age_days, expires_day })
}

/// The numbers of these groups, as far as they exist.
pub(in crate::probes) fn group_ids(host: &dyn Host, names: &[String]) -> Result<Vec<u32>, Unmeasured> {
    let text = reading::text_if_there(host, "/etc/group")?.unwrap_or_default();
    let mut ids: Vec<u32> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let id = fields.nth(1)?.parse().ok()?;
            names.iter().any(|wanted| wanted == name).then_some(id)
        })
        .collect();
    if names.iter().any(|name| name == "root") {
        ids.push(0);
    }
    Ok(ids)
}
