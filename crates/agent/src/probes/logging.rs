//! System logs: kept on disk, long enough, and sent elsewhere.

use super::finding::{Finding, Outcome, Unmeasured, enumerate};
use super::{processes, reading, services};
use crate::host::{Host, RunLimits};

/// The kernel's names of programs that write system logs to files.
const FILE_WRITERS: [&str; 2] = ["rsyslogd", "syslog-ng"];
/// journald's name is longer than the kernel keeps.
const JOURNALD: &str = "systemd-journald";
/// Programs whose purpose is to send logs to another machine.
const SHIPPERS: [&str; 15] = [
    "filebeat",
    "journalbeat",
    "elastic-agent",
    "fluent-bit",
    "fluentd",
    "td-agent",
    "vector",
    "promtail",
    "alloy",
    "splunkd",
    "nxlog",
    "wazuh-agentd",
    "ossec-agentd",
    "otelcol",
    "datadog-agent",
];

/// The effective value of a key, drop-ins included; `None` where it is left at its default.
pub(super) fn systemd_setting(host: &dyn Host, file: &str, key: &str) -> Result<Option<String>, Unmeasured> {
    let text = reading::answer(host, &["systemd-analyze", "cat-config", file], RunLimits::QUICK)?;
    let mut assigned = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', ';']))
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim().to_owned());
    Ok(assigned.next_back().filter(|value| !value.is_empty()))
}

/// A time span as systemd writes it, in seconds: `90day`, `2h 30min`, `7200`, `infinity`. systemd.time(7)
pub(super) fn time_span(text: &str) -> Option<u64> {
    if text == "infinity" {
        return Some(u64::MAX);
    }
    let mut total: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "" | "s" | "sec" | "second" | "seconds" => 1,
            "m" | "min" | "minute" | "minutes" => 60,
            "h" | "hr" | "hour" | "hours" => 3_600,
            "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            "M" | "month" | "months" => 2_629_800,
            "y" | "year" | "years" => 31_557_600,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = rest[letters..].trim_start();
    }
    Some(total)
}

pub(super) fn persistent(host: &dyn Host) -> Outcome {
    if let Some(writer) = processes::first_running(host, FILE_WRITERS)? {
        return Ok(Finding::pass(format!("kept on disk by {writer}"), "/proc/<pid>/comm"));
    }
    if processes::first_running(host, [JOURNALD])?.is_none() {
        return Ok(Finding::fail("no log service runs", "nothing keeps a system log", "/proc/<pid>/comm"));
    }
    let location = "systemd-analyze cat-config systemd/journald.conf: Storage";
    let storage = systemd_setting(host, "systemd/journald.conf", "Storage")?;
    let on_disk = match storage.as_deref() {
        Some("persistent") => true,
        Some("volatile" | "none") => false,
        // `auto`: on disk when the folder is there.
        _ => reading::exists(host, "/var/log/journal")?,
    };
    Ok(if on_disk {
        Finding::pass("kept on disk by the journal", location)
    } else {
        Finding::fail("kept in memory", "the journal is lost at every restart", location)
    })
}

pub(super) fn forwarding(host: &dyn Host) -> Outcome {
    if let Some(shipper) = processes::first_running(host, SHIPPERS)? {
        return Ok(Finding::pass(format!("sent by {shipper}"), "/proc/<pid>/comm"));
    }
    // By its kernel name it cannot be told from the journal itself.
    if services::has_systemd(host)? {
        let units = services::units(host, &["systemd-journal-upload.service"])?;
        if units.iter().any(|unit| unit.active) {
            return Ok(Finding::pass("sent by systemd-journal-upload", "systemctl show"));
        }
    }
    match processes::first_running(host, FILE_WRITERS)? {
        Some("rsyslogd") => {
            let location = "/etc/rsyslog.conf, /etc/rsyslog.d";
            let mut text = reading::text(host, "/etc/rsyslog.conf")?;
            for path in reading::files_ending(host, "/etc/rsyslog.d", ".conf")? {
                text.push('\n');
                text.push_str(&reading::text(host, &path)?);
            }
            Ok(if rsyslog_statements(&text).iter().any(|statement| rsyslog_forwards(statement)) {
                Finding::pass("sent by rsyslog", location)
            } else {
                Finding::fail("not sent", "rsyslog has no rule that sends to another machine", location)
            })
        }
        Some(other) => {
            Err(Unmeasured::unknown(format!("the rules of {other} are not understood"), "/etc/syslog-ng"))
        }
        None => {
            let reason = "no program runs that sends logs to another machine";
            Ok(Finding::fail("not sent", reason, "/proc/<pid>/comm"))
        }
    }
}

