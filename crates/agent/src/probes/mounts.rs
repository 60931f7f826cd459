//! What is mounted where.

use super::finding::{Finding, Outcome, Unmeasured, enumerate};
use super::reading;
use crate::host::Host;

const MOUNTINFO: &str = "/proc/self/mountinfo";

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) point: String,
    pub(super) kind: String,
    /// What it was mounted from: a device path, or something else that the file system understands.
    pub(super) source: String,
    /// `major:minor` of the device; major 0 where the file system lies on none of its own.
    pub(super) device: String,
    options: Vec<String>,
}

/// Every mount, later ones after those that they may cover.
pub(super) fn all(host: &dyn Host) -> Result<Vec<Mount>, Unmeasured> {
    let text = reading::text(host, MOUNTINFO)?;
    // id parent major:minor root point options [tags…] - type source super-options; proc_pid_mountinfo(5)
    let parse = |line: &str| {
        let (own, shared) = line.split_once(" - ")?;
        let own: Vec<&str> = own.split(' ').collect();
        let mut shared = shared.split(' ');
        let (kind, source) = (shared.next()?, shared.next()?);
        let mut options: Vec<String> = own.get(5)?.split(',').map(str::to_owned).collect();
        options.extend(shared.next().unwrap_or_default().split(',').map(str::to_owned));
        let (point, device) = (unescape(own.get(4)?), (*own.get(2)?).to_owned());
        Some(Mount { point, kind: kind.to_owned(), source: unescape(source), device, options })
    };
    let unclear = || Unmeasured::unknown("the list of mounts was not understood", MOUNTINFO);
    text.lines().map(|line| parse(line).ok_or_else(unclear)).collect()
}

/// The mount that holds `path`.
pub(super) fn holding<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    let holds = |mount: &&Mount| {
        let below = path.strip_prefix(mount.point.trim_end_matches('/'));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // Of equally long mount points the last one covers the others.
    mounts.iter().filter(holds).max_by_key(|mount| mount.point.len())
}

/// `\040` and its kind stand for white space and backslashes.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, letter)| text.replace(code, letter))
}

pub(super) fn options(host: &dyn Host, path: &str, wanted: &[String]) -> Outcome {
    let mounts = all(host)?;
    let Some(mount) = mounts.iter().rev().find(|mount| mount.point == path) else {
        return Err(Unmeasured::not_applicable(format!("nothing is mounted at {path}")));
    };
    let location = format!("{MOUNTINFO}: {path}");
    let missing: Vec<String> =
        wanted.iter().filter(|option| !mount.options.contains(option)).cloned().collect();
    Ok(if missing.is_empty() {
        Finding::pass(wanted.join(", "), location)
    } else {
        let missing = enumerate(missing);
        Finding::fail(format!("without {missing}"), format!("{path} is mounted without {missing}"), location)
    })
}
