//! Judging one entry after the other: envelope, key, signature, statement, signer, chain, time, state.

use proofline_core::{Timestamp, format_rfc3339};

use super::{CLOCK_TOLERANCE, Policy, Report, assets::Assets, chain::Chains, keyring::Keyring};
use crate::dsse::{Envelope, STATEMENT_PAYLOAD_TYPE};
use crate::statement::{Body, KeyRole, Statement, rules};
use crate::{Digest, Reason};

/// What is known after the entries so far.
#[derive(Debug)]
pub(super) struct Auditor<'a> {
    policy: &'a Policy,
    latest: Option<Timestamp>,
    keyring: Keyring,
    chains: Chains,
    assets: Assets,
}

impl<'a> Auditor<'a> {
    /// Nothing seen yet. Statements may be dated until a little after `signed_at`.
    pub(super) fn new(policy: &'a Policy, signed_at: Option<Timestamp>) -> Self {
        Self {
            policy,
            latest: signed_at.map(|at| at + CLOCK_TOLERANCE),
            keyring: Keyring::new(&policy.server_facts_key),
            chains: Chains::default(),
            assets: Assets::default(),
        }
    }

    /// The keys as the log holds them after the last entry.
    pub(super) fn into_keyring(self) -> Keyring {
        self.keyring
    }

    /// Judges the entry at `index`.
    pub(super) fn entry(&mut self, index: u64, bytes: &[u8], report: &mut Report) {
        let at = Some(index);
        let envelope = match Envelope::parse(bytes) {
            Ok(envelope) => envelope,
            Err(defect) => return report.find_defect(at, defect),
        };
        let signed = self.signature_holds(index, &envelope, report);
        let statement = match Statement::parse(envelope.unverified_payload()) {
            Ok(statement) => statement,
            Err(defect) => return report.find_defect(at, defect),
        };
        *report.kinds.entry(statement.body.kind()).or_default() += 1;
        let before = report.findings_total;
        self.header(index, &envelope, &statement, report);
        for reason in rules::broken(&statement) {
            report.find(at, reason, statement.body.kind());
        }
        let sound = signed && report.findings_total == before;
        let in_step = self.chain(index, &statement, Digest::of(bytes), report);
        if sound && in_step {
            self.effects(index, &statement, report);
        }
    }

    /// Whether the statement takes its signer's chain forward. What is missing before it may have changed any asset.
    fn chain(&mut self, index: u64, statement: &Statement, envelope: Digest, report: &mut Report) -> bool {
        let Err(reason) = self.chains.follow(statement, envelope) else { return true };
        report.find(Some(index), reason, format!("seq {}", statement.header.seq));
        if reason != Reason::SeqRepeated {
            self.assets.lose(statement.header.appliance);
        }
        reason != Reason::SeqRepeated
    }

    fn signature_holds(&self, index: u64, envelope: &Envelope, report: &mut Report) -> bool {
        let id = envelope.key_id();
        let refused = self.keyring.valid(id).err();
        if let Some(reason) = refused {
            report.find(Some(index), reason, format!("key {id}"));
        }
        let Some(key) = self.keyring.any(id) else { return false };
        match envelope.verify(STATEMENT_PAYLOAD_TYPE, key) {
            Ok(_) => refused.is_none(),
            Err(defect) => {
                report.find_defect(Some(index), defect);
                false
            }
        }
    }

    fn header(&self, index: u64, envelope: &Envelope, statement: &Statement, report: &mut Report) {
        let (at, header) = (Some(index), &statement.header);
        if header.installation != self.policy.installation {
            report.find(at, Reason::WrongInstallation, header.installation.to_string());
        }
        if header.site != self.policy.site {
            report.find(at, Reason::WrongSite, header.site.to_string());
        }
        if let Ok((_, key)) = self.keyring.valid(envelope.key_id()) {
            let role = if header.appliance.is_some() { KeyRole::Appliance } else { KeyRole::ServerFacts };
            if key.role != role || key.holder != header.appliance {
                report.find(at, Reason::WrongSigner, format!("a key of role {}", key.role.as_str()));
            }
        }
        if self.latest.is_some_and(|latest| header.ended > latest) {
            report.find(at, Reason::TimeAfterCheckpoint, format_rfc3339(header.ended));
        }
    }

    /// What a sound statement changes for those behind it.
    fn effects(&mut self, index: u64, statement: &Statement, report: &mut Report) {
        if let Body::Key(event) = &statement.body
            && let Err(detail) = self.keyring.apply(index, event)
        {
            report.find(Some(index), Reason::KeyEvent, detail);
        }
        if let Err(reason) = self.assets.follow(statement) {
            report.find(Some(index), reason, statement.body.kind());
        }
    }
}
