//! The agent's own program and key.
//!
//! The program is compared with a digest that enrolment writes down: whoever enrols the machine, as root, vouches for the
//! program that does it. That detects a program that was exchanged later. It proves nothing against somebody who is root
//! and writes the digest anew.

use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::finding::{Finding, Outcome, Unmeasured};
use super::{Context, reading};
use crate::files;
use crate::host::{FileKind, Host};

/// The agent's program, as the kernel started it.
const PROGRAM: &str = "/proc/self/exe";
/// Release builds have about 12 MB; a debug build is larger.
const PROGRAM_LIMIT: u64 = 512 * 1024 * 1024;
/// Where enrolment, and every update of the program, writes down its SHA-256, below the state folder.
pub const RECORDED_DIGEST: &str = "program.sha256";
/// The signing key, below the state folder.
const KEY: &str = "agent.key";

/// Writes down the digest of the program that calls this.
pub fn record_program(state_dir: &Path) -> io::Result<()> {
    let mut program = std::fs::File::open(PROGRAM)?.take(PROGRAM_LIMIT);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match program.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    let line = format!("{}  proofline-agent\n", hex::encode(hasher.finalize()));
    files::replace(&state_dir.join(RECORDED_DIGEST), line.as_bytes())
}

pub(super) fn program(host: &dyn Host, context: &Context) -> Outcome {
    let path = context.state_dir.join(RECORDED_DIGEST).to_string_lossy().into_owned();
    let Some(recorded) = reading::text_if_there(host, &path)? else {
        return Err(Unmeasured::unknown("no digest of the program was recorded", path));
    };
    let file = host.link_metadata(Path::new(&path)).map_err(|error| Unmeasured::from_host(&error, &path))?;
    if file.kind != FileKind::File || file.uid != 0 || file.mode & 0o022 != 0 {
        return Err(Unmeasured::unknown("somebody else than root could have recorded the digest", path));
    }
    let recorded = recorded.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if recorded.len() != 64 || !recorded.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Unmeasured::unknown("the recorded digest cannot be understood", path));
    }
    let digest = host
        .sha256(Path::new(PROGRAM), PROGRAM_LIMIT)
        .map_err(|error| Unmeasured::from_host(&error, PROGRAM))?;
    let digest = hex::encode(digest);
    Ok(if digest == recorded {
        Finding::pass(digest, PROGRAM)
    } else {
        Finding::fail(digest, "the program differs from the one that was installed", PROGRAM)
    })
}

pub(super) fn key(host: &dyn Host, context: &Context) -> Outcome {
    let path = context.state_dir.join(KEY).to_string_lossy().into_owned();
    let own = host
        .metadata(Path::new("/proc/self"))
        .map_err(|error| Unmeasured::from_host(&error, "/proc/self"))?
        .uid;
    let link = host.link_metadata(Path::new(&path)).map_err(|error| Unmeasured::from_host(&error, &path))?;
    Ok(if link.kind != FileKind::File {
        Finding::fail("not a regular file", "the key is reached through a link", path)
    } else if link.mode & 0o177 != 0 {
        Finding::fail(format!("mode {:04o}", link.mode), "others may read the key", path)
    } else if link.uid != own {
        Finding::fail("owned by another account", "the key does not belong to the agent's user", path)
    } else {
        Finding::pass("mode 0600, owned by the agent's user", path)
    })
}
