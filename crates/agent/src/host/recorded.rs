//! A machine out of a recording: what files hold and what commands answer, written down.
//!
//! Anything that is not in the recording is not there: a file, a directory, a program.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proofline_core::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{DirEntry, FileKind, Host, HostError, Metadata, Output, RunLimits};

/// How many links a path may lead through.
const MAX_LINKS: usize = 16;

/// The written form. Paths are absolute; commands are the words of the argv joined by single spaces.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The time on the machine; 2026-03-01T12:00:00Z where nothing is said.
    #[serde(default)]
    pub now: Option<Timestamp>,
    /// Files, links and directories by path. Parents exist without being written down.
    #[serde(default)]
    pub files: BTreeMap<String, RecordedFile>,
    /// Answers by command line.
    #[serde(default)]
    pub commands: BTreeMap<String, RecordedOutput>,
}

/// A text, or something with attributes.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum RecordedFile {
    /// A file of mode 0644 owned by root that holds this text.
    Text(String),
    /// Anything else.
    Entry(RecordedEntry),
}

/// A path with its attributes. Owned by root and of mode 0644 (directories 0755) unless it says otherwise.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedEntry {
    /// The content as text.
    pub text: Option<String>,
    /// The content as base64.
    pub base64: Option<String>,
    /// Where this symbolic link points.
    pub link: Option<String>,
    /// Makes it a directory.
    #[serde(default)]
    pub directory: bool,
    /// Permission bits in octal: `"0640"`.
    pub mode: Option<String>,
    /// Numeric owner.
    #[serde(default)]
    pub uid: u32,
    /// Numeric group.
    #[serde(default)]
    pub gid: u32,
    /// Last change; the recording's own time where nothing is said.
    pub modified: Option<Timestamp>,
    /// What reading it or listing it comes to. Without `mode` asking for its attributes fails as well.
    pub error: Option<RecordedError>,
}

/// What a command answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum RecordedOutput {
    /// Exit status 0 and this on standard output.
    Text(String),
    /// Anything else.
    Answer(RecordedAnswer),
}

/// A command's answer in full.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedAnswer {
    /// Standard output.
    #[serde(default)]
    pub stdout: String,
    /// Standard error.
    #[serde(default)]
    pub stderr: String,
    /// Exit status.
    #[serde(default)]
    pub status: i32,
    /// It did not run to its end at all.
    pub error: Option<RecordedError>,
}

/// The failures that a recording can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedError {
    /// [`HostError::Denied`].
    Denied,
    /// [`HostError::TimedOut`].
    TimedOut,
    /// [`HostError::TooLarge`].
    TooLarge,
    /// [`HostError::Failed`].
    Failed,
}

impl From<RecordedError> for HostError {
    fn from(error: RecordedError) -> Self {
        match error {
            RecordedError::Denied => Self::Denied,
            RecordedError::TimedOut => Self::TimedOut,
            RecordedError::TooLarge => Self::TooLarge,
            RecordedError::Failed => Self::Failed("recorded failure".to_owned()),
        }
    }
}

/// A [`Host`] that answers from a [`Recording`].
pub struct RecordedHost {
    now: Timestamp,
    entries: BTreeMap<PathBuf, RecordedEntry>,
    commands: BTreeMap<String, RecordedOutput>,
}

impl RecordedHost {
    /// Sets the recording up.
    pub fn new(recording: Recording) -> Self {
        let entries = recording.files.into_iter().map(|(path, file)| {
            let entry = match file {
                RecordedFile::Text(text) => RecordedEntry { text: Some(text), ..RecordedEntry::default() },
                RecordedFile::Entry(entry) => entry,
            };
            (PathBuf::from(path), entry)
        });
        let noon = Timestamp::from_timestamp(1_772_366_400, 0).unwrap_or_default();
        Self { now: recording.now.unwrap_or(noon), entries: entries.collect(), commands: recording.commands }
    }

