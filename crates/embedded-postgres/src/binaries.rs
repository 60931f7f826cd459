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

    /// The server for the existing cluster, whose data format belongs to one major version, or the newest for a new one.
    pub(crate) fn choose(search: &Search, existing: Option<u32>, data_dir: &Path) -> Result<Self> {
        let is_usable =
            |found: &Self| existing.map_or(found.major >= MINIMUM_MAJOR, |major| found.major == major);
        let mut found = installed(folders(search));
        if *search == Search::System && !found.iter().any(is_usable) {
            found.extend(installed(named_by_pg_config())); // a slow script on some systems: asked last
        }
        let (usable, other): (Vec<_>, Vec<_>) = found.into_iter().partition(is_usable);
        if let Some(newest) = usable.into_iter().rev().max_by_key(|found| found.major) {
            return Ok(newest); // of the same version, the first one found
        }
        match (existing, other.last()) {
            (Some(cluster), Some(_)) => Err(Error::OtherMajor {
                data_dir: data_dir.to_owned(),
                cluster,
                installed: other.iter().map(|found| found.major.to_string()).collect::<Vec<_>>().join(", "),
            }),
            (Some(minimum), None) => Err(Error::NoBinaries { minimum, found: String::new() }),
            (None, old) => Err(Error::NoBinaries {
                minimum: MINIMUM_MAJOR,
                found: old.map_or_else(String::new, |old| {
                    format!(" (only {} in {})", old.version, old.folder.display())
                }),
            }),
        }
    }
}

/// One entry per folder, in the order of search.
fn installed(folders: Vec<PathBuf>) -> Vec<Binaries> {
    let mut found: Vec<Binaries> = Vec::new();
    for folder in folders {
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

fn folders(search: &Search) -> Vec<PathBuf> {
    match search {
        Search::Only(folders) => folders.clone(),
        Search::System => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let versions = VERSION_FOLDERS.iter().flat_map(|(parent, start, end)| {
                matching(Path::new(parent), start).into_iter().map(move |folder| folder.join(end))
            });
            std::env::split_paths(&path).chain(versions).collect()
        }
    }
}

fn named_by_pg_config() -> Vec<PathBuf> {
    let line = output_of(Command::new("pg_config").arg("--bindir"));
    line.map(|line| PathBuf::from(line.trim())).into_iter().collect()
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
