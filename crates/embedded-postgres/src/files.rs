//! Small files: read with a bound, replaced as a whole.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::account::Account;
use crate::error::{IoContext, Result};

/// The text of a file, at most `limit` bytes of it.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The text from byte `from` on, but no more than the last `limit` bytes.
pub(crate) fn read_tail(path: &Path, from: u64, limit: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(limit))))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Replaces the file in one step with mode 0600, owned by `owner`; returns whether it differed.
pub(crate) fn replace(path: &Path, text: &str, owner: &Account) -> Result<bool> {
    if read_bounded(path, 1 << 20).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).on("create", &fresh)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).on("write", &fresh)?;
    owner.own(&fresh)?;
    fs::rename(&fresh, path).on("replace", path)?;
    Ok(true)
}

/// Makes a folder of exactly this mode. Folders above it that are missing can be entered by everyone, whatever the
/// umask says.
pub(crate) fn make_folder(path: &Path, mode: u32) -> Result<()> {
    if let Some(parent) = path.parent()
        && !parent.exists()
    {
        make_folder(parent, 0o755)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        outcome => outcome.on("create", path)?,
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).on("set the permissions of", path)
}
