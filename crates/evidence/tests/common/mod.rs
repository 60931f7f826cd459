//! What several test files make the same way.

use proofline_core::{
    ApplianceId, AssetId, Entropy, InstallationId, SeededEntropy, SiteId, Timestamp, Verdict,
};
use proofline_evidence::Digest;
use proofline_evidence::statement::{CheckResult, Header};

/// 2026-11-22T02:50:00Z and `seconds` more.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_795_315_800 + seconds, 0).expect("in range")
}

/// A header of the one appliance of the one site.
pub(crate) fn header(seq: u64) -> Header {
    let entropy = SeededEntropy::new(1);
    let entropy: &dyn Entropy = &entropy;
    Header {
        installation: InstallationId::new(at(0), entropy),
        site: SiteId::new(at(0), entropy),
        appliance: Some(ApplianceId::new(at(0), entropy)),
        asset: Some(AssetId::new(at(0), entropy)),
        seq,
        prev: Digest::ZERO,
        catalogue: Digest::of("catalogue"),
        started: at(0),
        ended: at(1),
        clock_offset_ms: Some(-12),
    }
}

/// A result with the given observed text.
pub(crate) fn result(check: &str, verdict: Verdict, observed: &str) -> CheckResult {
    CheckResult {
        check: check.into(),
        verdict,
        expected: "no".into(),
        observed: observed.into(),
        reason: String::new(),
        location: "sshd -T: permitrootlogin".into(),
    }
}
