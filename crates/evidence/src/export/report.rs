//! What a verification found out, for people and for machines.

use std::collections::BTreeMap;

use proofline_core::{InstallationId, SiteId, format_rfc3339};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::KeyValidity;
use crate::{Defect, Digest, Reason};

/// How many findings are kept. More are counted, not kept.
pub const MAX_FINDINGS: usize = 1_000;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Why, under its stable name.
    pub reason: Reason,
    /// At which entry, where it is about one.
    pub entry: Option<u64>,
    /// Where or what exactly.
    pub detail: String,
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut finding = serializer.serialize_struct("Finding", 4)?;
        finding.serialize_field("code", self.reason.code())?;
        finding.serialize_field("entry", &self.entry)?;
        finding.serialize_field("sentence", self.reason.sentence())?;
        finding.serialize_field("detail", &self.detail)?;
        finding.end()
    }
}

/// The outcome of verifying an export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing at all was found, with a checkpoint key that the auditor brought along.
    pub verified: bool,
    /// Whether nothing at all was found, whoever the checkpoint key is from. An export that somebody made up under keys of
    /// their own is consistent, too.
    pub consistent: bool,
    /// The deployment, as the policy says.
    pub installation: Option<InstallationId>,
    /// The site, as the policy says.
    pub site: Option<SiteId>,
    /// The checkpoint key in use, as a vkey.
    pub checkpoint_key: Option<String>,
    /// Whether that key was given by the auditor, not taken from the export.
    pub checkpoint_key_was_given: bool,
    /// The key that signed the checkpoint, as a vkey: that one or a successor.
    pub checkpoint_signer: Option<String>,
    /// When the checkpoint was signed.
    pub signed_at: Option<String>,
    /// How many entries the checkpoint commits to.
    pub size: u64,
    /// The root that it commits to.
    pub root: Option<Digest>,
    /// The size of the older checkpoint that this export was found consistent with.
    pub consistent_since: Option<u64>,
    /// How many entries were read.
    pub entries: u64,
    /// How many statements there are of each kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Every key that the log knows and from where to where it held.
    pub keys: Vec<KeyValidity>,
    /// What is wrong, in the order of discovery, at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many findings there are in all.
    pub findings_total: u64,
}

impl Report {
    pub(super) fn find(&mut self, entry: Option<u64>, reason: Reason, detail: impl Into<String>) {
        self.findings_total += 1;
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { reason, entry, detail: detail.into() });
        }
    }

    pub(super) fn find_defect(&mut self, entry: Option<u64>, defect: Defect) {
        self.find(entry, defect.reason, defect.detail);
    }

    pub(super) fn set_signed_at(&mut self, at: proofline_core::Timestamp) {
        self.signed_at = Some(format_rfc3339(at));
    }
}
