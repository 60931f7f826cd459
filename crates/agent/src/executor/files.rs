//! Every write to the machine's files.
//!
//! A file is replaced by renaming a synced temporary file over it, so it is whole before and after, whatever happens in
//! between. The last part of a path is never followed when it is a symbolic link.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

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

    /// Mode and ownership of a file or directory, links not followed.
    fn attributes(&self, path: &Path) -> Result<Attributes, StepError>;

    /// Sets mode and ownership of a file or directory, links not followed.
    fn set_attributes(&self, path: &Path, attributes: Attributes) -> Result<(), StepError>;

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

    fn open(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        if self.root == Path::new("/") {
            return rustix::fs::open(path, flags, Mode::empty());
        }
        let root = rustix::fs::openat(
            CWD,
            &self.root,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::fs::openat2(
            root,
            path,
            flags,
            Mode::empty(),
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        )
    }

    /// The directory that holds `path`, and the last part of it.
    fn parent<'p>(&self, path: &'p Path) -> Result<(OwnedFd, &'p str), StepError> {
        let named =
            path.is_absolute().then(|| path.parent().zip(path.file_name().and_then(|name| name.to_str())));
        let Some(Some((parent, name))) = named else {
            return Err(StepError::file(path, io::ErrorKind::InvalidInput.into()));
        };
        let directory = self
            .open(parent, OFlags::RDONLY | OFlags::DIRECTORY)
            .map_err(|errno| StepError::file(path, errno.into()))?;
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

fn attributes_of(fd: impl AsFd) -> Result<(FileType, Attributes), Errno> {
    let stat = rustix::fs::fstat(fd)?;
    let attributes = Attributes { mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid };
    Ok((FileType::from_raw_mode(stat.st_mode), attributes))
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
        let (kind, attributes) = attributes_of(&fd).map_err(|errno| StepError::file(path, errno.into()))?;
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

    fn attributes(&self, path: &Path) -> Result<Attributes, StepError> {
        let fd = self.existing(path)?;
        attributes_of(&fd)
            .map(|(_, attributes)| attributes)
            .map_err(|errno| StepError::file(path, errno.into()))
    }

    fn set_attributes(&self, path: &Path, attributes: Attributes) -> Result<(), StepError> {
        let fd = self.existing(path)?;
        let set = || -> Result<(), Errno> {
            rustix::fs::fchown(
                &fd,
                Some(Uid::from_raw(attributes.uid)),
                Some(Gid::from_raw(attributes.gid)),
            )?;
            // After the owner: changing it clears set-uid and set-gid.
            rustix::fs::fchmod(&fd, Mode::from_raw_mode(attributes.mode))?;
            rustix::fs::fsync(&fd)
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
