//! The rollback journal: what was there before, on disk before it is changed.
//!
//! Invariants:
//! - one file for one execution, named by its handle, readable by root only;
//! - a line is written and synced before the change that it undoes; a torn last line therefore belongs to a change that
//!   was never made, and is ignored;
//! - a journal without an end belongs to an execution that was cut short: it must be rolled back;
//! - finished journals stay, so that a heal can be taken back later, until [`Journals::prune`].
//!
//! Format: one JSON value per line. First `begin`, then `undo` and `did` lines, at most one `end`.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use proofline_catalog::canonical::Digest;
use proofline_catalog::runbook::Reload;
use proofline_core::{IncidentId, Mode, Timestamp};
use proofline_healing::Observation;
use proofline_healing::engine::RuleRef;
use proofline_healing::incident::Actor;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::undo::Undo;

/// No journal is longer: 5 000 changed attributes and a few whole files fit.
const JOURNAL_MAX: u64 = 64 * 1024 * 1024;
const ENDING: &str = "journal";

/// Names one execution, for taking it back: `rb_` and 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(String);

/// The text is no rollback handle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a rollback handle")]
pub struct UnknownHandle;

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Handle {
    type Err = UnknownHandle;

    fn from_str(text: &str) -> Result<Self, UnknownHandle> {
        let digits = text.strip_prefix("rb_").ok_or(UnknownHandle)?;
        let hexadecimal =
            digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hexadecimal { Ok(Self(text.to_owned())) } else { Err(UnknownHandle) }
    }
}

impl Serialize for Handle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Handle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What an execution was for, and what a rollback has to do besides restoring. Enough to state a heal that was cut short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The incident.
    pub incident: IncidentId,
    /// How often the incident had come back.
    pub recurrence: u32,
    /// The failing observation; it names the check.
    pub before: Observation,
    /// The rule.
    pub rule: RuleRef,
    /// Who decided.
    pub actor: Actor,
    /// The mode in force.
    pub mode: Mode,
    /// The plan.
    pub plan_digest: Digest,
    /// The runbook's id.
    pub runbook: String,
    /// What reads its settings again once the previous state is back.
    pub after_rollback: Vec<Reload>,
    /// When it started.
    pub started: Timestamp,
}

impl Header {
    /// The handle that this execution gets: the same plan at the same instant is the same execution.
    pub fn handle(&self) -> Handle {
        let digest = Digest::of(&(self.plan_digest, self.started.timestamp_micros())).to_string();
        Handle(format!("rb_{}", &digest[..16]))
    }
}

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The change stays.
    Committed,
    /// The previous state is back.
    RolledBack,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Begin(Box<Header>),
    /// What undoes the change that follows.
    Undo(Undo),
    /// The change before was made; the digest is of what it left.
    Did(Digest),
    End(End),
}

/// One change as the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) undo: Undo,
    /// What the change left behind, where it got that far.
    pub(super) left: Option<Digest>,
}

/// A journal, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) header: Header,
    pub(super) entries: Vec<Entry>,
    pub(super) end: Option<End>,
}

/// A journal being written.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) handle: Handle,
    file: File,
}

impl Journal {
    /// Saves what undoes the next change. When this returns, it is on disk.
    pub(super) fn undo(&mut self, undo: &Undo) -> io::Result<()> {
        self.append(&Line::Undo(undo.clone()))?;
        self.file.sync_data()
    }

    /// Notes that the change was made. Losing this line is harmless: restoring twice is restoring once.
    pub(super) fn did(&mut self, left: Digest) -> io::Result<()> {
        self.append(&Line::Did(left))
    }

    /// Closes the journal.
    pub(super) fn end(&mut self, end: End) -> io::Result<()> {
        self.append(&Line::End(end))?;
        self.file.sync_data()
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.file.write_all(text.as_bytes())
    }
}

/// The folder of all journals.
#[derive(Debug, Clone)]
pub struct Journals {
    folder: PathBuf,
}

impl Journals {
    /// Journals in `folder`, which is created for root only where it is missing.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder })
    }

    fn path(&self, handle: &Handle) -> PathBuf {
        self.folder.join(format!("{handle}.{ENDING}"))
    }

    pub(super) fn begin(&self, header: &Header) -> io::Result<Journal> {
        let handle = header.handle();
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(self.path(&handle))?;
        let mut journal = Journal { handle, file };
        journal.append(&Line::Begin(Box::new(header.clone())))?;
        journal.file.sync_all()?;
        File::open(&self.folder)?.sync_all()?;
        Ok(journal)
    }

    /// Opens an existing journal to close it. A torn last line is cut off.
    pub(super) fn resume(&self, handle: &Handle) -> io::Result<Journal> {
        let path = self.path(handle);
        let whole = whole_lines(&path)?;
        let file = OpenOptions::new().append(true).open(path)?;
        file.set_len(whole)?;
        Ok(Journal { handle: handle.clone(), file })
    }

    pub(super) fn read(&self, handle: &Handle) -> io::Result<Option<Reading>> {
        let file = match File::open(self.path(handle)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut reader = BufReader::new(file.take(JOURNAL_MAX));
        let mut reading: Option<Reading> = None;
        let mut text = String::new();
        while reader.read_line(&mut text)? > 0 && text.ends_with('\n') {
            match (serde_json::from_str(&text)?, &mut reading) {
                (Line::Begin(header), None) => {
                    reading = Some(Reading { header: *header, entries: Vec::new(), end: None });
                }
                (Line::Undo(undo), Some(reading)) => reading.entries.push(Entry { undo, left: None }),
                (Line::Did(left), Some(reading)) => {
                    if let Some(entry) = reading.entries.last_mut() {
                        entry.left = Some(left);
                    }
                }
                (Line::End(end), Some(reading)) => reading.end = Some(end),
                (Line::Begin(_), Some(_)) | (_, None) => return Err(io::ErrorKind::InvalidData.into()),
            }
            text.clear();
        }
        Ok(reading)
    }

    /// Every journal of the folder, by handle.
    pub(super) fn handles(&self) -> io::Result<Vec<Handle>> {
        let mut handles = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let stem =
                name.to_str().and_then(|name| name.strip_suffix(ENDING)?.strip_suffix('.')?.parse().ok());
            handles.extend(stem);
        }
        handles.sort();
        Ok(handles)
    }

    /// Deletes a journal that never got past its torn beginning: nothing was changed under it.
    pub(super) fn discard(&self, handle: &Handle) -> io::Result<()> {
        fs::remove_file(self.path(handle))
    }

    /// Forgets finished journals that started before `before`. Their heals can no longer be taken back.
    pub fn prune(&self, before: Timestamp) -> io::Result<usize> {
        let mut pruned = 0;
        for handle in self.handles()? {
            let old = |reading: &Reading| reading.end.is_some() && reading.header.started < before;
            if self.read(&handle).ok().flatten().is_some_and(|reading| old(&reading)) {
                fs::remove_file(self.path(&handle))?;
                pruned += 1;
            }
        }
        Ok(pruned)
    }
}

/// The length of the file up to its last line end.
fn whole_lines(path: &Path) -> io::Result<u64> {
    let mut reader = BufReader::new(File::open(path)?.take(JOURNAL_MAX));
    let (mut whole, mut line) = (0, Vec::new());
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 || line.last() != Some(&b'\n') {
            return Ok(whole);
        }
        whole += u64::try_from(length).unwrap_or(0);
    }
}
