//! The folder of the unix socket: short, 0700, owned by the cluster's user.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::{Error, IoContext, Result};
use crate::files::make_folder;

/// `sun_path` holds 108 bytes with the closing zero (unix(7)).
const SOCKET_PATH_MAX: usize = 107;
/// What PostgreSQL appends for port 5432.
pub(crate) const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// Makes the folder, or checks that an existing one is safe: `/tmp` is anyone's.
pub(crate) fn prepare(wanted: Option<&Path>, data_dir: &Path, account: &Account) -> Result<PathBuf> {
    let folder = match wanted {
        Some(folder) => std::path::absolute(folder).on("resolve", folder)?,
        None => default_folder(data_dir, account),
    };
    let length = folder.as_os_str().len();
    let limit = SOCKET_PATH_MAX - SOCKET_NAME.len() - 1;
    if length > limit {
        return Err(Error::SocketPathTooLong { path: folder, length, limit });
    }
    if let Ok(found) = fs::symlink_metadata(&folder) {
        let ours = [account.uid, rustix::process::geteuid().as_raw()].contains(&found.uid());
        if !found.is_dir() || !ours {
            return Err(Error::UnsafeFolder { path: folder, owner: account.name.clone() });
        }
    }
    make_folder(&folder, 0o700)?;
    account.own(&folder)?;
    Ok(folder)
}

fn default_folder(data_dir: &Path, account: &Account) -> PathBuf {
    let name = fingerprint(data_dir.as_os_str().as_encoded_bytes());
    let from_environment =
        |variable| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_dir());
    if let Some(folder) = from_environment("RUNTIME_DIRECTORY") {
        folder.join(name)
    } else if rustix::process::geteuid().is_root() && Path::new("/run").is_dir() {
        Path::new("/run/proofline").join(name)
    } else if let Some(folder) = from_environment("XDG_RUNTIME_DIR") {
        folder.join(format!("proofline-{name}"))
    } else {
        Path::new("/tmp").join(format!("proofline-{}-{name}", account.uid))
    }
}

/// 16 hex digits that stay the same across versions of the compiler (FNV-1a, 64 bits). Not for secrets.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
