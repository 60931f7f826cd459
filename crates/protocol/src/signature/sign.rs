//! The sender's half.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proofline_core::Timestamp;

use super::base::{COMPONENTS, DIGEST_PREFIX, LABEL, is_plain, of_request};
use proofline_evidence::{Digest, SigningKey, encoding};

use super::{HEADERS, Refusal, Request};

/// The values of the three headers of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    /// Value of `Content-Digest`.
    pub content_digest: String,
    /// Value of `Signature-Input`.
    pub signature_input: String,
    /// Value of `Signature`.
    pub signature: String,
}

impl SignedHeaders {
    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        HEADERS.into_iter().zip([&*self.content_digest, &*self.signature_input, &*self.signature])
    }
}

/// Signs `request`. `nonce` must be fresh for every request, a repetition included.
///
/// Refuses with [`Refusal::SignatureInvalid`] what no request line can hold: a path that does not start with `/` or
/// holds `?`, and characters that are not visible ASCII.
pub fn sign(
    request: &Request<'_>,
    key: &SigningKey,
    created: Timestamp,
    nonce: [u8; 16],
) -> Result<SignedHeaders, Refusal> {
    if !is_plain(request) {
        return Err(Refusal::SignatureInvalid);
    }
    let content_digest = format!("{DIGEST_PREFIX}{}:", encoding::encode(Digest::of(request.body)));
    let params = format!(
        r#"{COMPONENTS};created={};nonce="{}";keyid="{}";alg="ed25519";tag="proofline-agent""#,
        created.timestamp().max(0),
        URL_SAFE_NO_PAD.encode(nonce),
        key.id(),
    );
    let signature = key.sign(&of_request(request, &content_digest, &params));
    Ok(SignedHeaders {
        content_digest,
        signature_input: format!("{LABEL}{params}"),
        signature: format!("{LABEL}:{}:", encoding::encode(signature)),
    })
}
