//! Whether what is written to disk is encrypted by this machine.
//!
//! A block device is encrypted when the device mapper says that it keeps the device so (`CRYPT-LUKS2-…`, not `CRYPT-VERITY-…`,
//! which only detects changes), or when every device that it is built from is. What a storage array, a self-encrypting drive
//! or a cloud provider does below that cannot be seen from here and counts as not encrypted.

use super::declarations;
use super::finding::{Finding, Outcome, Unmeasured, enumerate};
use super::mounts::{self, Mount};
use super::reading;
use crate::host::{Host, HostError, RunLimits};

const MAX_DEPTH: usize = 12;
/// The kinds of encryption that cryptsetup sets up, as the device mapper's identifiers name them. Verity and integrity
/// devices have identifiers of the same shape and encrypt nothing.
const CIPHERS: [&str; 7] = ["LUKS1", "LUKS2", "PLAIN", "TCRYPT", "LOOPAES", "BITLK", "FVAULT2"];

/// What is known of the place where a file system lies.
enum Place {
    Encrypted,
    Plain(String),
    Memory,
    Unclear(String),
}

pub(super) fn data_at_rest(host: &dyn Host, paths: &[String]) -> Outcome {
    const LOCATION: &str = "/proc/self/mountinfo, /sys/class/block";
    let mounts = mounts::all(host)?;
    let declared = declarations::read(host)?.data_paths;
    let (mut plain, mut unclear) = (Vec::new(), Vec::new());
    let mut looked = Vec::new();
    for path in paths.iter().chain(&declared) {
        if !reading::exists(host, path)? {
            if declared.contains(path) {
                unclear.push(format!("{path} (declared and not there)"));
            }
            continue;
        }
        let Some(mount) = mounts::holding(&mounts, path) else {
            unclear.push(format!("{path} (on no mounted file system)"));
            continue;
        };
        if looked.contains(&mount.point) {
            continue;
        }
        looked.push(mount.point.clone());
        match place(host, mount)? {
            Place::Encrypted | Place::Memory => {}
            Place::Plain(device) => plain.push(format!("{} on {device}", mount.point)),
            Place::Unclear(why) => unclear.push(format!("{} ({why})", mount.point)),
        }
    }
    if !plain.is_empty() {
        let reason = "these file systems are not encrypted by this machine";
        return Ok(Finding::fail(enumerate(plain), reason, LOCATION));
    }
    if !unclear.is_empty() {
        return Err(Unmeasured::unknown(format!("cannot tell for {}", enumerate(unclear)), LOCATION));
    }
    if looked.is_empty() {
        return Err(Unmeasured::unknown("no mounted file system was recognised", LOCATION));
    }
    Ok(Finding::pass(format!("encrypted: {}", enumerate(looked)), LOCATION))
}

pub(super) fn swap(host: &dyn Host) -> Outcome {
    const LOCATION: &str = "/proc/swaps";
    let Some(text) = reading::text_if_there(host, LOCATION)? else {
        return Err(Unmeasured::not_applicable("this kernel does not swap"));
    };
    let (mut plain, mut unclear) = (Vec::new(), Vec::new());
    let mut mounts = None;
    let unclear_table = || Unmeasured::unknown("the table was not understood", LOCATION);
    let mut lines = text.lines();
    // The kernel prints the header even where nothing is swapped to.
    if !lines.next().is_some_and(|header| header.starts_with("Filename")) {
        return Err(unclear_table());
    }
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, kind @ ("file" | "partition"), ..] = words[..] else { return Err(unclear_table()) };
        let found = if kind == "file" {
            let mounts = match &mounts {
                Some(mounts) => mounts,
                None => mounts.insert(mounts::all(host)?),
            };
            match mounts::holding(mounts, name) {
                Some(mount) => place(host, mount)?,
                None => Place::Unclear("not on a mounted file system".to_owned()),
            }
        } else {
            device(host, name)?
        };
        match found {
            Place::Encrypted | Place::Memory => {}
            Place::Plain(_) => plain.push(name.to_owned()),
            Place::Unclear(why) => unclear.push(format!("{name} ({why})")),
        }
    }
    if plain.is_empty() && !unclear.is_empty() {
        return Err(Unmeasured::unknown(format!("cannot tell for {}", enumerate(unclear)), LOCATION));
    }
    Ok(Finding::offenders(plain, "none unencrypted", "swap is written to these in clear", LOCATION))
}

