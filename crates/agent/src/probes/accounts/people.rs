//! `/etc/passwd`, `/etc/shadow` and `/etc/group`.
//!
//! Password hashes are held only while a probe looks at their beginning; they never reach an observation.

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
        let all = reading::text(host, "/etc/passwd")?.lines().filter_map(parse_passwd).collect();
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
        let shadow = reading::text(host, "/etc/shadow")?;
        for line in shadow.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            let Some(person) =
                fields.first().and_then(|name| people.all.iter_mut().find(|p| p.name == **name))
            else {
                continue;
            };
            let number = |place: usize| fields.get(place).and_then(|field| field.parse().ok());
            // An entry in passwd itself (no `x`) is what counts, and it is kept.
            if person.password.is_none() {
                person.password = fields.get(1).map(|&hash| hash.to_owned());
            }
            person.changed_day = number(2);
            person.max_age_days = number(4);
            person.expires_day = number(7);
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

fn parse_passwd(line: &str) -> Option<Person> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, password, uid, _, _, home, shell] = fields[..] else { return None };
    Some(Person {
        name: name.to_owned(),
        uid: uid.parse().ok()?,
        home: home.to_owned(),
        shell: shell.to_owned(),
        password: (password != "x").then(|| password.to_owned()),
        changed_day: None,
        max_age_days: None,
        expires_day: None,
    })
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
