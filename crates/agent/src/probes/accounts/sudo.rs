//! Sudo rules, includes followed.

use crate::host::Host;
use crate::probes::finding::{Finding, Outcome, Unmeasured};
use crate::probes::reading;

const SUDOERS: &str = "/etc/sudoers";
/// How many files the rules may be spread over.
const MAX_FILES: usize = 200;

pub(in crate::probes) fn without_password(host: &dyn Host) -> Outcome {
    if !reading::exists(host, SUDOERS)? {
        return Err(Unmeasured::not_applicable("sudo is not installed"));
    }
    let mut offences = Vec::new();
    for line in rules(host)? {
        if let Some(offence) = offence(&line) {
            offences.push(offence);
        }
    }
    let reason = "these may act as somebody else without a password";
    Ok(Finding::offenders(offences, "none", reason, "/etc/sudoers and what it includes"))
}

/// Every logical line in the order of reading.
fn rules(host: &dyn Host) -> Result<Vec<String>, Unmeasured> {
    let mut lines = Vec::new();
    let mut left = vec![SUDOERS.to_owned()];
    let mut read = 0;
    while let Some(path) = left.pop() {
        read += 1;
        if read > MAX_FILES {
            return Err(Unmeasured::error(format!("more than {MAX_FILES} files of rules"), SUDOERS));
        }
        let Some(text) = reading::text_if_there(host, &path)? else { continue };
        for line in text.replace("\\\n", " ").lines().map(str::trim) {
            match include(line) {
                Some(Include::File(file)) => left.push(absolute(file)),
                Some(Include::Directory(directory)) => {
                    let directory = absolute(directory);
                    let entries = reading::list(host, directory.trim_end_matches('/'))?;
                    // sudo skips backups and package leftovers the same way.
                    let names = entries.into_iter().filter(|entry| {
                        !entry.is_directory && !entry.name.contains('.') && !entry.name.ends_with('~')
                    });
                    left.extend(
                        names.map(|entry| format!("{}/{}", directory.trim_end_matches('/'), entry.name)),
                    );
                }
                None => lines.push(line.to_owned()),
            }
        }
    }
    Ok(lines)
}

enum Include<'a> {
    File(&'a str),
    Directory(&'a str),
}

fn include(line: &str) -> Option<Include<'_>> {
    let rest = line.strip_prefix('@').or_else(|| line.strip_prefix('#'))?;
    if let Some(directory) = rest.strip_prefix("includedir ") {
        return Some(Include::Directory(directory.trim().trim_matches('"')));
    }
    rest.strip_prefix("include ").map(|file| Include::File(file.trim().trim_matches('"')))
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/etc/{path}") }
}

/// Who gains rights without a password by this line, if anybody.
fn offence(line: &str) -> Option<String> {
    let numbered = line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if line.is_empty() || (line.starts_with('#') && !numbered) {
        return None;
    }
    if line.contains("_Alias") && line.split_whitespace().next().is_some_and(|word| word.ends_with("_Alias"))
    {
        return None;
    }
    if line.starts_with("Defaults") {
        let setting = line.split('#').next().unwrap_or_default();
        return setting
            .contains("!authenticate")
            .then(|| "everybody named by `Defaults !authenticate`".to_owned());
    }
    let who = line.split_whitespace().next()?;
    line.contains("NOPASSWD:").then(|| who.to_owned())
}
