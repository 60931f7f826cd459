//! Reading back: is every entry that was acknowledged there, exactly once, with its bytes and at its place?

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use proofline_core::SiteId;
use proofline_evidence::Digest;
use proofline_evidence::export::archive::ArchiveReader;
use proofline_evidence::export::{Options, verify as verify_export};
use proofline_evidence::tile::{TILE_WIDTH, TileRef, parse_bundle};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::fleet::{Acknowledged, Journal, Roster, Staff, Trust};

const EXAMPLES: usize = 20;

/// What was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct VerifyReport {
    /// Logs that were read.
    pub logs: u64,
    /// Logs in which the auditor's verification found something. Must be 0.
    pub logs_refused: u64,
    /// Entries in these logs, the server's own included.
    pub entries: u64,
    /// Entries that were acknowledged.
    pub acknowledged: u64,
    /// Of these, entries that are not where they were acknowledged to be, with their bytes. Must be 0.
    pub lost: u64,
    /// Entries whose bytes stand in a log more than once. Must be 0.
    pub doubled: u64,
    /// Acknowledgements that named two places for one entry. Must be 0.
    pub moved: u64,
    /// A few of the findings.
    pub examples: Vec<String>,
}

impl VerifyReport {
    /// Whether nothing is amiss.
    pub fn is_sound(&self) -> bool {
        self.lost + self.doubled + self.moved + self.logs_refused == 0
    }

    fn merge(&mut self, other: Self) {
        self.logs += other.logs;
        self.logs_refused += other.logs_refused;
        self.entries += other.entries;
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.moved += other.moved;
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.into_iter().take(room));
    }

    fn example(&mut self, text: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(text);
        }
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "verify: {} logs with {} entries", self.logs, self.entries)?;
        writeln!(
            f,
            "  acknowledged {}, lost {}, doubled {}, moved {}",
            self.acknowledged, self.lost, self.doubled, self.moved
        )?;
        writeln!(f, "  logs that an auditor would refuse {}", self.logs_refused)?;
        self.examples.iter().try_for_each(|example| writeln!(f, "    {example}"))
    }
}

type Expected = HashMap<SiteId, Vec<Acknowledged>>;

/// Exports every site's log as staff and compares it with the journal. Logs without acknowledged entries are read, too.
pub async fn verify(
    staff: &Staff,
    roster: &Roster,
    journal: &Journal,
    trust: &Trust,
    connections: usize,
) -> anyhow::Result<VerifyReport> {
    let sites = Arc::new(expected(roster, journal)?.into_iter().collect::<Vec<_>>());
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..connections.clamp(1, sites.len().max(1)) {
        let (sites, next, trust, mut staff) = (sites.clone(), next.clone(), trust.clone(), staff.twin());
        workers.spawn(async move {
            let mut report = VerifyReport::default();
            while let Some((site, acknowledged)) = sites.get(next.fetch_add(1, Ordering::Relaxed)) {
                let export = staff.get(&format!("/api/sites/{site}/evidence/export")).await?;
                report.merge(compare(*site, &export, acknowledged, &trust)?);
            }
            anyhow::Ok(report)
        });
    }
    let mut report = VerifyReport::default();
    while let Some(outcome) = workers.join_next().await {
        report.merge(outcome.context("a worker of the verification")??);
    }
    Ok(report)
}

fn expected(roster: &Roster, journal: &Journal) -> anyhow::Result<Expected> {
    let site_of: HashMap<u32, SiteId> =
        roster.members.iter().map(|member| (member.ordinal, member.site)).collect();
    let mut expected: Expected = site_of.values().map(|site| (*site, Vec::new())).collect();
    let mut strangers = 0_u64;
    journal.read(|record| match site_of.get(&record.ordinal).and_then(|site| expected.get_mut(site)) {
        Some(records) => records.push(record),
        None => strangers += 1,
    })?;
    anyhow::ensure!(strangers == 0, "{strangers} acknowledgements belong to no appliance of this fleet");
    Ok(expected)
}

fn compare(
    site: SiteId,
    export: &[u8],
    acknowledged: &[Acknowledged],
    trust: &Trust,
) -> anyhow::Result<VerifyReport> {
    let mut report = VerifyReport { logs: 1, ..VerifyReport::default() };
    let found = findings(export, trust)?;
    if !found.is_empty() {
        report.logs_refused = 1;
        found.iter().take(3).for_each(|finding| report.example(format!("{site}: {finding}")));
    }
    let log = digests(export).with_context(|| format!("reading the export of {site}"))?;
    report.entries = u64::try_from(log.len())?;
    let mut copies: HashMap<Digest, u64> = HashMap::new();
    for digest in &log {
        *copies.entry(*digest).or_default() += 1;
    }
    report.doubled = copies.values().map(|count| count - 1).sum();
    let mut places: HashMap<(u32, u64), u64> = HashMap::new();
    for entry in acknowledged {
        match places.insert((entry.ordinal, entry.seq), entry.index) {
            Some(before) if before != entry.index => {
                report.moved += 1;
                report.example(format!("{site}: {entry:?} was acknowledged at {before} before"));
                continue;
            }
            Some(_) => continue, // acknowledged twice, at one place
            None => report.acknowledged += 1,
        }
        let there = usize::try_from(entry.index).ok().and_then(|index| log.get(index));
        if there != Some(&entry.digest) {
            report.lost += 1;
            report.example(format!("{site}: {entry:?} is not there"));
        }
    }
    Ok(report)
}

/// What an auditor who was given the checkpoint key finds wrong with an export.
pub fn findings(export: &[u8], trust: &Trust) -> std::io::Result<Vec<String>> {
    let options = Options { checkpoint_key: Some(trust.checkpoint_key().clone()), ..Options::default() };
    let audit = verify_export(export, &options)?;
    Ok(audit.findings.iter().map(|finding| format!("{finding:?}")).collect())
}

/// SHA-256 of each entry of an export, by place.
pub fn digests(export: &[u8]) -> anyhow::Result<Vec<Digest>> {
    let mut archive = ArchiveReader::new(export);
    let mut digests = Vec::new();
    while let Some(member) = archive.next_member()? {
        if member.name.starts_with("tile/entries/") {
            let bundle = parse_bundle(&member.content)?;
            let (index, size) = (u64::try_from(digests.len())? / TILE_WIDTH, digests.len() + bundle.len());
            let expected = TileRef::new(0, index, u64::try_from(size)?).map(TileRef::bundle_path);
            anyhow::ensure!(expected == Some(member.name), "bundles are out of order");
            digests.extend(bundle.into_iter().map(Digest::of));
        }
    }
    Ok(digests)
}
