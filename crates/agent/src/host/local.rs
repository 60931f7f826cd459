//! The machine that the agent runs on, or a scratch folder that looks like one.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proofline_core::{Clock, Timestamp};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::process::{self, PROGRAM_DIRECTORIES};
use super::{DirEntry, FileKind, Host, HostError, MAX_DIRECTORY_ENTRIES, Metadata, Output, RunLimits};

/// Files below `root`, programs of that root, and a clock.
///
/// With another root than `/` every path is resolved by the kernel inside it (absolute links included), and only
/// programs that lie inside it are found: a scratch machine never runs the real machine's tools. Its commands start
/// in the root folder, those of the real machine in `/`.
#[derive(Clone)]
pub struct LocalHost {
    root: PathBuf,
    clock: Arc<dyn Clock>,
}

impl LocalHost {
    /// The real machine.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::rooted("/", clock)
    }

    /// A machine whose `/` is `root`, an existing folder.
    pub fn rooted(root: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { root: root.into(), clock }
    }

    fn is_real(&self) -> bool {
        self.root == Path::new("/")
    }

    fn open(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, HostError> {
        if !path.is_absolute() {
            return Err(HostError::Failed("not an absolute path".to_owned()));
        }
        let flags = flags | OFlags::CLOEXEC;
        if self.is_real() {
            return rustix::fs::open(path, flags, Mode::empty()).map_err(from_errno);
        }
        let root_flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, &self.root, root_flags, Mode::empty()).map_err(from_errno)?;
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(root, path, flags, Mode::empty(), inside).map_err(from_errno)
    }

    fn stat(&self, path: &Path, flags: OFlags) -> Result<Metadata, HostError> {
        let fd = self.open(path, OFlags::PATH | flags)?;
        rustix::fs::fstat(fd).map(|stat| metadata(&stat)).map_err(from_errno)
    }

    fn open_file(&self, path: &Path) -> Result<File, HostError> {
        // Non-blocking, so that a pipe in the file's place cannot hold us up.
        let file = File::from(self.open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?);
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(HostError::Failed("not a regular file".to_owned()))
        }
    }

    /// The program's path on this machine, looked up like a fixed `PATH`.
    fn program(&self, name: &str) -> Result<PathBuf, HostError> {
        let places: Vec<PathBuf> = if name.contains('/') {
            vec![PathBuf::from(name)]
        } else {
            PROGRAM_DIRECTORIES.iter().map(|directory| Path::new(directory).join(name)).collect()
        };
        let found = places.into_iter().find(|place| {
            self.metadata(place).is_ok_and(|found| found.kind == FileKind::File && found.mode & 0o111 != 0)
        });
        let found = found.ok_or(HostError::NotFound)?;
        Ok(if self.is_real() { found } else { self.root.join(found.strip_prefix("/").unwrap_or(&found)) })
    }
}

impl Host for LocalHost {
    fn read(&self, path: &Path, limit: usize) -> Result<Vec<u8>, HostError> {
        let file = self.open_file(path)?;
        let mut content = Vec::new();
        file.take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1)).read_to_end(&mut content)?;
        if content.len() > limit { Err(HostError::TooLarge) } else { Ok(content) }
    }

    fn sha256(&self, path: &Path, limit: u64) -> Result<[u8; 32], HostError> {
        let mut file = self.open_file(path)?;
        let (mut hasher, mut read) = (Sha256::new(), 0_u64);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok(hasher.finalize().into());
            }
            read += u64::try_from(count).unwrap_or(u64::MAX);
            if read > limit {
                return Err(HostError::TooLarge);
            }
            hasher.update(&buffer[..count]);
        }
    }

    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, HostError> {
        let fd = self.open(directory, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::new(fd).map_err(from_errno)? {
            let entry = entry.map_err(from_errno)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "." || name == ".." {
                continue;
            }
            if entries.len() == MAX_DIRECTORY_ENTRIES {
                return Err(HostError::TooLarge);
            }
            let is_directory = match entry.file_type() {
                FileType::Directory => true,
                FileType::Unknown => {
                    self.link_metadata(&directory.join(&name)).is_ok_and(|m| m.kind == FileKind::Directory)
                }
                _ => false,
            };
            entries.push(DirEntry { name, is_directory });
        }
        entries.sort();
        Ok(entries)
    }

    fn metadata(&self, path: &Path) -> Result<Metadata, HostError> {
        self.stat(path, OFlags::empty())
    }

    fn link_metadata(&self, path: &Path) -> Result<Metadata, HostError> {
        self.stat(path, OFlags::NOFOLLOW)
    }

    fn read_link(&self, path: &Path) -> Result<String, HostError> {
        let fd = self.open(path, OFlags::PATH | OFlags::NOFOLLOW)?;
        let target = rustix::fs::readlinkat(fd, "", Vec::new()).map_err(from_errno)?;
        Ok(target.to_string_lossy().into_owned())
    }

    fn run(&self, argv: &[&str], limits: RunLimits) -> Result<Output, HostError> {
        let name = argv.first().copied().filter(|name| !name.is_empty()).ok_or(HostError::NotFound)?;
        let program = self.program(name)?;
        let path = PROGRAM_DIRECTORIES.join(":");
        let environment = [
            ("PATH", path.as_str()),
            ("LC_ALL", "C"),
            ("LANG", "C"),
            ("TZ", "UTC"),
            ("HOME", "/"),
            ("TERM", "dumb"),
            ("SYSTEMD_COLORS", "0"),
            ("SYSTEMD_PAGER", ""),
        ];
        process::run(&program, argv, &self.root, &environment, limits)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn from_errno(errno: Errno) -> HostError {
    match errno {
        // An empty answer of readlinkat, a loop, a link where none may be: none of them is "not there".
        Errno::NOENT | Errno::NOTDIR => HostError::NotFound,
        Errno::ACCESS | Errno::PERM => HostError::Denied,
        other => std::io::Error::from(other).into(),
    }
}

fn metadata(stat: &Stat) -> Metadata {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        _ => FileKind::Other,
    };
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    Metadata {
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: Timestamp::from_timestamp(stat.st_mtime, nanos).unwrap_or_default(),
    }
}
