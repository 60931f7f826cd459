//! The agent's own program and key.

use std::path::Path;

use super::finding::{Finding, Outcome, Unmeasured};
use super::{Context, reading};
use crate::host::{FileKind, Host};

/// The agent's program, as the kernel started it.
const PROGRAM: &str = "/proc/self/exe";
/// Release builds have about 12 MB; a debug build is larger.
const PROGRAM_LIMIT: u64 = 512 * 1024 * 1024;
/// Where the installation wrote down the program's SHA-256, below the state folder.
pub const RECORDED_DIGEST: &str = "program.sha256";
/// The signing key, below the state folder.
const KEY: &str = "agent.key";

pub(super) fn program(host: &dyn Host, context: &Context) -> Outcome {
    let path = context.state_dir.join(RECORDED_DIGEST).to_string_lossy().into_owned();
    let Some(recorded) = reading::text_if_there(host, &path)? else {
        return Err(Unmeasured::unknown("the installation recorded no digest of the program", path));
    };
    let recorded = recorded.split_whitespace().next().unwrap_or_default().to_owned();
    if recorded.len() != 64 {
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
