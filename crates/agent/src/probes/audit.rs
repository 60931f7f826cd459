//! The kernel's audit trail: whether it runs, what it watches, and whether that is locked.

use proofline_catalog::AuditSubject;

use super::finding::{Finding, Outcome, Unmeasured, enumerate};
use super::{processes, reading};
use crate::host::{Host, RunLimits};

const STATUS: [&str; 2] = ["auditctl", "-s"];
const RULES: [&str; 2] = ["auditctl", "-l"];

/// What `auditctl` says, or the finding that auditing is not there at all.
///
/// Without the tool nothing can have loaded rules; together with the absence of the daemon that is a measurement.
fn ask(host: &dyn Host, argv: &[&str]) -> Result<Result<String, Finding>, Unmeasured> {
    if let Some(text) = reading::answer_if_there(host, argv, RunLimits::QUICK)? {
        return Ok(Ok(text));
    }
    if processes::first_running(host, ["auditd"])?.is_some() {
        return Err(Unmeasured::unknown("auditd runs, but auditctl was not found", argv.join(" ")));
    }
    Ok(Err(Finding::fail("not installed", "there is no audit daemon on this machine", "/proc/<pid>/comm")))
}

fn status(text: &str, key: &str) -> Option<u32> {
    text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
}

pub(super) fn running(host: &dyn Host) -> Outcome {
    let text = match ask(host, &STATUS)? {
        Ok(text) => text,
        Err(finding) => return Ok(finding),
    };
    let location = STATUS.join(" ");
    match (status(&text, "enabled "), status(&text, "pid ")) {
        (Some(0), Some(_)) => Ok(Finding::fail("disabled", "the kernel does not audit", location)),
        (Some(_), Some(0)) => {
            Ok(Finding::fail("enabled, no daemon", "no daemon takes the records of the kernel", location))
        }
        (Some(_), Some(_)) => Ok(Finding::pass("enabled in the kernel and taken by a daemon", location)),
        _ => Err(Unmeasured::unknown("the answer was not understood", location)),
    }
}

pub(super) fn immutable(host: &dyn Host) -> Outcome {
    let text = match ask(host, &STATUS)? {
        Ok(text) => text,
        Err(finding) => return Ok(finding),
    };
    let location = STATUS.join(" ");
    match status(&text, "enabled ") {
        Some(2) => Ok(Finding::pass("locked", location)),
        Some(_) => Ok(Finding::fail("not locked", "root can change the rules at any time", location)),
        None => Err(Unmeasured::unknown("the answer was not understood", location)),
    }
}

/// What has to be covered: each group by at least one of its members.
enum Need {
    /// Writes to a file, under any of its names.
    Writes(&'static [&'static str]),
    /// Uses of a system call.
    Call(&'static str),
}

fn needs(subject: AuditSubject) -> &'static [Need] {
    match subject {
        AuditSubject::Identity => &[
            Need::Writes(&["/etc/passwd"]),
            Need::Writes(&["/etc/shadow"]),
            Need::Writes(&["/etc/group"]),
            Need::Writes(&["/etc/gshadow"]),
        ],
        AuditSubject::Logins => &[
            Need::Writes(&["/var/log/lastlog", "/var/lib/lastlog/lastlog2.db"]),
            Need::Writes(&["/var/run/faillock", "/run/faillock", "/var/log/faillog", "/var/log/tallylog"]),
        ],
        AuditSubject::Privilege => &[Need::Writes(&["/etc/sudoers"]), Need::Writes(&["/etc/sudoers.d"])],
        AuditSubject::Time => {
            &[Need::Call("clock_settime"), Need::Call("settimeofday"), Need::Call("adjtimex")]
        }
    }
}

pub(super) fn rules(host: &dyn Host, subject: AuditSubject) -> Outcome {
    let text = match ask(host, &RULES)? {
        Ok(text) => text,
        Err(finding) => return Ok(finding),
    };
    let rules: Vec<Rule> = text.lines().map(Rule::parse).collect();
    let mut missing = Vec::new();
    for need in needs(subject) {
        match need {
            Need::Writes(paths) => {
                if !paths.iter().any(|path| rules.iter().any(|rule| rule.watches(path))) {
                    missing.push(paths.first().copied().unwrap_or_default().to_owned());
                }
            }
            Need::Call(call) => {
                if !rules.iter().any(|rule| rule.records(call)) {
                    missing.push((*call).to_owned());
                }
            }
        }
    }
    let location = RULES.join(" ");
    Ok(if missing.is_empty() {
        Finding::pass("covered", location)
    } else {
        Finding::fail(format!("not covered: {}", enumerate(missing)), "no loaded rule covers these", location)
    })
}

/// One loaded rule, in the `-w path -p perms` or the `-a always,exit -F … -S …` form. Rules that exclude cover nothing.
#[derive(Default)]
struct Rule {
    path: String,
    writes: bool,
    calls: Vec<String>,
}

impl Rule {
    fn parse(line: &str) -> Self {
        let mut rule = Self { writes: true, ..Self::default() };
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            match (word, words.next().unwrap_or_default()) {
                ("-a" | "-A", list) if !list.contains("always") => return Self::default(),
                ("-w", path) => path.clone_into(&mut rule.path),
                ("-p", perms) => rule.writes = perms.contains('w'),
                ("-S", calls) => rule.calls.extend(calls.split(',').map(str::to_owned)),
                ("-F", field) => match field.split_once('=') {
                    Some(("path" | "dir", path)) => path.clone_into(&mut rule.path),
                    Some(("perm", perms)) => rule.writes = perms.contains('w'),
                    // A rule for some users, results or programs only does not cover the subject.
                    Some(("auid" | "uid" | "euid" | "exe" | "success" | "exit", _)) => rule.writes = false,
                    _ => {}
                },
                _ => {}
            }
        }
        rule
    }

    /// Whether every use of a system call is recorded, not only its use on some file.
    fn records(&self, call: &str) -> bool {
        self.writes && self.path.is_empty() && self.calls.iter().any(|known| known == call || known == "all")
    }

    fn watches(&self, path: &str) -> bool {
        let own = self.path.trim_end_matches('/');
        let inside = path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.writes && self.path.starts_with('/') && (inside || own.is_empty())
    }
}
