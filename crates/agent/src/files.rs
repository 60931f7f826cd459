//! Small files of the state folder: read with a limit, replaced whole or not at all, readable by the owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The bytes of a file, or `None` where there is none. More than `limit` bytes is an error.
pub fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        Ok(Some(bytes))
    } else {
        Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes")))
    }
}

/// Replaces the file with `bytes`, mode 0600. When this returns, the new content survives a power cut; if it fails,
/// the old content is untouched.
pub fn replace_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = write_beside(path, bytes, File::sync_all)?;
    fs::rename(&fresh, path)?;
    sync_folder(path)
}

/// Like [`replace_durably`], but for content that may be lost in a power cut: it does not wait for the disk.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::rename(write_beside(path, bytes, |_| Ok(()))?, path)
}

/// Makes a folder and its parents, for the owner only, where it is missing. One that somebody else owns or may write to
/// is refused: what lies in it could be exchanged.
pub fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    check_folder(path)
}

/// Whether nobody but the owner, who is this user or root, may change what lies in the folder.
pub fn check_folder(path: &Path) -> io::Result<()> {
    let found = fs::metadata(path)?;
    let refused = |what: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
    if ![0, rustix::process::geteuid().as_raw()].contains(&found.uid()) {
        return refused(format!(
            "it belongs to another user ({}): give it to the user of the agent",
            found.uid()
        ));
    }
    if found.mode() & 0o022 != 0 {
        return refused(format!("others may write to it (mode {:o}): run chmod 700", found.mode() & 0o7777));
    }
    Ok(())
}

fn write_beside(
    path: &Path,
    bytes: &[u8],
    finish: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    let write = || -> io::Result<()> {
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // O_EXCL: neither a link nor a file that somebody holds open takes what is written.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        // Whatever the umask said.
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        finish(&file)
    };
    match write() {
        Ok(()) => Ok(fresh),
        Err(error) => {
            // A full disk: do not leave half a file on it.
            let _ = fs::remove_file(&fresh);
            Err(error)
        }
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a");
        assert_eq!(read(&path, 10).expect("reads"), None);
        replace_durably(&path, b"one").expect("writes");
        replace(&path, b"two").expect("writes");
        assert_eq!(read(&path, 10).expect("reads").as_deref(), Some(&b"two"[..]));
        assert_eq!(fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 1);
    }

    #[test]
    fn what_lies_in_wait_beside_a_file_takes_nothing() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (path, victim) = (folder.path().join("a"), folder.path().join("victim"));
        fs::write(&victim, "theirs").expect("writes");
        std::os::unix::fs::symlink(&victim, folder.path().join("a.new")).expect("a link");
        replace(&path, b"ours").expect("writes");
        assert_eq!(fs::read(&victim).expect("reads"), b"theirs");
        fs::write(folder.path().join("a.new"), "").expect("writes");
        fs::set_permissions(folder.path().join("a.new"), fs::Permissions::from_mode(0o666))
            .expect("opens it");
        replace(&path, b"ours").expect("writes");
        assert_eq!(fs::metadata(&path).expect("is there").mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_folder_that_others_may_change_is_refused() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let state = folder.path().join("state");
        make_folder(&state).expect("makes it");
        make_folder(&state).expect("takes its own again");
        for mode in [0o770, 0o707, 0o1777] {
            fs::set_permissions(&state, fs::Permissions::from_mode(mode)).expect("opens it");
            assert_eq!(make_folder(&state).expect_err("refuses").kind(), io::ErrorKind::PermissionDenied);
        }
        fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).expect("closes it");
        make_folder(&state).expect("takes it");
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&state, Some(12_345), None).expect("gives it away");
            assert!(make_folder(&state).expect_err("refuses").to_string().contains("another user"));
        }
    }

    #[test]
    fn too_much_is_an_error() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a");
        replace(&path, b"12345").expect("writes");
        assert!(read(&path, 5).is_ok());
        assert!(read(&path, 4).is_err());
    }
}
