//! The names of all reasons, for implementations that list them.

use proofline_evidence::Reason;
use serde::Serialize;

#[derive(Serialize)]
struct Named {
    code: &'static str,
    sentence: &'static str,
}

#[test]
fn every_reason_is_named_in_the_specification() {
    let cases: Vec<_> =
        Reason::ALL.iter().map(|reason| Named { code: reason.code(), sentence: reason.sentence() }).collect();
    super::hold("reasons.json", "Every reason for which a verifier says no. Names never change.", &cases);
}
