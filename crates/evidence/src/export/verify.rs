//! Verifying an export, in one pass from its first byte to its last.

use std::io::{self, Read};

use proofline_core::{Timestamp, format_rfc3339};

use super::archive::{ArchiveError, ArchiveReader, Member};
use super::{
    CHECKPOINT_NAME, CLOCK_TOLERANCE, POLICY_NAME, Policy, README_NAME, Report, SUCCESSORS_NAME,
    auditor::Auditor, keyring::Keyring, tiles::TileCutter,
};
use crate::merkle::leaf_hash;
use crate::note::{
    Checkpoint, CheckpointKeys, MAX_NOTE_BYTES, MAX_SUCCESSOR_BYTES, MAX_SUCCESSORS, Note, NoteKey,
    SignatureKind,
};
use crate::statement::KeyRole;
use crate::tile::{TILE_WIDTH, TileRef, parse_bundle, parse_hashes};
use crate::{Defect, Digest, Reason};

/// What the auditor brings along.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A checkpoint key of this log, the first one or a later one, received on another way than the export. Without it the
    /// export's first one is used, and says so.
    pub checkpoint_key: Option<NoteKey>,
    /// The bytes of an older checkpoint of this log that the auditor kept.
    pub since: Option<Vec<u8>>,
    /// The auditor's clock, where there is one: a checkpoint from the future is not believed.
    pub now: Option<Timestamp>,
}

/// Verifies an export. `Err` only where `source` cannot be read: whatever is wrong with the export is in the report.
pub fn verify(source: impl Read, options: &Options) -> io::Result<Report> {
    let mut run = Run { archive: ArchiveReader::new(source), report: Report::default() };
    match run.whole(options) {
        Ok(()) => {}
        Err(ArchiveError::Read(error)) => return Err(error),
        Err(ArchiveError::Defect(defect)) => run.report.find_defect(None, defect),
    }
    run.report.consistent = run.report.findings_total == 0;
    run.report.verified = run.report.consistent && run.report.checkpoint_key_was_given;
    Ok(run.report)
}

struct Run<R> {
    archive: ArchiveReader<R>,
    report: Report,
}

/// The older checkpoint: its text, and what the tree was at its size.
struct Since {
    note: Note,
    checkpoint: Checkpoint,
    root_then: Option<Digest>,
}

impl<R: Read> Run<R> {
    /// Everything in order. A defect that leaves nothing to go on with ends it; all others are noted on the way.
    fn whole(&mut self, options: &Options) -> Result<(), ArchiveError> {
        self.expect(README_NAME, MAX_NOTE_BYTES)?;
        let policy = Policy::parse(&self.expect(POLICY_NAME, MAX_NOTE_BYTES)?)?;
        self.report.installation = Some(policy.installation);
        self.report.site = Some(policy.site);
        let (keys, note) = self.checkpoint_keys(&policy)?;
        let keys = self.trusted(keys, options);
        let (checkpoint, signed) = self.checkpoint(&note, &keys, &policy)?;
        let (signed_at, signer) = signed.unzip();
        self.leads(&keys, signer, options);
        self.dates(signed_at, options.now);
        let mut since = options.since.as_deref().and_then(|note| self.since(note, &policy, &checkpoint));
        let mut auditor = Auditor::new(&policy, signed_at);
        let mut cutter = TileCutter::default();
        self.entries(&checkpoint, &mut auditor, &mut cutter, since.as_mut())?;
        let root = cutter.frontier().root();
        for (tile, hashes) in cutter.close_log() {
            self.tile(tile, &hashes)?;
        }
        if self.archive.next_member()?.is_some() {
            self.report.find(None, Reason::MemberOrder, "more files than the checkpoint commits to");
        }
        if root != checkpoint.root {
            self.report.find(None, Reason::RootMismatch, format!("computed {root}"));
        }
        let keyring = auditor.into_keyring();
        self.conclude((&keys, signer), &keyring, since);
        self.report.keys = keyring.into_validities();
        Ok(())
    }

    /// The next file, which must be the one of that name.
    fn expect(&mut self, name: &str, max_bytes: usize) -> Result<Vec<u8>, ArchiveError> {
        let member = self.archive.next_member()?;
        Self::named(member, name, max_bytes)
    }

    fn named(member: Option<Member>, name: &str, max_bytes: usize) -> Result<Vec<u8>, ArchiveError> {
        let Some(member) = member else {
            return Err(Defect::new(Reason::MemberOrder, format!("{name} is missing")).into());
        };
        if member.name != name {
            return Err(Defect::new(Reason::MemberOrder, format!("expected {name}")).into());
        }
        if member.content.len() > max_bytes {
            return Err(
                Defect::new(Reason::ArchiveSize, format!("{name} has more than {max_bytes} bytes")).into()
            );
        }
        Ok(member.content)
    }

