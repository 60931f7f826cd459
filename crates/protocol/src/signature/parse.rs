//! From headers to a claim about who signed what: strict, and without allocating.

use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::base::{COMPONENTS, DIGEST_PREFIX, LABEL};
use super::{HEADERS, Refusal};
use proofline_evidence::{Digest, KeyId};

/// What the headers claim. Nothing of it is true before [`Presented::verify`] said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presented<'a> {
    /// SHA-256 of the public key that is said to have signed.
    pub key_id: KeyId,
    /// Seconds since 1970-01-01T00:00:00Z at which it is said to have been signed.
    pub created: i64,
    /// Unique per request of one key.
    pub nonce: [u8; 16],
    /// SHA-256 of the body, as claimed.
    pub body_digest: Digest,
    pub(super) signature: [u8; 64],
    pub(super) content_digest: &'a str,
    /// `Signature-Input` without its label.
    pub(super) params: &'a str,
}

/// Reads the three headers among all `headers` of a request, given as name and value, repetitions included.
///
/// [`Refusal::SignatureMissing`] where one of them is not there, [`Refusal::SignatureInvalid`] where one is there
/// twice or is not exactly of the profile.
pub fn parse<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Presented<'a>, Refusal> {
    let mut found = [None; 3];
    for (name, value) in headers {
        if let Some(place) = HEADERS.iter().position(|header| name.eq_ignore_ascii_case(header)) {
            let value = std::str::from_utf8(value).map_err(|_| Refusal::SignatureInvalid)?;
            if found[place].replace(value).is_some() {
                return Err(Refusal::SignatureInvalid);
            }
        }
    }
    let [Some(content_digest), Some(signature_input), Some(signature)] = found else {
        return Err(Refusal::SignatureMissing);
    };
    read(content_digest, signature_input, signature).ok_or(Refusal::SignatureInvalid)
}

fn read<'a>(content_digest: &'a str, signature_input: &'a str, signature: &'a str) -> Option<Presented<'a>> {
    let body_digest = content_digest.strip_prefix(DIGEST_PREFIX)?.strip_suffix(':')?;
    let params = signature_input.strip_prefix(LABEL)?;
    let (created, rest) =
        params.strip_prefix(COMPONENTS)?.strip_prefix(";created=")?.split_once(";nonce=\"")?;
    let (nonce, rest) = rest.split_once("\";keyid=\"")?;
    let key_id = rest.strip_suffix(r#"";alg="ed25519";tag="proofline-agent""#)?;
    Some(Presented {
        key_id: key_id.parse().ok()?,
        created: read_created(created)?,
        nonce: decode(&URL_SAFE_NO_PAD, nonce)?,
        body_digest: Digest::from_bytes(decode(&STANDARD, body_digest)?),
        signature: decode(&STANDARD, signature.strip_prefix(LABEL)?.strip_prefix(':')?.strip_suffix(':')?)?,
        content_digest,
        params,
    })
}

/// Seconds as an sf-integer (RFC 8941 section 3.3.1) that is not negative and has no leading zero.
fn read_created(text: &str) -> Option<i64> {
    let digits = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    (digits && canonical).then(|| text.parse().ok()).flatten()
}

/// Exactly `N` bytes, canonically encoded.
fn decode<const N: usize>(engine: &impl base64::Engine, text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (engine.decode_slice(text, &mut bytes) == Ok(N)).then_some(bytes)
}
