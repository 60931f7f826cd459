//! Replays the results of each asset, to see that the overall states which runs and heartbeats claim follow from what was
//! logged.
//!
//! A claim is accepted when it is the digest of all results so far, or of the results since the last claim alone: a full run
//! starts afresh, so a check that left the catalogue disappears. After a gap nothing is known until such a full run.

use std::collections::{BTreeMap, HashMap};

use proofline_core::{ApplianceId, AssetId, Verdict};

use crate::statement::{Body, CheckResult, StateLine, Statement, state_digest};
use crate::{Digest, Reason};

type Results = BTreeMap<String, (Verdict, Digest)>;

/// What is known of every asset.
#[derive(Debug, Default)]
pub(super) struct Assets(HashMap<(ApplianceId, Option<AssetId>), Asset>);

#[derive(Debug, Default)]
struct Asset {
    results: Results,
    pending: Results,
    claimed: Option<Digest>,
    uncertain: bool,
}

impl Assets {
    /// Follows one verified statement of an appliance.
    pub(super) fn follow(&mut self, statement: &Statement) -> Result<(), Reason> {
        let Some(appliance) = statement.header.appliance else { return Ok(()) };
        if let Body::Gap(_) = statement.body {
            self.0
                .iter_mut()
                .filter(|((holder, _), _)| *holder == appliance)
                .for_each(|(_, asset)| asset.lose());
            return Ok(());
        }
        let asset = self.0.entry((appliance, statement.header.asset)).or_default();
        match &statement.body {
            Body::CheckRun(run) => {
                run.results.iter().for_each(|result| asset.observe(result));
                run.state.map_or(Ok(()), |state| asset.claim(state))
            }
            Body::Heal(heal) => {
                asset.observe(&heal.after);
                Ok(())
            }
            Body::Heartbeat(heartbeat) => asset.confirm(heartbeat.state),
            Body::Gap(_) | Body::Attestation(_) | Body::Incident(_) | Body::Key(_) | Body::ServerFact(_) => {
                Ok(())
            }
        }
    }

    /// Statements of this appliance are missing: nothing is certain about its assets.
    pub(super) fn lose(&mut self, appliance: Option<ApplianceId>) {
        self.0
            .iter_mut()
            .filter(|((holder, _), _)| Some(*holder) == appliance)
            .for_each(|(_, asset)| asset.lose());
    }
}

impl Asset {
    fn lose(&mut self) {
        self.uncertain = true;
        self.pending.clear();
    }

    fn observe(&mut self, result: &CheckResult) {
        self.pending.insert(result.check.clone(), (result.verdict, result.observed_digest()));
    }

    fn claim(&mut self, state: Digest) -> Result<(), Reason> {
        let pending = std::mem::take(&mut self.pending);
        let alone = digest(&pending) == state;
        if alone {
            self.results = pending;
        } else {
            self.results.extend(pending);
        }
        let follows = alone || digest(&self.results) == state;
        let excused = self.uncertain;
        self.uncertain &= !alone;
        self.claimed = Some(state);
        if follows || excused { Ok(()) } else { Err(Reason::StateMismatch) }
    }

    fn confirm(&mut self, state: Digest) -> Result<(), Reason> {
        let same = self.claimed == Some(state) && self.pending.is_empty();
        if same || self.uncertain {
            return Ok(());
        }
        // A heal may have been the last change: its second observation is in the state, though no run has claimed it yet.
        self.claim(state)
    }
}

fn digest(results: &Results) -> Digest {
    state_digest(results.iter().map(|(check, (verdict, observed))| StateLine {
        check,
        verdict: *verdict,
        observed: *observed,
    }))
}