    /// Replaces every link in the path, the last one only when `follow` says so.
    fn resolve(&self, path: &Path, follow: bool) -> Result<PathBuf, HostError> {
        let mut links = 0;
        let mut left: Vec<String> = words(path);
        left.reverse();
        let mut resolved = PathBuf::from("/");
        while let Some(word) = left.pop() {
            if word == ".." {
                resolved.pop();
                continue;
            }
            let next = resolved.join(&word);
            let target = self.entries.get(&next).and_then(|entry| entry.link.as_ref());
            match target {
                Some(target) if follow || !left.is_empty() => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(HostError::Failed("too many links".to_owned()));
                    }
                    if target.starts_with('/') {
                        resolved = PathBuf::from("/");
                    }
                    left.extend(words(Path::new(target)).into_iter().rev());
                }
                _ => resolved = next,
            }
        }
        Ok(resolved)
    }

    fn is_parent(&self, path: &Path) -> bool {
        self.entries.keys().any(|known| known != path && known.starts_with(path))
    }

    fn attributes(&self, path: &Path, follow: bool) -> Result<Metadata, HostError> {
        let path = self.resolve(path, follow)?;
        let Some(entry) = self.entries.get(&path) else {
            let parent = Metadata {
                kind: FileKind::Directory,
                mode: 0o755,
                uid: 0,
                gid: 0,
                size: 0,
                modified: self.now,
            };
            return if self.is_parent(&path) { Ok(parent) } else { Err(HostError::NotFound) };
        };
        if let (Some(error), None) = (entry.error, &entry.mode) {
            return Err(error.into());
        }
        let kind = if entry.link.is_some() {
            FileKind::Symlink
        } else if entry.directory || self.is_parent(&path) {
            FileKind::Directory
        } else {
            FileKind::File
        };
        let usual = match kind {
            FileKind::Symlink => 0o777,
            FileKind::Directory => 0o755,
            FileKind::File | FileKind::Other => 0o644,
        };
        let mode = match &entry.mode {
            Some(octal) => {
                u32::from_str_radix(octal, 8).map_err(|_| HostError::Failed("bad mode".to_owned()))?
            }
            None => usual,
        };
        let size = u64::try_from(content(entry)?.len()).unwrap_or(0);
        let modified = entry.modified.unwrap_or(self.now);
        Ok(Metadata { kind, mode, uid: entry.uid, gid: entry.gid, size, modified })
    }
}

fn words(path: &Path) -> Vec<String> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(word) => Some(word.to_string_lossy().into_owned()),
            Component::ParentDir => Some("..".to_owned()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

fn content(entry: &RecordedEntry) -> Result<Vec<u8>, HostError> {
    match (&entry.text, &entry.base64) {
        (Some(text), _) => Ok(text.clone().into_bytes()),
        (None, Some(encoded)) => {
            let compact: String = encoded.split_whitespace().collect();
            STANDARD.decode(compact).map_err(|_| HostError::Failed("bad base64".to_owned()))
        }
        (None, None) => Ok(Vec::new()),
    }
}

impl Host for RecordedHost {
    fn read(&self, path: &Path, limit: usize) -> Result<Vec<u8>, HostError> {
        let path = self.resolve(path, true)?;
        let entry = self.entries.get(&path).ok_or(HostError::NotFound)?;
        if let Some(error) = entry.error {
            return Err(error.into());
        }
        if entry.directory {
            return Err(HostError::Failed("not a regular file".to_owned()));
        }
        let content = content(entry)?;
        if content.len() > limit { Err(HostError::TooLarge) } else { Ok(content) }
    }

    fn sha256(&self, path: &Path, limit: u64) -> Result<[u8; 32], HostError> {
        let content = self.read(path, usize::try_from(limit).unwrap_or(usize::MAX))?;
        Ok(Sha256::digest(content).into())
    }

    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, HostError> {
        let directory = self.resolve(directory, true)?;
        let recorded = self.entries.get(&directory);
        if let Some(error) = recorded.and_then(|entry| entry.error) {
            return Err(error.into());
        }
        let mut names: BTreeMap<String, bool> = BTreeMap::new();
        for (path, entry) in &self.entries {
            let Ok(below) = path.strip_prefix(&directory) else { continue };
            let below = words(below);
            if let Some(first) = below.first() {
                let is_directory = below.len() > 1 || entry.directory;
                *names.entry(first.clone()).or_default() |= is_directory;
            }
        }
        if names.is_empty() && !recorded.is_some_and(|entry| entry.directory) {
            return Err(HostError::NotFound);
        }
        Ok(names.into_iter().map(|(name, is_directory)| DirEntry { name, is_directory }).collect())
    }

    fn metadata(&self, path: &Path) -> Result<Metadata, HostError> {
        self.attributes(path, true)
    }

    fn link_metadata(&self, path: &Path) -> Result<Metadata, HostError> {
        self.attributes(path, false)
    }

    fn read_link(&self, path: &Path) -> Result<String, HostError> {
        let entry = self.entries.get(&self.resolve(path, false)?).ok_or(HostError::NotFound)?;
        entry.link.clone().ok_or_else(|| HostError::Failed("not a link".to_owned()))
    }

    fn run(&self, argv: &[&str], limits: RunLimits) -> Result<Output, HostError> {
        let answer = match self.commands.get(&argv.join(" ")).ok_or(HostError::NotFound)? {
            RecordedOutput::Text(stdout) => {
                RecordedAnswer { stdout: stdout.clone(), ..RecordedAnswer::default() }
            }
            RecordedOutput::Answer(answer) => answer.clone(),
        };
        if let Some(error) = answer.error {
            return Err(error.into());
        }
        if answer.stdout.len() > limits.output_limit {
            return Err(HostError::TooLarge);
        }
        let (stdout, stderr) = (answer.stdout.into_bytes(), answer.stderr.into_bytes());
        Ok(Output { status: Some(answer.status), stdout, stderr })
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}
