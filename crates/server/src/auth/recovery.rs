//! Recovery codes: ten texts on paper that each replace a second factor once.
//!
//! A code has 80 random bits, so a keyed digest keeps it as well as a slow hash would, and can be looked up.

use data_encoding::BASE32_NOPAD;
use proofline_core::{Secret, UserId};

use crate::AppState;

/// How many there are.
const CODES: usize = 10;

/// Fresh codes as they are shown, and as they are kept.
pub(super) fn fresh(app: &AppState, user: UserId) -> (Vec<String>, Vec<[u8; 32]>) {
    let codes: Vec<String> =
        (0..CODES).map(|_| BASE32_NOPAD.encode(&app.entropy().bytes::<10>()).to_lowercase()).collect();
    let digests = codes.iter().map(|code| digest(app, user, &Secret::new(code))).collect();
    (codes.iter().map(|code| grouped(code)).collect(), digests)
}

/// What a code is kept as. Case, spaces and hyphens do not matter.
pub(super) fn digest(app: &AppState, user: UserId, code: &Secret) -> [u8; 32] {
    let plain: String = code.expose().chars().filter(char::is_ascii_alphanumeric).collect();
    let mut bytes = user.uuid().as_bytes().to_vec();
    bytes.extend(plain.to_ascii_lowercase().into_bytes());
    app.passwords().digest("recovery code of", &bytes)
}

/// `abcd-efgh-ijkl-mnop`.
fn grouped(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}
