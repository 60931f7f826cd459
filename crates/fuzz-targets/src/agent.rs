//! What the agent reads on a machine, and the catalogue that it is built with.

use std::path::Path;

use proofline_agent::host::{DirEntry, FileKind, Host, HostError, Metadata, Output, RunLimits};
use proofline_agent::local_override::{self as local, Found};
use proofline_agent::probes::{self, TEXT_LIMIT};
use proofline_agent::scrub::scrub;
use proofline_catalog::Catalog;
use proofline_catalog::lint::{Source, compile};
use proofline_core::{Timestamp, Verdict, format_rfc3339};

/// The clinic's own file: what it says can be written, and says the same again.
pub fn local_override(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(Found::Decision(decision)) = local::parse(text) else { return };
    let mut written = String::new();
    if let Some(mode) = decision.mode {
        written += &format!("mode = {mode}\n");
    }
    if let Some(until) = decision.paused_until {
        written += &format!("paused_until = {}\n", format_rfc3339(until));
    }
    assert_eq!(local::parse(&written), Ok(Found::Decision(decision)), "{written}");
}

/// Files as people write them.
pub fn local_overrides() -> Vec<Vec<u8>> {
    [
        "# ours\nmode = audit\npaused_until = 2026-11-22T18:00:00Z\n",
        "mode=ask\r\n",
        "paused_until = 2026-11-22T18:00:00.25+01:00",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// A machine on which every file and every answer is the same text, and where everything is.
struct Echo<'a>(&'a [u8]);

/// Folders end somewhere.
fn is_deep(path: &Path) -> bool {
    path.components().count() > 4
}

impl Host for Echo<'_> {
    fn read(&self, _: &Path, limit: usize) -> Result<Vec<u8>, HostError> {
        if self.0.len() > limit { Err(HostError::TooLarge) } else { Ok(self.0.to_vec()) }
    }

    fn sha256(&self, _: &Path, _: u64) -> Result<[u8; 32], HostError> {
        Ok([self.0.first().copied().unwrap_or_default(); 32])
    }

    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, HostError> {
        let deep = is_deep(directory);
        let name = String::from_utf8_lossy(self.0.get(..12).unwrap_or(self.0)).replace(['/', '\0'], "_");
        let names = [name, "50-site.conf".to_owned(), "123".to_owned()];
        let entry = |(n, name): (usize, String)| DirEntry { name, is_directory: !deep && n == 2 };
        Ok(names.into_iter().enumerate().map(entry).filter(|entry| !entry.name.is_empty()).collect())
    }

    fn metadata(&self, path: &Path) -> Result<Metadata, HostError> {
        let file = path.extension().is_some() || is_deep(path);
        let kind = if file { FileKind::File } else { FileKind::Directory };
        let mode = self.0.iter().fold(0, |mode, byte| (mode * 2 + u32::from(*byte)) & 0o7777);
        Ok(Metadata { kind, mode, uid: mode % 3, gid: 0, size: 10, modified: self.now() })
    }

    fn link_metadata(&self, path: &Path) -> Result<Metadata, HostError> {
        self.metadata(path)
    }

    fn read_link(&self, _: &Path) -> Result<String, HostError> {
        Ok(String::from_utf8_lossy(self.0).into_owned())
    }

    fn run(&self, _: &[&str], limits: RunLimits) -> Result<Output, HostError> {
        if self.0.len() > limits.output_limit {
            return Err(HostError::TooLarge);
        }
        Ok(Output { status: Some(0), stdout: self.0.to_vec(), stderr: Vec::new() })
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_timestamp(1_795_334_400, 0).expect("in range")
    }
}

/// Whatever files hold and tools print: a probe ends, says the same twice, keeps to its limits, and passes nothing that it
/// did not read.
pub fn probes(bytes: &[u8]) {
    let host = Echo(bytes);
    for check in Catalog::embedded().checks() {
        let seen = probes::run(check, &host);
        assert_eq!(seen, probes::run(check, &host));
        for text in [&seen.observed, &seen.reason, &seen.location, &seen.expected] {
            assert!(
                text.len() <= TEXT_LIMIT && !text.chars().any(char::is_control),
                "{}: {text:?}",
                check.id
            );
        }
        if matches!(seen.verdict, Verdict::Pass | Verdict::Fail) {
            assert!(!seen.observed.trim().is_empty(), "{}", check.id);
        }
    }
}

/// What is scrubbed is at rest and bounded.
pub fn scrubber(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let clean = scrub(&text);
    assert!(clean.len() <= 4 * text.len() + 32);
    assert_eq!(scrub(&clean), clean);
}

/// Texts of recorded machines.
pub fn outputs() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in crate::files_below("crates/agent/tests/fixtures") {
        if let Ok(value) = serde_norway::from_slice(&file) {
            texts(&value, &mut found);
        }
    }
    found
}

/// Some of them: every probe reads each.
pub fn some_outputs() -> Vec<Vec<u8>> {
    outputs().into_iter().step_by(16).collect()
}

fn texts(value: &serde_norway::Value, found: &mut Vec<Vec<u8>>) {
    match value {
        serde_norway::Value::String(text) if text.contains('\n') => found.push(text.clone().into_bytes()),
        serde_norway::Value::Sequence(items) => items.iter().for_each(|item| texts(item, found)),
        serde_norway::Value::Mapping(members) => members.iter().for_each(|(_, member)| texts(member, found)),
        _ => {}
    }
}

/// Any YAML in the place of a file of the catalogue is refused in sentences, or accepted.
pub fn catalogue(bytes: &[u8]) {
    let Ok(value) = serde_norway::from_slice::<serde_json::Value>(bytes) else { return };
    for file in ["controls.yaml", "checks/a.yaml", "profiles/a.yaml", "runbooks/a.yaml", "rules/a.yaml"] {
        if let Err(problems) = compile(&[Source { file: file.to_owned(), value: value.clone() }]) {
            assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.sentence.is_empty()));
        }
    }
}

/// The files of the catalogue.
pub fn catalogue_files() -> Vec<Vec<u8>> {
    crate::files_below("crates/catalog/data")
}