    /// The log's keys as far as their statements hold, and the checkpoint's file.
    fn checkpoint_keys(&mut self, policy: &Policy) -> Result<(CheckpointKeys, Vec<u8>), ArchiveError> {
        let mut keys = CheckpointKeys::new(&policy.checkpoint_key);
        let mut member = self.archive.next_member()?;
        if member.as_ref().is_some_and(|member| member.name == SUCCESSORS_NAME) {
            let lines = Self::named(member, SUCCESSORS_NAME, MAX_SUCCESSORS * (MAX_SUCCESSOR_BYTES + 1))?;
            let statements = lines.strip_suffix(b"\n").map(|lines| lines.split(|byte| *byte == b'\n'));
            let malformed = || Defect::new(Reason::SuccessorInvalid, "the last line does not end");
            let mut statements = statements.ok_or_else(malformed)?;
            if let Err(defect) = statements.try_for_each(|statement| keys.follow(statement)) {
                self.report.find_defect(None, defect);
            }
            member = self.archive.next_member()?;
        }
        Ok((keys, Self::named(member, CHECKPOINT_NAME, MAX_NOTE_BYTES)?))
    }

    /// The keys to go by: the export's if the auditor's own is one of them, else the auditor's alone.
    fn trusted(&mut self, keys: CheckpointKeys, options: &Options) -> CheckpointKeys {
        let given = options.checkpoint_key.as_ref();
        self.report.checkpoint_key_was_given = given.is_some();
        self.report.checkpoint_key = given.or(keys.at(0)).map(NoteKey::to_string);
        match given {
            Some(given) if !keys.iter().any(|(key, _)| key == given) => {
                let first = keys.at(0).map(NoteKey::to_string).unwrap_or_default();
                self.report.find(None, Reason::CheckpointKey, first);
                CheckpointKeys::new(given)
            }
            _ => keys,
        }
    }

    /// No key vouches for one before it.
    fn leads(&mut self, keys: &CheckpointKeys, signer: Option<usize>, options: &Options) {
        let given = options.checkpoint_key.as_ref().and_then(|given| keys.place(given.public_key()));
        if let (Some(given), Some(signer)) = (given, signer)
            && signer < given
        {
            self.report.find(None, Reason::CheckpointKey, "signed by a key before the one that was given");
        }
        self.report.checkpoint_signer = signer.and_then(|place| keys.at(place)).map(NoteKey::to_string);
    }

    /// The head. If its signature or time is wrong, its unproven text still says how much there is to look at.
    fn checkpoint(
        &mut self,
        note: &[u8],
        keys: &CheckpointKeys,
        policy: &Policy,
    ) -> Result<(Checkpoint, Option<(Timestamp, usize)>), Defect> {
        let (checkpoint, signed) = match keys.open(note, &policy.origin()) {
            Ok((opened, place)) => (opened.checkpoint, Some((opened.signed_at, place))),
            Err(defect) => {
                let unproven = Note::parse(note).and_then(|note| Checkpoint::parse_text(note.text()));
                let Ok(checkpoint) = unproven else { return Err(defect) };
                self.report.find_defect(None, defect);
                (checkpoint, None)
            }
        };
        self.report.size = checkpoint.size;
        self.report.root = Some(checkpoint.root);
        if let Some((at, _)) = signed {
            self.report.set_signed_at(at);
        }
        Ok((checkpoint, signed))
    }

    fn dates(&mut self, signed_at: Option<Timestamp>, now: Option<Timestamp>) {
        if let (Some(signed_at), Some(now)) = (signed_at, now)
            && signed_at > now + CLOCK_TOLERANCE
        {
            self.report.find(None, Reason::CheckpointFuture, format_rfc3339(signed_at));
        }
    }

    fn since(&mut self, note: &[u8], policy: &Policy, head: &Checkpoint) -> Option<Since> {
        let parsed = Note::parse(note).and_then(|note| Ok((Checkpoint::parse_text(note.text())?, note)));
        let (checkpoint, note) = match parsed {
            Ok(parsed) => parsed,
            Err(defect) => {
                self.report.find_defect(None, of_older(&defect));
                return None;
            }
        };
        if checkpoint.origin != policy.origin() {
            self.report.find(None, Reason::SinceOtherLog, "another origin");
            return None;
        }
        if checkpoint.size > head.size {
            let detail = format!("{} entries then, {} now", checkpoint.size, head.size);
            self.report.find(None, Reason::SinceNewer, detail);
        }
        Some(Since { note, checkpoint, root_then: None })
    }

    fn entries(
        &mut self,
        head: &Checkpoint,
        auditor: &mut Auditor<'_>,
        cutter: &mut TileCutter,
        mut since: Option<&mut Since>,
    ) -> Result<(), ArchiveError> {
        for bundle in (0..).map_while(|index| TileRef::new(0, index, head.size)) {
            if let Some(since) = since.as_mut() {
                since.look_at(cutter);
            }
            let bytes = self.bundle(bundle)?;
            let entries = parse_bundle(&bytes)?;
            if entries.len() != usize::from(bundle.width()) {
                let detail =
                    format!("{} instead of {} in {}", entries.len(), bundle.width(), bundle.bundle_path());
                return Err(Defect::new(Reason::EntryMissing, detail).into());
            }
            for (index, entry) in bundle.nodes().zip(entries) {
                self.report.entries += 1;
                auditor.entry(index, entry, &mut self.report);
                cutter.push(leaf_hash(entry));
                if let Some(since) = since.as_mut() {
                    since.look_at(cutter);
                }
            }
            for (tile, hashes) in cutter.close_bundle() {
                self.tile(tile, &hashes)?;
            }
        }
        if let Some(since) = since.as_mut() {
            since.look_at(cutter);
        }
        Ok(())
    }

