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
    let location = RULES.join(" ");
    let rules: Vec<Rule> = text
        .lines()
        .filter(|line| !line.trim().is_empty() && line.trim() != "No rules")
        .map(Rule::parse)
        .collect::<Option<_>>()
        .ok_or_else(|| Unmeasured::unknown("the answer was not understood", location.clone()))?;
    let mut missing = Vec::new();
    for need in needs(subject) {
        match need {
            Need::Writes(paths) => {
                let mut covered = false;
                for path in *paths {
                    covered |= covers(host, &rules, |rule| rule.watches(path), |rule| rule.hides_path(path))?;
                }
                if !covered {
                    missing.push(paths.first().copied().unwrap_or_default().to_owned());
                }
            }
            Need::Call(call) => {
                if !covers(host, &rules, |rule| rule.records(call), |rule| rule.hides_call(call))? {
                    missing.push((*call).to_owned());
                }
            }
        }
    }
    Ok(if missing.is_empty() {
        Finding::pass("covered", location)
    } else {
        Finding::fail(format!("not covered: {}", enumerate(missing)), "no loaded rule covers these", location)
    })
}

/// Whether a rule covers something before a rule hides it: the kernel goes by the first that fits.
fn covers(
    host: &dyn Host,
    rules: &[Rule],
    covers: impl Fn(&Rule) -> bool,
    hides: impl Fn(&Rule) -> bool,
) -> Result<bool, Unmeasured> {
    // What is excluded or never recorded for a whole task does not wait for its place in the list.
    if rules.iter().any(|rule| matches!(rule.list, List::Exclude | List::Task) && hides(rule)) {
        return Ok(false);
    }
    for rule in rules {
        if hides(rule) {
            return Ok(false);
        }
        if covers(rule) && (!rule.only_32_bit || !is_64_bit(host)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Programs of a 64-bit machine make 64-bit calls, which rules for `b32` do not see.
fn is_64_bit(host: &dyn Host) -> Result<bool, Unmeasured> {
    let machine = reading::answer(host, &["uname", "-m"], RunLimits::QUICK)?;
    Ok(machine.contains("64") || machine.trim() == "s390x")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Exit,
    Filesystem,
    Exclude,
    Task,
    /// `user` and whatever is new: covers nothing that is asked for here.
    Other,
}

/// One loaded rule, in the `-w path -p perms` or the `-a always,exit -F … -S …` form.
struct Rule {
    list: List,
    never: bool,
    path: String,
    writes: bool,
    calls: Vec<String>,
    only_32_bit: bool,
    /// It looks at the first argument being zero: of the calls asked for, that is the clock for `clock_settime`.
    first_argument_zero: bool,
    /// It has a condition that was not understood as harmless: users, results, programs and whatever else.
    restricted: bool,
    /// What an `exclude` rule drops.
    message_type: Option<String>,
    /// What a `filesystem` rule is about.
    filesystem: Option<String>,
}

impl Rule {
    /// `None` for what is no rule.
    fn parse(line: &str) -> Option<Self> {
        let mut rule = Self {
            list: List::Exit,
            never: false,
            path: String::new(),
            writes: true,
            calls: Vec::new(),
            only_32_bit: false,
            first_argument_zero: false,
            restricted: false,
            message_type: None,
            filesystem: None,
        };
        let mut words = line.split_whitespace();
        let mut is_rule = false;
        while let Some(word) = words.next() {
            let value = words.next()?;
            match word {
                "-a" | "-A" => {
                    is_rule = true;
                    for part in value.split(',') {
                        match part {
                            "always" => {}
                            "never" => rule.never = true,
                            "exit" => rule.list = List::Exit,
                            "filesystem" => rule.list = List::Filesystem,
                            "exclude" => rule.list = List::Exclude,
                            "task" => rule.list = List::Task,
                            _ => rule.list = List::Other,
                        }
                    }
                }
                "-w" => {
                    is_rule = true;
                    value.clone_into(&mut rule.path);
                }
                "-p" => rule.writes = value.contains('w'),
                "-S" => rule.calls.extend(value.split(',').map(str::to_owned)),
                "-k" => {}
                "-F" => rule.field(value),
                _ => rule.restricted = true,
            }
        }
        is_rule.then_some(rule)
    }

    /// Fields that do not narrow what is covered, or in a way that is taken into account. All others do.
    fn field(&mut self, field: &str) {
        match field.split_once('=') {
            Some(("path" | "dir", path)) if path.starts_with('/') => path.clone_into(&mut self.path),
            Some(("perm", perms)) => self.writes = perms.contains('w'),
            Some(("key", _) | ("arch", "b64" | "x86_64" | "aarch64")) => {}
            Some(("arch", "b32" | "i386" | "arm")) => self.only_32_bit = true,
            Some(("a0", "0" | "0x0")) => self.first_argument_zero = true,
            Some(("msgtype", kind)) if self.list == List::Exclude => {
                self.message_type = Some(kind.to_owned());
            }
            Some(("fstype", kind)) if self.list == List::Filesystem => {
                self.filesystem = Some(kind.to_owned());
            }
            _ => self.restricted = true,
        }
    }

    fn is_plain(&self) -> bool {
        self.list == List::Exit && !self.never && !self.restricted && self.writes
    }

    fn names(&self, call: &str) -> bool {
        self.calls.iter().any(|known| known == call || known == "all")
    }

    /// Whether every use of a system call is recorded, not only its use on some file.
    fn records(&self, call: &str) -> bool {
        let whole = !self.first_argument_zero || call == "clock_settime";
        self.is_plain() && self.path.is_empty() && whole && self.names(call)
    }

    /// Whether every write to `path` is recorded, by whatever call.
    fn watches(&self, path: &str) -> bool {
        let any_call = self.calls.is_empty() || self.calls.iter().any(|call| call == "all");
        self.is_plain() && any_call && !self.first_argument_zero && self.holds(path)
    }

    fn holds(&self, path: &str) -> bool {
        let own = self.path.trim_end_matches('/');
        let inside = path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.path.starts_with('/') && (inside || own.is_empty())
    }

    /// Whether it may keep events about `path` out of the trail, for some users at least.
    fn hides_path(&self, path: &str) -> bool {
        self.hides(|| self.path.is_empty() || self.holds(path))
    }

    /// Whether it may keep uses of a call out of the trail.
    fn hides_call(&self, call: &str) -> bool {
        self.hides(|| self.path.is_empty() && (self.calls.is_empty() || self.names(call)))
    }

    fn hides(&self, by_exit: impl FnOnce() -> bool) -> bool {
        match self.list {
            List::Exit => self.never && by_exit(),
            List::Task => self.never,
            // Events of the kernel's own file systems are nothing that is asked for.
            List::Filesystem => {
                self.never && !matches!(self.filesystem.as_deref(), Some("tracefs" | "debugfs"))
            }
            // `always` and `never` mean the same there. Without these records an event says nothing.
            List::Exclude => match self.message_type.as_deref() {
                Some(kind) => ["SYSCALL", "PATH", "1300", "1302"].contains(&kind),
                None => true,
            },
            List::Other => false,
        }
    }
}
