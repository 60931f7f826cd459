//! What reads bytes from outside, one plain function each and no more than that: for the fuzz targets, which hold each to
//! its promise. Handlers call what is behind these, not these.

use axum::http::{HeaderMap, HeaderValue, header};
use proofline_core::{Clock, Entropy, Timestamp};

use crate::auth::oidc::{return_to, verify};
use crate::auth::relying_party::RelyingParty;
use crate::http;

/// The key inside the cursor of a page; none where it is no cursor.
pub fn cursor(text: &str) -> Option<String> {
    http::opened_cursor(text).map(|cursor| cursor.0)
}

/// Three cells as one line of the audit log's CSV file.
pub fn csv_line(cells: [&str; 3]) -> String {
    crate::audit::csv::line(cells)
}

/// The page of the app at `public_url` that a sign-in may end at.
pub fn return_to(public_url: &str, asked: &str) -> Option<String> {
    return_to::checked(public_url, asked)
}

/// The value of a cookie in a request with this `Cookie` header.
pub fn cookie(header: &[u8], name: &str) -> Option<String> {
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, HeaderValue::from_bytes(header).ok()?);
    http::cookie(&headers, name).map(str::to_owned)
}

/// The token that a page of the session sends with changes.
pub fn csrf_token(key: &[u8; 32], session: &[u8; 32], nonce: &str) -> String {
    http::csrf_token(key, session, nonce)
}

/// Whether the key made the token for the session.
pub fn csrf_holds(key: &[u8; 32], session: &[u8; 32], token: &str) -> bool {
    http::csrf_holds(std::iter::once(key), session, token)
}

/// The cookie by which an account knows a browser.
pub fn device_cookie(key: &[u8; 32], account: [u8; 32], at: Timestamp, entropy: &dyn Entropy) -> String {
    http::Device::new(account, entropy).value(key, at)
}

/// The account that knows the browser with this cookie, if the key made it.
pub fn device_account(key: &[u8; 32], value: &str, now: Timestamp) -> Option<[u8; 32]> {
    http::read_device(std::iter::once(key), value, now).map(|device| device.account)
}

/// Addresses, names and roles, and the numbers of the lines that name nobody.
pub type People = (Vec<[String; 3]>, Vec<usize>);

/// Everybody whom a file of people brings in.
pub fn people(file: &[u8], clock: &dyn Clock, entropy: &dyn Entropy) -> Option<People> {
    let (people, bad) = crate::people::people_of(file, clock.now(), entropy).ok()?;
    let person = |(_, person): (usize, proofline_store::NewPerson)| {
        [person.email.as_str().to_owned(), person.name, person.membership.role().to_string()]
    };
    Some((people.into_iter().map(person).collect(), bad.into_iter().map(|line| line.number).collect()))
}

/// A provider's discovery document with its keys, written again.
pub fn discovery(document: &[u8], keys: &[u8]) -> Option<Vec<u8>> {
    verify::rewritten(document, keys)
}

/// The subject that a provider's answer to a code vouches for at `now`, if its identity token verifies.
pub fn vouched_for(document: &[u8], keys: &[u8], answer: &[u8], now: Timestamp) -> Option<String> {
    verify::subject(document, keys, answer, now)
}

/// Whether an authenticator's answer makes a passkey in a ceremony that begins just now. Whose passkey it names is read,
/// too.
pub fn passkey_counts(public_url: &str, answer: &[u8]) -> bool {
    let Ok(party) = RelyingParty::at(public_url, "Proofline") else { return false };
    party.counts(answer)
}
