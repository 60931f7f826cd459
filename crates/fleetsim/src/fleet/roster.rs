//! Who is in the fleet: one line of JSON per appliance, written as each one is enrolled.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use proofline_core::{ApplianceId, AssetId, InstallationId, SiteId};
use proofline_evidence::Digest;
use serde::{Deserialize, Serialize};

/// What is the same for the whole fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// The server.
    pub installation: InstallationId,
    /// Its checkpoint key, 32 bytes in base64.
    pub checkpoint_key: String,
    /// Digest of its catalogue.
    pub catalogue: Digest,
}

/// One appliance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its number in this fleet, from 0.
    pub ordinal: u32,
    /// Seed of its key, in base64. It protects nothing: the fleet is simulated.
    pub seed: String,
    /// Where it stands.
    pub site: SiteId,
    /// Itself as a sender.
    pub appliance: ApplianceId,
    /// Itself as an asset.
    pub asset: AssetId,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Installation(Installation),
    Member(Member),
}

/// The file and what it holds.
pub struct Roster {
    file: File,
    path: PathBuf,
    /// None before the first appliance.
    pub installation: Option<Installation>,
    /// By ordinal.
    pub members: Vec<Member>,
}

impl Roster {
    /// Opens or creates `fleet.jsonl` in `folder`.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("fleet.jsonl");
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        let (mut installation, mut members) = (None, Vec::new());
        for line in BufReader::new(&file).lines() {
            let line = line.with_context(|| format!("reading {}", path.display()))?;
            match serde_json::from_str(&line) {
                Ok(Line::Installation(found)) => installation = Some(found),
                Ok(Line::Member(member)) => members.push(member),
                Err(error) => anyhow::bail!("{} holds a line that is no appliance: {error}", path.display()),
            }
        }
        members.sort_unstable_by_key(|member: &Member| member.ordinal);
        Ok(Self { file, path, installation, members })
    }

    /// Adds one appliance, and before the first one its installation.
    pub fn add(&mut self, installation: Installation, member: Member) -> anyhow::Result<()> {
        match &self.installation {
            None => {
                self.write(&Line::Installation(installation.clone()))?;
                self.installation = Some(installation);
            }
            Some(known) => {
                anyhow::ensure!(*known == installation, "{} belongs to another server", self.path.display());
            }
        }
        self.write(&Line::Member(member.clone()))?;
        self.members.push(member);
        Ok(())
    }

    fn write(&mut self, line: &Line) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text).with_context(|| format!("writing {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofline_core::SeededEntropy;

    #[test]
    fn a_fleet_is_read_back() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let (at, entropy) =
            (chrono::DateTime::from_timestamp(1, 0).expect("in range"), SeededEntropy::new(1));
        let installation = Installation {
            installation: InstallationId::new(at, &entropy),
            checkpoint_key: "AAAA".into(),
            catalogue: Digest::of("c"),
        };
        let member = |ordinal| Member {
            ordinal,
            seed: "c2VlZA==".into(),
            site: SiteId::new(at, &entropy),
            appliance: ApplianceId::new(at, &entropy),
            asset: AssetId::new(at, &entropy),
        };
        let mut roster = Roster::open(folder.path()).expect("opens");
        let (second, first) = (member(1), member(0));
        roster.add(installation.clone(), second.clone()).expect("adds");
        roster.add(installation.clone(), first.clone()).expect("adds");
        let read = Roster::open(folder.path()).expect("opens again");
        assert_eq!((read.installation.as_ref(), read.members), (Some(&installation), vec![first, second]));
        let mut roster = Roster::open(folder.path()).expect("opens");
        let other = Installation { installation: InstallationId::new(at, &entropy), ..installation };
        assert!(roster.add(other, member(2)).is_err());
    }
}
