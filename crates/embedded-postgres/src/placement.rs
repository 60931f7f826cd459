//! Where a cluster really lies: links followed, and moved aside when its user cannot reach the requested place.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::error::{Error, IoContext, Result};
use crate::files::make_folder;
use crate::initialise;
use crate::lock::DirectoryLock;
use crate::options::Options;

/// A data directory that is ours while this lives.
#[derive(Debug)]
pub(crate) struct Placement {
    /// Absolute, no link in its last part. May not exist yet.
    pub(crate) data_dir: PathBuf,
    pub(crate) account: Account,
    /// Whether there is a cluster already.
    pub(crate) exists: bool,
    pub(crate) binaries: Binaries,
    _locks: Vec<DirectoryLock>,
}

impl Placement {
    /// Locks the requested directory and decides where the cluster lies and who runs it.
    pub(crate) fn claim(options: &Options) -> Result<Self> {
        let requested = std::path::absolute(&options.data_dir).on("resolve", &options.data_dir)?;
        let parent = parent_of(&requested);
        fs::create_dir_all(parent).on("create", parent)?;
        let requested = match requested.file_name() {
            Some(name) => parent.canonicalize().on("resolve", parent)?.join(name),
            None => requested,
        };
        let mut locks = vec![DirectoryLock::take(&requested)?];
        let mut data_dir = match fs::read_link(&requested) {
            Ok(target) => parent_of(&requested).join(target),
            Err(_) => requested.clone(),
        };
        let existing = initialise::existing_major(&data_dir)?;
        let binaries = Binaries::choose(&options.search, existing, &data_dir)?;
        let account = Account::for_cluster(options, &data_dir)?;
        if let Some(folder) = first_closed_folder(&binaries, &account, parent_of(&data_dir))? {
            let free = !data_dir.exists() && data_dir == requested;
            let Some(base) = options.relocate_to.as_deref().filter(|_| free) else {
                return Err(Error::Unreachable { folder, user: account.name });
            };
            data_dir = new_place(base)?;
            if let Some(folder) = first_closed_folder(&binaries, &account, base)? {
                return Err(Error::Unreachable { folder, user: account.name });
            }
            symlink(&data_dir, &requested).on("link to the cluster from", &requested)?;
            tracing::warn!(requested = %requested.display(), actual = %data_dir.display(), user = account.name,
                "the database user cannot enter the requested folder: the cluster lies elsewhere and a link points to it");
        }
        if data_dir != requested {
            locks.push(DirectoryLock::take(&data_dir)?);
        }
        Ok(Self { data_dir, account, exists: existing.is_some(), binaries, _locks: locks })
    }
}

pub(crate) fn parent_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// The outermost folder on the way to `folder` that the cluster's user cannot enter. The kernel is asked, by starting a
/// harmless process there as that user, because permission bits alone do not tell (access lists, mounts).
fn first_closed_folder(binaries: &Binaries, account: &Account, folder: &Path) -> Result<Option<PathBuf>> {
    if !account.is_other() {
        return Ok(None);
    }
    let binary = binaries.postgres();
    let can_enter = |folder: &Path| -> Result<bool> {
        match account.command(&binary).arg("--version").current_dir(folder).output() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
            Err(reason) => Err(Error::Io { action: "execute", path: binary.clone(), reason }),
        }
    };
    if can_enter(folder)? {
        return Ok(None);
    }
    if !can_enter(Path::new("/"))? {
        return Err(Error::UnusableBinary { binary: binary.clone(), user: account.name.clone() });
    }
    let mut outermost_first: Vec<_> = folder.ancestors().collect();
    outermost_first.reverse();
    for ancestor in outermost_first {
        if !can_enter(ancestor)? {
            return Ok(Some(ancestor.to_owned()));
        }
    }
    Ok(None)
}

/// The first free `postgres-<n>` in `base`. A number is never taken over: what lies there may be somebody's data.
fn new_place(base: &Path) -> Result<PathBuf> {
    if !base.exists() {
        make_folder(base, 0o755)?;
    }
    for number in 1..=u32::MAX {
        let home = base.join(format!("postgres-{number}"));
        match fs::create_dir(&home) {
            Ok(()) => {
                make_folder(&home, 0o755)?;
                return Ok(home.join("data"));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(reason) => return Err(Error::Io { action: "create", path: home, reason }),
        }
    }
    unreachable!("a file system holds fewer folders than there are numbers")
}
