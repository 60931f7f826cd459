//! Permissions and ownership of files.

use std::path::Path;

use super::accounts::{self, People};
use super::finding::{Finding, Outcome, Unmeasured, enumerate};
use super::reading;
use crate::host::{FileKind, Host, HostError};
use proofline_catalog::Absent;

/// How many files and directories one search may look at.
const SEARCH_LIMIT: usize = 20_000;

pub(super) fn file_mode(
    host: &dyn Host,
    patterns: &[String],
    max_mode: &str,
    groups: &[String],
    absent: Absent,
) -> Outcome {
    let limit = octal(max_mode)?;
    let allowed = accounts::group_ids(host, groups)?;
    let mut seen = 0_usize;
    let mut offences = Vec::new();
    for path in expand(host, patterns)? {
        let Some(found) = reading::metadata_if_there(host, &path)? else {
            if absent == Absent::Fails && patterns.first() == Some(&path) {
                return Ok(Finding::fail("missing", format!("{path} must exist"), path));
            }
            continue;
        };
        seen += 1;
        if found.mode & !limit != 0 {
            offences.push(format!("{path} has mode {:04o}", found.mode));
        }
        if found.uid != 0 {
            offences.push(format!("{path} is owned by account {}", found.uid));
        }
        if !allowed.contains(&found.gid) {
            offences.push(format!("{path} belongs to group {}", found.gid));
        }
    }
    let location = patterns.join(", ");
    if seen == 0 {
        return Err(Unmeasured::not_applicable(format!("there is no {location}")));
    }
    Ok(Finding::offenders(
        offences,
        &format!("{max_mode} or stricter"),
        "mode, owner or group is wider than expected",
        location,
    ))
}

/// Replaces a `*` in the last part of a path by every name that fits.
fn expand(host: &dyn Host, patterns: &[String]) -> Result<Vec<String>, Unmeasured> {
    let mut paths = Vec::new();
    for pattern in patterns {
        let Some((directory, name)) = pattern.rsplit_once('/').filter(|(_, name)| name.contains('*')) else {
            paths.push(pattern.clone());
            continue;
        };
        let (before, after) = name.split_once('*').unwrap_or_default();
        let fits = |name: &str| {
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        };
        let entries = reading::list(host, directory)?;
        let found = entries.into_iter().filter(|entry| !entry.is_directory && fits(&entry.name));
        paths.extend(found.map(|entry| format!("{directory}/{}", entry.name)));
    }
    Ok(paths)
}

pub(super) fn world_writable(host: &dyn Host, directories: &[String]) -> Outcome {
    let location = directories.join(", ");
    let mut open = Vec::new();
    let mut refused = None;
    let mut left: Vec<String> = directories.to_vec();
    let mut seen = 0_usize;
    while let Some(directory) = left.pop() {
        let entries = match host.list(Path::new(&directory)) {
            Ok(entries) => entries,
            Err(HostError::NotFound) => continue,
            Err(error) => {
                refused = Some(Unmeasured::from_host(&error, &directory));
                continue;
            }
        };
        seen += entries.len();
        if seen > SEARCH_LIMIT {
            return Err(Unmeasured::error(format!("more than {SEARCH_LIMIT} files"), location));
        }
        for entry in entries {
            let path = format!("{directory}/{}", entry.name);
            let found = match host.link_metadata(Path::new(&path)) {
                Ok(found) => found,
                // A file that vanishes while we look is no offence.
                Err(HostError::NotFound) => continue,
                Err(error) => {
                    refused = Some(Unmeasured::from_host(&error, &path));
                    continue;
                }
            };
            let sticky_directory = found.kind == FileKind::Directory && found.mode & 0o1000 != 0;
            if found.kind != FileKind::Symlink && found.mode & 0o002 != 0 && !sticky_directory {
                open.push(path.clone());
            }
            if found.kind == FileKind::Directory {
                left.push(path);
            }
        }
    }
    match refused {
        // What was found stands; that nothing was found does not, while something could not be looked at.
        Some(unmeasured) if open.is_empty() => Err(unmeasured),
        _ if seen == 0 => Err(Unmeasured::unknown("nothing was found there", location)),
        _ => Ok(Finding::offenders(open, "none", "everybody may write to these", location)),
    }
}

pub(super) fn home_modes(host: &dyn Host, max_mode: &str) -> Outcome {
    let limit = octal(max_mode)?;
    let mut offences = Vec::new();
    let mut seen = 0_usize;
    for person in People::read(host)?.who_sign_in() {
        let Some(found) = reading::metadata_if_there(host, &person.home)? else { continue };
        if found.kind != FileKind::Directory || person.home == "/" {
            continue;
        }
        seen += 1;
        if found.mode & !limit != 0 {
            offences.push(format!("{} ({:04o})", person.home, found.mode));
        }
    }
    if seen == 0 {
        return Err(Unmeasured::not_applicable("nobody has a home folder here"));
    }
    let location = "home folders named in /etc/passwd";
    Ok(if offences.is_empty() {
        Finding::pass(format!("{max_mode} or stricter"), location)
    } else {
        Finding::fail(enumerate(offences), "others can look into these folders", location)
    })
}

fn octal(mode: &str) -> Result<u32, Unmeasured> {
    u32::from_str_radix(mode, 8).map_err(|_| Unmeasured::unknown("the expected mode is not octal", mode))
}
