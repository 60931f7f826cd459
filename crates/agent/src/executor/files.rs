//! Every write to the machine's files.
//!
//! A file is replaced by renaming a synced temporary file over it, so it is whole before and after, whatever happens in
//! between. No part of a path is followed when it is a symbolic link: whoever may change a folder above a file could
//! otherwise aim a change of ours at any file. What is changed in place is read and changed through one descriptor.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Gid, Mode, OFlags, ResolveFlags, Uid, XattrFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::StepError;

/// The largest file that is changed: its previous content goes into the journal.
const FILE_MAX: usize = 1024 * 1024;
/// Extended attributes that are carried over, and the largest list and value of them.
const XATTR_MAX: usize = 4096;

/// Permission bits and numeric ownership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    /// Permission bits: `0o0000..=0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Attributes {
    /// Owned by root, readable by all.
    pub const PLAIN: Self = Self { mode: 0o644, uid: 0, gid: 0 };
}

/// Which file or directory, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inode {
    /// The file system.
    pub device: u64,
    /// The number in it.
    pub number: u64,
}

/// A file or directory held open: what was read of it and what is changed are the same, wherever its path leads meanwhile.
#[derive(Debug)]
pub struct Held {
    fd: OwnedFd,
    path: PathBuf,
    /// Which one it is.
    pub inode: Inode,
    /// Mode and ownership when it was opened.
    pub attributes: Attributes,
}

/// What was at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "was", rename_all = "snake_case", deny_unknown_fields)]
pub enum Snapshot {
    /// Nothing.
    Absent,
    /// A regular file.
    File {
        /// Its bytes, in base64.
        #[serde(with = "as_base64")]
        content: Vec<u8>,
        /// Mode and ownership.
        attributes: Attributes,
    },
}

mod as_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// The only way to the machine for everything that changes files.
pub trait Files: Send + Sync {
    /// What is at `path`. Links, directories, devices and files over 1 MiB are refused.
    fn snapshot(&self, path: &Path) -> Result<Snapshot, StepError>;

    /// Replaces or creates a regular file, whole.
    fn write(&self, path: &Path, content: &[u8], attributes: Attributes) -> Result<(), StepError>;

    /// Writes into a file of the kernel, which cannot be replaced.
    fn write_in_place(&self, path: &Path, content: &[u8]) -> Result<(), StepError>;

    /// Removes a regular file; fine when it is not there.
    fn remove(&self, path: &Path) -> Result<(), StepError>;

    /// Creates a directory of mode 0755; says whether it was missing.
    fn make_directory(&self, path: &Path) -> Result<bool, StepError>;

    /// Removes a directory when it is empty; fine when it is not.
    fn remove_directory(&self, path: &Path) -> Result<(), StepError>;

    /// Opens a file or directory to read and change its mode and ownership.
    fn hold(&self, path: &Path) -> Result<Held, StepError>;

    /// Sets mode and ownership of what is held; the ownership only where it is to be another.
    fn set_attributes(&self, held: &Held, attributes: Attributes) -> Result<(), StepError>;

    /// Keeps `passwd` and its relatives from changing the account files, as they keep each other, until the answer is
    /// dropped.
    fn lock_accounts(&self) -> Result<OwnedFd, StepError>;
}

/// Files below a root folder: `/`, or a scratch folder that looks like one, out of which no link leads.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Files below `root`, an existing folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Opens a directory. A link on the way, or in its place, is an error.
    fn directory(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, &self.root, OFlags::PATH | flags, Mode::empty())?;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
        match rustix::fs::openat2(&root, path, flags, Mode::empty(), resolve) {
            // Before Linux 5.6, or hidden by a container's filter.
            Err(Errno::NOSYS | Errno::PERM) => walk(root, path, flags),
            opened => opened,
        }
    }

    /// The directory that holds `path`, and the last part of it.
    fn parent<'p>(&self, path: &'p Path) -> Result<(OwnedFd, &'p str), StepError> {
        let named =
            path.is_absolute().then(|| path.parent().zip(path.file_name().and_then(|name| name.to_str())));
        let Some(Some((parent, name))) = named else {
            return Err(StepError::file(path, io::ErrorKind::InvalidInput.into()));
        };
        let directory = self.directory(parent).map_err(|errno| match errno {
            Errno::LOOP => not_regular(path, "behind a symbolic link"),
            other => StepError::file(path, other.into()),
        })?;
        Ok((directory, name))
    }

    fn existing(&self, path: &Path) -> Result<OwnedFd, StepError> {
        let (directory, name) = self.parent(path)?;
        open_existing(&directory, name).map_err(|errno| match errno {
            Errno::LOOP => not_regular(path, "a symbolic link"),
            Errno::NOENT => StepError::Missing(path.display().to_string()),
            other => StepError::file(path, other.into()),
        })
    }
}

