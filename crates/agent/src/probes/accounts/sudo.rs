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
    let mut grants = false;
    let mut unclear = None;
    for line in rules(host)? {
        match meaning(&line) {
            Meaning::Nothing => {}
            Meaning::Grant => grants = true,
            Meaning::Offence(who) => offences.push(who),
            Meaning::Unclear => unclear = Some("a line of the rules was not understood"),
        }
    }
    if !grants {
        // Not even root may do anything by them: that is not what sudo goes by on a machine that has it.
        unclear = unclear.or(Some("the rules let nobody do anything"));
    }
    let location = "/etc/sudoers and what it includes";
    if let (Some(reason), true) = (unclear, offences.is_empty()) {
        return Err(Unmeasured::unknown(reason, location));
    }
    Ok(Finding::offenders(offences, "none", "these may act as somebody else without a password", location))
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
        for line in logical_lines(&text) {
            let Some(include) = include(&line) else {
                lines.push(line);
                continue;
            };
            if include.path.contains('%') {
                let reason = "a file is included whose name depends on the host";
                return Err(Unmeasured::unknown(reason, path));
            }
            let target = absolute(&include.path, &path);
            if include.directory {
                let directory = target.trim_end_matches('/');
                // sudo skips backups and package leftovers the same way.
                let names = reading::list(host, directory)?.into_iter().filter(|entry| {
                    !entry.is_directory && !entry.name.contains('.') && !entry.name.ends_with('~')
                });
                left.extend(names.map(|entry| format!("{directory}/{}", entry.name)));
            } else {
                left.push(target);
            }
        }
    }
    Ok(lines)
}

/// Lines that end in a backslash go on in the next one, unless they are comments.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        open.push_str(line.trim_end_matches('\r'));
        let is_comment = open.trim_start().starts_with('#') && !is_numbered(open.trim_start());
        if open.ends_with('\\') && !is_comment {
            open.pop();
            open.push(' ');
            continue;
        }
        lines.push(std::mem::take(&mut open).trim().to_owned());
    }
    lines.push(open.trim().to_owned());
    lines
}

/// `#1000` is an account by its number, not a comment.
fn is_numbered(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
}

struct Include {
    directory: bool,
    path: String,
}

/// `@include file` or `@includedir folder`, also with `#`; any white space in between, quotes and backslashes allowed.
fn include(line: &str) -> Option<Include> {
    let rest = line.strip_prefix(['@', '#'])?;
    let (word, path) = rest.split_once([' ', '\t'])?;
    let directory = match word {
        "include" => false,
        "includedir" => true,
        _ => return None,
    };
    let path = path.trim().trim_matches('"').replace("\\ ", " ");
    Some(Include { directory, path })
}

/// A name without a folder lies beside the file that names it.
fn absolute(path: &str, from: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let folder = from.rsplit_once('/').map_or("/etc", |(folder, _)| folder);
    format!("{folder}/{path}")
}

/// What one logical line says.
enum Meaning {
    Nothing,
    /// Somebody may do something, with a password.
    Grant,
    /// Somebody may do something without.
    Offence(String),
    Unclear,
}

fn meaning(line: &str) -> Meaning {
    let line = without_comment(line);
    let Some(first) = line.split_whitespace().next() else { return Meaning::Nothing };
    if let Some(setting) = line.strip_prefix("Defaults") {
        let packed: String = setting.split_whitespace().collect();
        return if packed.contains("!authenticate") {
            Meaning::Offence("everybody named by `Defaults !authenticate`".to_owned())
        } else if packed.contains("exempt_group=") {
            Meaning::Offence("the group of `Defaults exempt_group`".to_owned())
        } else {
            Meaning::Nothing
        };
    }
    if ["User_Alias", "Runas_Alias", "Host_Alias", "Cmnd_Alias", "Cmd_Alias"].contains(&first) {
        return Meaning::Nothing;
    }
    // Who and where stand before the sign, what behind it.
    let rule = line.split_once('=').is_some_and(|(who_and_where, what)| {
        who_and_where.split_whitespace().count() >= 2 && !what.trim().is_empty()
    });
    if !rule {
        return Meaning::Unclear;
    }
    // White space may stand before the colon of a tag. sudoers(5)
    let tagged = line.match_indices("NOPASSWD").any(|(start, tag)| {
        line.get(start + tag.len()..).is_some_and(|rest| rest.trim_start().starts_with(':'))
    });
    if tagged { Meaning::Offence(first.to_owned()) } else { Meaning::Grant }
}

/// The line up to a `#` that begins a comment: one that does not begin a number.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices('#').find(|(start, _)| {
        let escaped = line.get(..*start).is_some_and(|before| before.ends_with('\\'));
        !escaped && line.get(*start..).is_some_and(|rest| !is_numbered(rest))
    });
    comment.map_or(line, |(start, _)| line.get(..start).unwrap_or(line)).trim()
}