    /// The next bundle. One that is missing or named as narrower than the checkpoint says is a matter of entries.
    fn bundle(&mut self, bundle: TileRef) -> Result<Vec<u8>, ArchiveError> {
        let missing = || Defect::new(Reason::EntryMissing, format!("{} is missing", bundle.bundle_path()));
        let member = self.archive.next_member()?.ok_or_else(missing)?;
        if member.name == bundle.bundle_path() {
            return Ok(member.content);
        }
        let first = bundle.index() * TILE_WIDTH;
        let narrower = (1..=TILE_WIDTH).filter_map(|width| TileRef::new(0, bundle.index(), first + width));
        if narrower.into_iter().any(|other| other.bundle_path() == member.name) {
            return Err(missing().into());
        }
        Err(Defect::new(Reason::MemberOrder, format!("expected {}", bundle.bundle_path())).into())
    }

    fn tile(&mut self, tile: TileRef, expected: &[Digest]) -> Result<(), ArchiveError> {
        let bytes = self.expect(&tile.path(), expected.len() * 32)?;
        let hashes = parse_hashes(&bytes)?;
        if hashes.len() != expected.len() {
            self.report.find(None, Reason::TileMismatch, tile.path());
            return Ok(());
        }
        for (node, _) in
            tile.nodes().zip(hashes.iter().zip(expected)).filter(|(_, (found, expected))| found != expected)
        {
            let entry = (tile.level() == 0).then_some(node);
            self.report.find(entry, Reason::TileMismatch, tile.path());
        }
        Ok(())
    }

    /// What can be said only after the last entry: about the checkpoint keys, and about the older checkpoint.
    fn conclude(
        &mut self,
        (keys, signer): (&CheckpointKeys, Option<usize>),
        keyring: &Keyring,
        since: Option<Since>,
    ) {
        if let Some((reason, detail)) = contradiction(keys, signer, keyring) {
            self.report.find(None, reason, detail);
        }
        let Some(since) = since else { return };
        let name = keys.at(0).map_or("", NoteKey::name);
        let chain = keys.iter().map(|(key, _)| key.public_key());
        let verdicts: Vec<_> = keyring
            .of_role(KeyRole::Checkpoint)
            .map(|(key, _)| key)
            .chain(chain)
            .filter_map(|older| NoteKey::new(name, SignatureKind::Plain, older.clone()).ok())
            .map(|older| since.note.verify(&older))
            .collect();
        if !verdicts.iter().any(Result::is_ok)
            && let Some(defect) = verdicts.into_iter().find_map(Result::err)
        {
            return self.report.find_defect(None, of_older(&defect));
        }
        match since.root_then {
            Some(root) if root == since.checkpoint.root => {
                self.report.consistent_since = Some(since.checkpoint.size);
            }
            Some(_) => {
                let detail = format!("the first {} entries have another root", since.checkpoint.size);
                self.report.find(None, Reason::SinceRewritten, detail);
            }
            None => {} // more entries than there are: already found
        }
    }
}

/// How the checkpoint keys that the log names contradict those that sign for it. The log may be behind: it names a successor
/// only some time after that begins to sign.
fn contradiction(
    keys: &CheckpointKeys,
    signer: Option<usize>,
    keyring: &Keyring,
) -> Option<(Reason, &'static str)> {
    let stated: Vec<_> = keyring.of_role(KeyRole::Checkpoint).collect();
    let valid = stated.iter().find(|(_, validity)| validity.until_entry.is_none());
    let place = valid.and_then(|(key, _)| keys.place(key));
    match (place, signer) {
        _ if stated.is_empty() => None,
        (Some(place), Some(signer)) if signer < place => {
            Some((Reason::CheckpointKeyTime, "the log had named its successor before"))
        }
        (Some(_), _) => None,
        (None, _) if valid.is_some() && stated.iter().any(|(key, _)| keys.place(key).is_some()) => {
            Some((Reason::SuccessorMissing, "the log names a later key"))
        }
        (None, _) => Some((Reason::PolicyMismatch, "the log does not hold the checkpoint key as valid")),
    }
}

/// Says that it is the auditor's own file that is wrong, not the export.
fn of_older(defect: &Defect) -> Defect {
    Defect::new(defect.reason, format!("in the older checkpoint: {}", defect.detail))
}

impl Since {
    fn look_at(&mut self, cutter: &TileCutter) {
        if cutter.frontier().size() == self.checkpoint.size {
            self.root_then = Some(cutter.frontier().root());
        }
    }
}