fn place(host: &dyn Host, mount: &Mount) -> Result<Place, Unmeasured> {
    match mount.kind.as_str() {
        "tmpfs" | "ramfs" => Ok(Place::Memory),
        "ecryptfs" | "fuse.gocryptfs" | "fuse.encfs" => Ok(Place::Encrypted),
        "zfs" => zfs(host, &mount.source),
        "overlay" => Ok(Place::Unclear("a layered file system".to_owned())),
        "nfs" | "nfs4" | "cifs" | "smb3" | "9p" | "virtiofs" | "ceph" => {
            Ok(Place::Unclear("it lies on another machine".to_owned()))
        }
        _ => match by_number(host, &mount.device)? {
            Some(name) => named(host, name),
            None => device(host, &mount.source),
        },
    }
}

fn zfs(host: &dyn Host, dataset: &str) -> Result<Place, Unmeasured> {
    let argv = ["zfs", "get", "-H", "-o", "value", "encryption", dataset];
    let answer = reading::answer_if_there(host, &argv, RunLimits::QUICK)?;
    Ok(match answer.as_deref().map(str::trim) {
        None => Place::Unclear("zfs is not installed".to_owned()),
        Some("off") => Place::Plain(dataset.to_owned()),
        Some(cipher) if cipher == "on" || cipher.starts_with("aes-") => Place::Encrypted,
        Some(other) => Place::Unclear(format!("zfs says {other:?}")),
    })
}

fn device(host: &dyn Host, source: &str) -> Result<Place, Unmeasured> {
    let Some(mut name) = source.strip_prefix("/dev/").map(str::to_owned) else {
        return Ok(Place::Unclear(format!("{source} is no device")));
    };
    // `/dev/mapper/x` and `/dev/disk/…` are links to the real name.
    if name.contains('/') || name == "root" {
        match host.read_link(std::path::Path::new(source)) {
            Ok(target) => target.rsplit('/').next().unwrap_or_default().clone_into(&mut name),
            Err(HostError::NotFound) => return Ok(Place::Unclear(format!("{source} does not exist"))),
            // Not a link: some machines have the device itself there.
            Err(HostError::Failed(_)) => name = name.replace('/', "!"),
            Err(error) => return Err(Unmeasured::from_host(&error, source)),
        }
    }
    named(host, name)
}

/// The kernel's name of the device with this number, where it has one.
fn by_number(host: &dyn Host, number: &str) -> Result<Option<String>, Unmeasured> {
    let path = format!("/sys/dev/block/{number}");
    match host.read_link(std::path::Path::new(&path)) {
        Ok(target) => Ok(target.rsplit('/').next().map(str::to_owned)),
        Err(HostError::NotFound) => Ok(None),
        Err(error) => Err(Unmeasured::from_host(&error, &path)),
    }
}

fn named(host: &dyn Host, name: String) -> Result<Place, Unmeasured> {
    if name.starts_with("zram") || name.starts_with("ram") {
        // Compressed memory can be told to write what is not used to a device after all.
        let backing = reading::text_if_there(host, &format!("/sys/class/block/{name}/backing_dev"))?;
        return match backing.as_deref().map(str::trim) {
            None | Some("" | "none") => Ok(Place::Memory),
            Some(other) => device(host, other),
        };
    }
    if !reading::exists(host, &format!("/sys/class/block/{name}"))? {
        return Ok(Place::Unclear(format!("{name} is not in /sys/class/block")));
    }
    let encrypted = is_encrypted(host, &name, 0)?;
    Ok(if encrypted { Place::Encrypted } else { Place::Plain(name) })
}

fn is_encrypted(host: &dyn Host, name: &str, depth: usize) -> Result<bool, Unmeasured> {
    let folder = format!("/sys/class/block/{name}");
    if depth > MAX_DEPTH {
        return Err(Unmeasured::error("devices are built from each other", folder));
    }
    let uuid = reading::text_if_there(host, &format!("{folder}/dm/uuid"))?;
    let cipher = uuid.as_deref().and_then(|uuid| uuid.strip_prefix("CRYPT-")?.split('-').next());
    if cipher.is_some_and(|cipher| CIPHERS.contains(&cipher)) {
        return Ok(true);
    }
    let parts = reading::list(host, &format!("{folder}/slaves"))?;
    for part in &parts {
        if !is_encrypted(host, &part.name, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(!parts.is_empty())
}