/// Opens a directory below `root` part by part.
fn walk(root: OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut directory = root;
    for part in path.components() {
        directory = match part {
            Component::RootDir | Component::CurDir => continue,
            Component::Normal(name) => {
                let next = rustix::fs::openat(&directory, name, flags | OFlags::NOFOLLOW, Mode::empty());
                next.map_err(|errno| match errno {
                    // A link is not a directory: said as openat2 says it.
                    Errno::NOTDIR if is_link(&directory, name) => Errno::LOOP,
                    other => other,
                })?
            }
            Component::ParentDir | Component::Prefix(_) => return Err(Errno::INVAL),
        };
    }
    rustix::fs::openat(&directory, ".", flags, Mode::empty())
}

fn is_link(directory: &OwnedFd, name: &OsStr) -> bool {
    rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

fn open_existing(directory: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    // Non-blocking, so that a pipe in the file's place cannot hold us up.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

fn not_regular(path: &Path, what: &'static str) -> StepError {
    StepError::NotARegularFile { path: path.display().to_string(), what }
}

fn temporary(name: &str) -> String {
    format!(".{name}.proofline-new")
}

fn attributes_of(fd: impl AsFd) -> Result<(FileType, Inode, Attributes), Errno> {
    let stat = rustix::fs::fstat(fd)?;
    let inode = Inode { device: stat.st_dev, number: stat.st_ino };
    let attributes = Attributes { mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid };
    Ok((FileType::from_raw_mode(stat.st_mode), inode, attributes))
}

/// Security labels and access lists, as far as the file system lets us.
fn copy_extended_attributes(from: &OwnedFd, to: &OwnedFd) {
    let mut names = [0_u8; XATTR_MAX];
    let Ok(length) = rustix::fs::flistxattr(from, &mut names) else { return };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = [0_u8; XATTR_MAX];
        if let Ok(length) = rustix::fs::fgetxattr(from, name, &mut value) {
            // A label that cannot be set is the file system's default, which is what a new file would get.
            let _ = rustix::fs::fsetxattr(to, name, &value[..length], XattrFlags::empty());
        }
    }
}

impl Files for Disk {
    fn snapshot(&self, path: &Path) -> Result<Snapshot, StepError> {
        let fd = match self.existing(path) {
            Ok(fd) => fd,
            Err(StepError::Missing(_)) => return Ok(Snapshot::Absent),
            // The directory is missing too.
            Err(StepError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(Snapshot::Absent);
            }
            Err(other) => return Err(other),
        };
        let (kind, _, attributes) =
            attributes_of(&fd).map_err(|errno| StepError::file(path, errno.into()))?;
        match kind {
            FileType::RegularFile => {}
            FileType::Directory => return Err(not_regular(path, "a directory")),
            _ => return Err(not_regular(path, "a device, socket or pipe")),
        }
        let mut content = Vec::new();
        let limit = u64::try_from(FILE_MAX).unwrap_or(u64::MAX).saturating_add(1);
        File::from(fd).take(limit).read_to_end(&mut content).map_err(|error| StepError::file(path, error))?;
        if content.len() > FILE_MAX {
            return Err(not_regular(path, "larger than 1 MiB"));
        }
        Ok(Snapshot::File { content, attributes })
    }

    fn write(&self, path: &Path, content: &[u8], attributes: Attributes) -> Result<(), StepError> {
        let (directory, name) = self.parent(path)?;
        let old = match open_existing(&directory, name) {
            Ok(fd) => Some(fd),
            Err(Errno::NOENT) => None,
            Err(Errno::LOOP) => return Err(not_regular(path, "a symbolic link")),
            Err(errno) => return Err(StepError::file(path, errno.into())),
        };
        let temporary = temporary(name);
        let write = || -> Result<(), io::Error> {
            match rustix::fs::unlinkat(&directory, &temporary, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno.into()),
            }
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(&directory, &temporary, flags, Mode::from_raw_mode(0o600))?;
            if let Some(old) = &old {
                copy_extended_attributes(old, &fd);
            }
            let mut file = File::from(fd);
            file.write_all(content)?;
            let (owner, group) = (Uid::from_raw(attributes.uid), Gid::from_raw(attributes.gid));
            rustix::fs::fchown(&file, Some(owner), Some(group))?;
            rustix::fs::fchmod(&file, Mode::from_raw_mode(attributes.mode))?;
            file.sync_all()?;
            rustix::fs::renameat(&directory, &temporary, &directory, name)?;
            rustix::fs::fsync(&directory)?;
            Ok(())
        };
        write().map_err(|error| {
            // What is left of the attempt; the file itself was not touched.
            let _ = rustix::fs::unlinkat(&directory, &temporary, AtFlags::empty());
            StepError::file(path, error)
        })
    }

    fn write_in_place(&self, path: &Path, content: &[u8]) -> Result<(), StepError> {
        let (directory, name) = self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&directory, name, flags, Mode::empty())
            .map_err(|errno| StepError::file(path, errno.into()))?;
        File::from(fd).write_all(content).map_err(|error| StepError::file(path, error))
    }

    fn remove(&self, path: &Path) -> Result<(), StepError> {
        let (directory, name) = match self.parent(path) {
            Err(StepError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        for leftover in [temporary(name), name.to_owned()] {
            match rustix::fs::unlinkat(&directory, &leftover, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(StepError::file(path, errno.into())),
            }
        }
        rustix::fs::fsync(&directory).map_err(|errno| StepError::file(path, errno.into()))
    }

    fn make_directory(&self, path: &Path) -> Result<bool, StepError> {
        let (directory, name) = self.parent(path)?;
        match rustix::fs::mkdirat(&directory, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => {
                rustix::fs::fsync(&directory).map_err(|errno| StepError::file(path, errno.into()))?;
                Ok(true)
            }
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(StepError::file(path, errno.into())),
        }
    }

    fn remove_directory(&self, path: &Path) -> Result<(), StepError> {
        let (directory, name) = match self.parent(path) {
            Err(StepError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        match rustix::fs::unlinkat(&directory, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
            Err(errno) => Err(StepError::file(path, errno.into())),
        }
    }

    fn hold(&self, path: &Path) -> Result<Held, StepError> {
        let fd = self.existing(path)?;
        let (kind, inode, attributes) =
            attributes_of(&fd).map_err(|errno| StepError::file(path, errno.into()))?;
        match kind {
            FileType::RegularFile | FileType::Directory => {
                Ok(Held { fd, path: path.to_owned(), inode, attributes })
            }
            _ => Err(not_regular(path, "a device, socket or pipe")),
        }
    }

    fn set_attributes(&self, held: &Held, attributes: Attributes) -> Result<(), StepError> {
        let Held { fd, path, attributes: was, .. } = held;
        let set = || -> Result<(), Errno> {
            if (was.uid, was.gid) != (attributes.uid, attributes.gid) {
                let (owner, group) = (Uid::from_raw(attributes.uid), Gid::from_raw(attributes.gid));
                rustix::fs::fchown(fd, Some(owner), Some(group))?;
            }
            // After the owner: changing it clears set-uid and set-gid.
            rustix::fs::fchmod(fd, Mode::from_raw_mode(attributes.mode))?;
            rustix::fs::fsync(fd)
        };
        set().map_err(|errno| StepError::file(path, errno.into()))
    }

    fn lock_accounts(&self) -> Result<OwnedFd, StepError> {
        let path = Path::new("/etc/.pwd.lock"); // lckpwdf(3)
        let (directory, name) = self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = || {
            let fd = rustix::fs::openat(&directory, name, flags, Mode::from_raw_mode(0o600))?;
            rustix::fs::fcntl_lock(&fd, FlockOperation::NonBlockingLockExclusive)?;
            Ok(fd)
        };
        lock().map_err(|errno: Errno| StepError::file(path, errno.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn without_openat2_no_link_is_followed_either() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("a/b")).expect("folders");
        symlink("a", folder.path().join("link")).expect("a link");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = |path: &str| {
            let root = rustix::fs::openat(CWD, folder.path(), OFlags::PATH | flags, Mode::empty());
            walk(root.expect("opens"), Path::new(path), flags)
        };
        assert!(opened("/").is_ok() && opened("/a/b").is_ok());
        assert_eq!(opened("/link").expect_err("a link"), Errno::LOOP);
        assert_eq!(opened("/link/b").expect_err("a link"), Errno::LOOP);
        assert_eq!(opened("/a/c").expect_err("nothing"), Errno::NOENT);
        assert_eq!(opened("/a/../a").expect_err("a way up"), Errno::INVAL);
    }
}
