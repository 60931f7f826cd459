//! The signature on every request of an agent: one fixed profile of HTTP Message Signatures (RFC 9421) with
//! `Content-Digest` (RFC 9530), and nothing of the rest.
//!
//! ```text
//! Content-Digest:  sha-256=:<base64 of 32 bytes>:
//! Signature-Input: sig1=("@method" "@path" "@query" "content-digest");created=<seconds>;nonce="<22 base64url>";
//!                  keyid="<64 hex>";alg="ed25519";tag="proofline-agent"          (one line)
//! Signature:       sig1=:<base64 of 64 bytes>:
//! ```
//!
//! # Invariants
//!
//! 1. Every request has exactly one spelling of its headers. Another order, label, component, algorithm, tag, a
//!    repeated header, additional white space or base64 that is not canonical is refused before any cryptography.
//! 2. Every byte of method, path, query, body and of the three headers is covered: changing one is refused.
//! 3. `created` is at most [`MAX_SKEW_S`] from the verifier's clock, in either direction. A verifier that remembers
//!    nonces for [`REPLAY_WINDOW_S`] therefore sees every replay.
//! 4. The key is identified by the digest of its bytes and verification is strict (no malleable signature, no weak
//!    key); the verifier chooses the key, the message never brings one.
//!
//! The path is taken as it stands on the request line, without normalisation. An empty query and none are the same
//! (RFC 9421 section 2.2.7). Remembering nonces and looking up keys is the caller's part.
//!
//! # Verifying, in three steps
//!
//! ```text
//! let presented = signature::parse(headers)?;          // strict, no allocation
//! let key = keys.get(&presented.key_id)…;              // Refusal::KeyUnknown, Refusal::ApplianceRevoked
//! presented.verify(&request, key, clock.now())?;       // digest, skew, Ed25519
//! if !nonces.insert(presented.nonce)… Refusal::Replayed
//! ```

mod base;
mod parse;
mod refusal;
mod sign;
mod verify;

#[cfg(test)]
mod tests;

pub use parse::{Presented, parse};
pub use proofline_evidence::{PublicKey, SigningKey};
pub use refusal::Refusal;
pub use sign::{SignedHeaders, sign};

/// The most seconds that `created` may lie before or after the verifier's clock.
pub const MAX_SKEW_S: i64 = 60;

/// How long a verifier must remember a nonce: from the earliest to the latest time at which its request is in time,
/// and one second for the fraction that `created` does not carry.
pub const REPLAY_WINDOW_S: i64 = 2 * MAX_SKEW_S + 1;

/// The three headers, as a sender writes them. Verifiers compare without regard to case.
pub const HEADERS: [&str; 3] = ["content-digest", "signature-input", "signature"];

/// What is signed of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// `POST`, `GET`, …
    pub method: &'a str,
    /// The path as it stands on the request line, starting with `/`.
    pub path: &'a str,
    /// What follows `?` on the request line, without it; empty for none.
    pub query: &'a str,
    /// The body, empty for none.
    pub body: &'a [u8],
}
