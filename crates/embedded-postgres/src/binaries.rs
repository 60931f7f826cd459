//! Finds the PostgreSQL server binaries and decides which version to use.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::options::Search;

/// New clusters need at least this major version.
pub(crate) const MINIMUM_MAJOR: u32 = 15;

/// One installed PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binaries {
    /// The folder with `postgres` and `initdb`, links resolved.
    pub(crate) folder: PathBuf,
    pub(crate) major: u32,
    /// As it prints it, e.g. `15.18`.
    pub(crate) version: String,
}

impl Binaries {
    pub(crate) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    pub(crate) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    /// The newest installed server, for a new cluster.
    pub(crate) fn newest(search: &Search) -> Result<Self> {
        let (mut usable, old): (Vec<_>, Vec<_>) =
            installed(search).into_iter().partition(|found| found.major >= MINIMUM_MAJOR);
        usable.sort_by_key(|found| found.major);
        usable.pop().ok_or_else(|| Error::NoBinaries {
            minimum: MINIMUM_MAJOR,
            found: old.last().map_or_else(String::new, |found| {
                format!(" (only {} in {})", found.version, found.folder.display())
            }),
        })
    }

    /// The server for an existing cluster: its data format belongs to one major version.
    pub(crate) fn of_major(search: &Search, major: u32, data_dir: &Path) -> Result<Self> {
        let found = installed(search);
        if found.is_empty() {
            return Err(Error::NoBinaries { minimum: major, found: String::new() });
        }
        let versions: Vec<_> = found.iter().map(|one| one.major.to_string()).collect();
        found.into_iter().find(|one| one.major == major).ok_or_else(|| Error::OtherMajor {
            data_dir: data_dir.to_owned(),
            cluster: major,
            installed: versions.join(", "),
        })
    }
}

/// One entry per folder, in the order of search.
fn installed(search: &Search) -> Vec<Binaries> {
    let mut found: Vec<Binaries> = Vec::new();
    for folder in candidates(search) {
        // Links resolved: a distribution's `postgres` in PATH points to the folder that also holds initdb.
        let Ok(binary) = folder.join("postgres").canonicalize() else { continue };
        let Some(folder) = binary.parent() else { continue };
        if found.iter().all(|known| known.folder != folder)
            && folder.join("initdb").is_file()
            && let Some((major, version)) = version_of(&binary)
        {
            found.push(Binaries { folder: folder.to_owned(), major, version });
        }
    }
    found
}

fn candidates(search: &Search) -> Vec<PathBuf> {
    match search {
        Search::Only(folders) => folders.clone(),
        Search::System => {
            let mut folders: Vec<PathBuf> = std::env::var_os("PATH")
                .map(|path| std::env::split_paths(&path).collect())
                .unwrap_or_default();
            folders.extend(
                output_of(Command::new("pg_config").arg("--bindir")).map(|line| PathBuf::from(line.trim())),
            );
            for (parent, start, end) in VERSION_FOLDERS {
                folders.extend(matching(Path::new(parent), start).into_iter().map(|folder| folder.join(end)));
            }
            folders
        }
    }
}

/// `(parent, start of the name, rest of the path)`: Debian and Ubuntu, Red Hat, Alpine, Homebrew.
const VERSION_FOLDERS: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
];

fn matching(parent: &Path, start: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; also `17beta1` and `18devel`.
fn version_of(postgres: &Path) -> Option<(u32, String)> {
    let line = output_of(Command::new(postgres).arg("--version"))?;
    let version = line.split("(PostgreSQL)").nth(1)?.split_whitespace().next()?.to_owned();
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, version))
}

fn output_of(command: &mut Command) -> Option<String> {
    let output = command.current_dir("/").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
