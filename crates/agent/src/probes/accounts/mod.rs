//! Accounts of the machine itself. Accounts of a directory service are that service's business.

mod people;
mod sudo;

use super::declarations;
use super::finding::{Finding, Outcome, Unmeasured};
use super::reading;
use crate::host::{Host, RunLimits};

pub(super) use people::{People, Person, group_ids};
pub(super) use sudo::without_password as sudo_without_password;

const PASSWD: &str = "/etc/passwd";
const SHADOW: &str = "/etc/shadow";

pub(super) fn empty_passwords(host: &dyn Host) -> Outcome {
    let people = People::with_passwords(host)?;
    let empty = people.all().iter().filter(|p| p.password.as_deref() == Some("")).map(|p| p.name.clone());
    Ok(Finding::offenders(empty.collect(), "none", "these accounts have an empty password", SHADOW))
}

pub(super) fn uid_zero(host: &dyn Host) -> Outcome {
    let people = People::read(host)?;
    let others = people.all().iter().filter(|p| p.uid == 0 && p.name != "root").map(|p| p.name.clone());
    Ok(Finding::offenders(others.collect(), "only root", "these accounts have number 0", PASSWD))
}

pub(super) fn duplicate_uids(host: &dyn Host) -> Outcome {
    let people = People::read(host)?;
    let mut shared = Vec::new();
    for person in people.all() {
        let same: Vec<&str> =
            people.all().iter().filter(|p| p.uid == person.uid).map(|p| p.name.as_str()).collect();
        if same.len() > 1 {
            shared.push(format!("{}: {}", person.uid, same.join(" and ")));
        }
    }
    Ok(Finding::offenders(shared, "none", "these accounts share a number", PASSWD))
}

pub(super) fn password_ageing(host: &dyn Host, max_days: u32) -> Outcome {
    let people = People::with_passwords(host)?;
    let mut with_password = people.all().iter().filter(|p| p.has_usable_password()).peekable();
    if with_password.peek().is_none() {
        return Err(Unmeasured::not_applicable("no account signs in with a password"));
    }
    let limit = i64::from(max_days);
    let endless = with_password
        .filter(|p| !p.max_age_days.is_some_and(|days| (1..=limit).contains(&days)))
        .map(|p| p.name.clone());
    let fine = format!("at most {max_days} days");
    Ok(Finding::offenders(endless.collect(), &fine, "these passwords never have to change in time", SHADOW))
}

/// Logins are taken from `lastlog`, which lists who did *not* sign in for so many days.
pub(super) fn stale(host: &dyn Host, max_days: u32) -> Outcome {
    let people = People::with_passwords(host)?;
    let days = max_days.to_string();
    let mut listed = None;
    for tool in ["lastlog", "lastlog2"] {
        listed = reading::answer_if_there(host, &[tool, "-b", &days], RunLimits::QUICK)?;
        if listed.is_some() {
            break;
        }
    }
    let Some(listed) = listed else {
        return Err(Unmeasured::unknown("neither lastlog nor lastlog2 is installed", "lastlog"));
    };
    let mut lines = listed.lines();
    // Some account has never been used on every machine, so a list without a heading is no list.
    if !lines.next().is_some_and(|heading| heading.starts_with("Username")) {
        return Err(Unmeasured::unknown("the answer was not understood", format!("lastlog -b {max_days}")));
    }
    let absent: Vec<&str> = lines.filter_map(|line| line.split_whitespace().next()).collect();
    let today = host.now().timestamp().div_euclid(86_400);
    let mut unused = Vec::new();
    for person in people.who_sign_in().filter(|p| p.uid != 0 && absent.contains(&p.name.as_str())) {
        // An account whose password was set lately is new, not forgotten.
        let fresh = person.changed_day.is_some_and(|day| today - day <= i64::from(max_days));
        if !fresh && people.is_open(host, person)? {
            unused.push(person.name.clone());
        }
    }
    let reason = format!("nobody signed in to these open accounts for {max_days} days");
    Ok(Finding::offenders(unused, "none", &reason, format!("lastlog -b {max_days}")))
}

pub(super) fn generic_names(host: &dyn Host, names: &[String]) -> Outcome {
    let people = People::read(host)?;
    let generic = |person: &&Person| names.contains(&person.name) && person.has_login_shell();
    if !people.all().iter().any(|person| generic(&person)) {
        return Ok(Finding::pass("none", PASSWD));
    }
    let people = People::with_passwords(host)?;
    let mut open = Vec::new();
    for person in people.all().iter().filter(generic) {
        if people.is_open(host, person)? {
            open.push(person.name.clone());
        }
    }
    Ok(Finding::offenders(open, "none", "these open accounts belong to nobody in particular", PASSWD))
}

pub(super) fn system_shells(host: &dyn Host) -> Outcome {
    let people = People::with_passwords(host)?;
    let mut usable = Vec::new();
    for person in people.all().iter().filter(|p| people.is_system(p) && p.has_login_shell()) {
        if people.is_open(host, person)? {
            usable.push(person.name.clone());
        }
    }
    Ok(Finding::offenders(usable, "none", "these service accounts can sign in", "/etc/passwd, /etc/shadow"))
}

pub(super) fn password_hashes(host: &dyn Host, accepted: &[String]) -> Outcome {
    let people = People::with_passwords(host)?;
    let mut with_password = people.all().iter().filter(|p| p.has_usable_password()).peekable();
    if with_password.peek().is_none() {
        return Err(Unmeasured::not_applicable("no account signs in with a password"));
    }
    let weak = with_password.filter_map(|person| {
        let hash = person.password.as_deref()?;
        // `$id$…`; a hash without `$` is the old DES one.
        let id = hash.strip_prefix('$').and_then(|rest| rest.split('$').next()).unwrap_or("des");
        (!accepted.iter().any(|known| known == id)).then(|| format!("{} ({id})", person.name))
    });
    Ok(Finding::offenders(weak.collect(), "none", "these passwords are stored with a weak hash", SHADOW))
}

pub(super) fn emergency(host: &dyn Host) -> Outcome {
    let Some(name) = declarations::read(host)?.emergency_account else {
        return Err(Unmeasured::unknown("no emergency account is declared", declarations::PATH));
    };
    let people = People::with_passwords(host)?;
    let location = "/etc/passwd, /etc/shadow";
    let Some(person) = people.all().iter().find(|person| person.name == name) else {
        return Ok(Finding::fail("declared, missing", "the declared account does not exist", location));
    };
    Ok(if person.has_login_shell() && people.is_open(host, person)? {
        Finding::pass("declared, open and with a password or key", location)
    } else {
        Finding::fail("declared, not usable", "the account is locked, expired or has no shell", location)
    })
}
