//! What ties a flow to the browser that began it.
//!
//! A cookie of its own: the session's cookie is not sent when a provider sends somebody back. It is the same for all flows
//! that a browser has under way, so that two tabs do not get into each other's way.

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use openidconnect::{CsrfToken, Nonce, PkceCodeVerifier};
use proofline_core::Entropy;
use sha2::{Digest, Sha256};

use super::FLOW_LIFETIME;
use crate::Settings;
use crate::http::cookie;

const COOKIE: &str = "__Host-oidc";

/// The cookie's secret.
pub(super) struct BrowserSecret([u8; 32]);

impl BrowserSecret {
    /// What the browser presents.
    pub(super) fn presented(headers: &HeaderMap) -> Option<Self> {
        from_hex(cookie(headers, COOKIE)?).map(Self)
    }

    /// A new one.
    pub(super) fn fresh(entropy: &dyn Entropy) -> Self {
        Self(entropy.bytes())
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// Lax, not strict: it has to come along when a provider sends the browser back.
    pub(super) fn set_cookie(&self) -> HeaderValue {
        let (secret, seconds) = (hex::encode(self.0), FLOW_LIFETIME.num_seconds());
        let text = format!("{COOKIE}={secret}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax");
        HeaderValue::try_from(text).expect("hexadecimal digits and attributes are a header")
    }

    fn derive(&self, settings: &Settings, label: &[u8], state: &State) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&settings.csrf_key).expect("HMAC takes a key of any length");
        for part in [b"openid flow\0".as_slice(), label, &self.0, &state.0] {
            mac.update(part);
        }
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// What the identity token has to carry.
    pub(super) fn nonce(&self, settings: &Settings, state: &State) -> Nonce {
        Nonce::new(self.derive(settings, b"nonce\0", state))
    }

    /// What shows the provider that whoever brings the code is whom it sent away.
    pub(super) fn pkce_verifier(&self, settings: &Settings, state: &State) -> PkceCodeVerifier {
        PkceCodeVerifier::new(self.derive(settings, b"pkce\0", state))
    }
}

/// A flow's state: random, known to the browser and the provider, and here only by its digest.
pub(super) struct State([u8; 32]);

impl State {
    /// A new one.
    pub(super) fn fresh(entropy: &dyn Entropy) -> Self {
        Self(entropy.bytes())
    }

    /// What came back.
    pub(super) fn returned(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// As it is sent along.
    pub(super) fn token(&self) -> CsrfToken {
        CsrfToken::new(hex::encode(self.0))
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    hex::decode(text).ok()?.try_into().ok()
}
