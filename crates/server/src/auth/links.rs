//! Tokens of links in mails: 256 random bits, kept as a digest, looked up by it.

use proofline_core::Secret;
use sha2::{Digest, Sha256};

use crate::AppState;
use crate::http::Problem;

/// A token, and what is kept of it.
pub(crate) fn fresh(app: &AppState) -> (String, [u8; 32]) {
    let token = hex::encode(app.entropy().bytes::<32>());
    let digest = Sha256::digest(&token).into();
    (token, digest)
}

/// What is kept of a token that somebody presents.
pub(crate) fn digest(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose()).into()
}

/// The one answer to a token that opens nothing, whatever the reason.
pub(crate) fn dead() -> Problem {
    Problem::forbidden("link_invalid", "This link was used already, is too old, or was withdrawn.")
}