/// The statements of rsyslog's configuration: lines, and from a parenthesis to the one that closes it as many as it takes.
fn rsyslog_statements(text: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let (mut open, mut depth) = (String::new(), 0_usize);
    for line in reading::settings(text) {
        if !open.is_empty() {
            open.push(' ');
        }
        open.push_str(line);
        let mut quoted = false;
        for letter in line.chars() {
            match letter {
                '"' => quoted = !quoted,
                '(' if !quoted => depth += 1,
                ')' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        if depth == 0 {
            statements.push(std::mem::take(&mut open));
        }
    }
    statements.extend(Some(open).filter(|open| !open.is_empty()));
    statements
}

/// `*.* @@host`, `action(type="omfwd" target="host" …)` or another network output; the machine itself does not count.
fn rsyslog_forwards(line: &str) -> bool {
    const OUTPUTS: [&str; 5] = ["omfwd", "omrelp", "omkafka", "omelasticsearch", "omhttp"];
    if ["localhost", "127.0.0.1", "[::1]", "\"::1\""].iter().any(|own| line.contains(own)) {
        return false;
    }
    let legacy = line.split_whitespace().nth(1).is_some_and(|target| target.starts_with('@'));
    let packed: String = line.split_whitespace().collect();
    let modern =
        packed.contains("action(") && OUTPUTS.iter().any(|name| line.contains(&format!("\"{name}\"")));
    legacy || modern
}

pub(super) fn retention(host: &dyn Host, min_days: u32) -> Outcome {
    if processes::first_running(host, FILE_WRITERS)?.is_some() {
        return rotated_files(host, min_days);
    }
    let location = "systemd-analyze cat-config systemd/journald.conf: MaxRetentionSec";
    let limit = systemd_setting(host, "systemd/journald.conf", "MaxRetentionSec")?;
    match limit.as_deref().and_then(time_span) {
        Some(seconds) if seconds > 0 && seconds / 86_400 < u64::from(min_days) => {
            Ok(Finding::fail(format!("{} days", seconds / 86_400), "the journal forgets earlier", location))
        }
        _ => Err(Unmeasured::unknown(
            "the journal is limited by size, so how far it reaches back is open",
            location,
        )),
    }
}

/// The days that the usual system logs are kept by logrotate: rotations times their period, and no more than `maxage`.
fn rotated_files(host: &dyn Host, min_days: u32) -> Outcome {
    const LOCATION: &str = "/etc/logrotate.conf, /etc/logrotate.d";
    const LOGS: [&str; 4] = ["/var/log/syslog", "/var/log/messages", "/var/log/auth.log", "/var/log/secure"];
    let Some(main) = reading::text_if_there(host, "/etc/logrotate.conf")? else {
        return Err(Unmeasured::unknown("logrotate is not configured", LOCATION));
    };
    let mut texts = vec![main];
    for path in reading::files_ending(host, "/etc/logrotate.d", "")? {
        texts.push(reading::text(host, &path)?);
    }
    let mut defaults = Rotation::default();
    let mut kept: Vec<(String, Rotation)> = Vec::new();
    for text in &texts {
        let mut inside: Option<(Vec<String>, Rotation)> = None;
        let mut names = Vec::new();
        for line in reading::settings(text) {
            let head = line.strip_suffix('{').map(str::trim);
            if inside.is_none() && (line.starts_with('/') || line.starts_with('"') || head.is_some()) {
                let list = head.unwrap_or(line);
                names.extend(list.split_whitespace().map(|name| name.trim_matches('"').to_owned()));
                if head.is_some() {
                    inside = Some((std::mem::take(&mut names), defaults));
                }
            } else if line == "}" {
                if let Some((names, rotation)) = inside.take() {
                    let logs = names.into_iter().filter(|name| LOGS.contains(&name.as_str()));
                    kept.extend(logs.map(|name| (name, rotation)));
                }
            } else {
                inside.as_mut().map_or(&mut defaults, |(_, rotation)| rotation).set(line);
            }
        }
    }
    let short: Vec<String> = kept
        .iter()
        .filter_map(|(name, rotation)| Some((name, rotation.days()?)))
        .filter(|(_, days)| *days < u64::from(min_days))
        .map(|(name, days)| format!("{name} {days} days"))
        .collect();
    if kept.is_empty() {
        return Err(Unmeasured::unknown("no rule for the system logs was found", LOCATION));
    }
    if short.is_empty() && kept.iter().any(|(_, rotation)| rotation.days().is_none()) {
        let reason = "system logs are rotated by size, so how far they reach back is open";
        return Err(Unmeasured::unknown(reason, LOCATION));
    }
    Ok(if short.is_empty() {
        Finding::pass(format!("at least {min_days} days"), LOCATION)
    } else {
        Finding::fail(enumerate(short), "these logs are removed earlier", LOCATION)
    })
}

#[derive(Clone, Copy, Default)]
struct Rotation {
    period_days: u64,
    count: u64,
    max_age_days: Option<u64>,
    /// Rotated when it has grown, whatever the time.
    by_size: bool,
    /// Rotated when it has grown, and at the usual time.
    early: bool,
}

impl Rotation {
    fn set(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let word = words.next().unwrap_or_default();
        let number = || words.clone().next().and_then(|word| word.parse::<i64>().ok());
        // Time and size exclude each other, the later one counts.
        if ["hourly", "daily", "weekly", "monthly", "yearly"].contains(&word) {
            self.by_size = false;
        }
        match word.split('=').next().unwrap_or_default() {
            "size" => self.by_size = true,
            "maxsize" => self.early = true,
            "hourly" => self.period_days = 0,
            "daily" => self.period_days = 1,
            "weekly" => self.period_days = 7,
            "monthly" => self.period_days = 30,
            "yearly" => self.period_days = 365,
            // -1 keeps everything.
            "rotate" => self.count = number().map_or(0, |n| u64::try_from(n).unwrap_or(u64::MAX)),
            "maxage" => self.max_age_days = number().and_then(|n| u64::try_from(n).ok()),
            _ => {}
        }
    }

    /// `None` where it depends on how fast the log grows.
    fn days(self) -> Option<u64> {
        let longest = self.period_days.saturating_mul(self.count);
        let days = self.max_age_days.map_or(longest, |limit| longest.min(limit));
        (!self.by_size && !self.early).then_some(days)
    }
}
