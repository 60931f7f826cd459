//! Browsers that somebody signed in with before.
//!
//! Whoever guesses at an account, or floods the way in, uses up what strangers may try. A browser that has signed in to the
//! account with both factors is no stranger: it tries passwords on a count of its own, which nobody else can use up. Its
//! cookie says so; it is bound to the account's keyed digest and to this deployment, opens nothing by itself, and is not
//! needed.

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, TimeDelta};
use hmac::{Hmac, KeyInit, Mac};
use proofline_core::{Entropy, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::console::cookie;
use crate::AppState;

const COOKIE: &str = "__Host-device";
const KNOWN_FOR: TimeDelta = TimeDelta::days(180);

/// A browser, as one account knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Device {
    /// The keyed digest of the account's address.
    pub(crate) account: [u8; 32],
    name: [u8; 16],
}

impl Device {
    /// A browser that the account has not seen yet.
    pub(crate) fn new(account: [u8; 32], entropy: &dyn Entropy) -> Self {
        Self { account, name: entropy.bytes() }
    }

    /// What this browser's attempts at its account's password are counted under.
    pub(crate) fn attempts(&self) -> [u8; 32] {
        self.count(b"attempts of a known device\0")
    }

    /// What its attempts at the account's second factors are counted under.
    pub(crate) fn attempts_to_prove(&self) -> [u8; 32] {
        self.count(b"second factors of a known device\0")
    }

    fn count(&self, purpose: &[u8]) -> [u8; 32] {
        Sha256::new()
            .chain_update(purpose)
            .chain_update(self.account)
            .chain_update(self.name)
            .finalize()
            .into()
    }

    fn mac(&self, key: &[u8; 32], issued: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(b"known device\0");
        mac.update(&self.account);
        mac.update(&self.name);
        mac.update(issued.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// `Set-Cookie` by which the browser is known from `at` on.
    pub(crate) fn set_cookie(&self, app: &AppState, at: Timestamp) -> Option<(HeaderName, HeaderValue)> {
        let (value, seconds) = (self.value(&app.settings().csrf_key, at), KNOWN_FOR.num_seconds());
        let cookie =
            format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict");
        Some((header::SET_COOKIE, HeaderValue::try_from(cookie).ok()?))
    }

    /// The cookie's value from `at` on.
    pub(crate) fn value(&self, key: &[u8; 32], at: Timestamp) -> String {
        let issued = at.timestamp().to_string();
        let (account, name) = (hex::encode(self.account), hex::encode(self.name));
        let mac = self.mac(key, &issued);
        format!("{issued}.{name}.{account}.{mac}")
    }
}

/// The browser that a request comes from, if somebody signed in with it and not too long ago.
pub(crate) fn presented(app: &AppState, headers: &HeaderMap) -> Option<Device> {
    read(app.settings().csrf_keys(), cookie(headers, COOKIE)?, app.now())
}

/// What the cookie's value says, if one of these keys made it and it is not too old.
pub(crate) fn read<'a>(
    mut keys: impl Iterator<Item = &'a [u8; 32]>,
    value: &str,
    now: Timestamp,
) -> Option<Device> {
    let mut parts = value.split('.');
    let (issued, name) = (parts.next()?, parts.next()?);
    let (account, mac) = (parts.next()?, parts.next()?);
    // One spelling: capitals would make another cookie of the same browser.
    let bytes = |text: &str| hex::decode(text).ok().filter(|bytes| hex::encode(bytes) == text);
    let device = Device { account: bytes(account)?.try_into().ok()?, name: bytes(name)?.try_into().ok()? };
    let made_with = |key| bool::from(device.mac(key, issued).as_bytes().ct_eq(mac.as_bytes()));
    let genuine = parts.next().is_none() && keys.any(made_with);
    let issued = DateTime::from_timestamp(issued.parse().ok()?, 0)?;
    (genuine && now - issued < KNOWN_FOR).then_some(device)
}
