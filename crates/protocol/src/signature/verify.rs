//! The receiver's half, once the key is known.

use proofline_core::Timestamp;

use super::base::{is_plain, of_request};
use proofline_evidence::{Digest, PublicKey};

use super::{MAX_SKEW_S, Presented, Refusal, Request};

impl Presented<'_> {
    /// Whether `key` signed exactly this request at about `now`.
    ///
    /// Refuses, in this order: another key than the one named, a time too far away, another body, another signature.
    /// Replay is not checked here: see [`Presented::nonce`].
    pub fn verify(&self, request: &Request<'_>, key: &PublicKey, now: Timestamp) -> Result<(), Refusal> {
        if key.id() != self.key_id {
            return Err(Refusal::KeyUnknown);
        }
        let skew_ms = now.timestamp_millis().abs_diff(self.created.saturating_mul(1_000));
        if skew_ms > MAX_SKEW_S.unsigned_abs() * 1_000 {
            return Err(Refusal::ClockSkew);
        }
        if Digest::of(request.body) != self.body_digest {
            return Err(Refusal::DigestMismatch);
        }
        if !is_plain(request) {
            return Err(Refusal::SignatureInvalid);
        }
        let base = of_request(request, self.content_digest, self.params);
        key.verify(&base, &self.signature).map_err(|_| Refusal::SignatureInvalid)
    }
}
