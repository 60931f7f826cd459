//! Passwords: what is accepted, and how it is kept.
//!
//! Stored as `v1$<bcrypt>`, where bcrypt runs over base64(HMAC-SHA-384(pepper, password)): 64 characters whatever the
//! password, so that bcrypt's 72-byte cut and its end at a NUL never matter. Hashing costs a quarter second of a core, so
//! it runs on blocking threads, two at a time for strangers and one for whoever is none; who would wait too long for a turn is
//! told to come back.
//!
//! Two more forms are verified and never made for a new password. `sha256$<salt>$<hex>`, SHA-256 over salt and password, is
//! what an earlier system kept; `w1$<salt>$<bcrypt>` is the first form over such a digest, for people who may never come
//! back. Both become `v1` at the person's next success. Each verification runs one bcrypt of the same cost, whatever is
//! stored, if anything is: the time of an answer does not tell which.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use proofline_core::{Email, Secret};
use sha2::{Digest, Sha256, Sha384};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::{ApiResult, FieldProblem, Problem};

const SCHEME: &str = "v1$";
/// What [`PasswordHasher::wrap`] takes.
pub(crate) const LEGACY: &str = "sha256$";
const WRAPPED: &str = "w1$";
/// Strangers' passwords at once.
const AT_ONCE: usize = 2;
/// Most passwords of a lane that wait or are worked on: at a quarter second each, the last stranger's waits about a quarter
/// minute.
const MOST_WAITING: usize = 128;
const MIN_CHARS: usize = 12;
const MAX_BYTES: usize = 1024;

/// Passwords that anyone would try first, in lower case, one a line.
const COMMON: &str = include_str!("common_passwords.txt");

/// Who waits with whom. However many strangers try passwords, whoever has shown something already waits for none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Anybody.
    Stranger,
    /// A browser that signed in to the account before, a session, or the bearer of a link.
    Known,
}

/// Turns of one lane, and places in its queue.
#[derive(Clone)]
struct Turns {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Turns {
    fn new(at_once: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once)), queue: Arc::new(Semaphore::new(MOST_WAITING)) }
    }

    /// A turn, and the place in the queue that it came from; both end with the work.
    async fn turn(&self) -> ApiResult<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let place = self.queue.clone().try_acquire_owned().map_err(|_| Problem::overloaded())?;
        let turn = self.turns.clone().acquire_owned().await.expect("never closed");
        Ok((place, turn))
    }
}

/// Hashes and verifies.
#[derive(Clone)]
pub struct PasswordHasher {
    pepper: Arc<[u8; 32]>,
    cost: u32,
    strangers: Turns,
    known: Turns,
    decoy: Arc<str>,
}

impl PasswordHasher {
    /// A hasher with this pepper; `cost` is bcrypt's, 12 or more in production.
    pub fn new(pepper: [u8; 32], cost: u32) -> Self {
        // Verified when there is nobody to verify, so that both take as long. Nothing hashes to it.
        let decoy = format!("{SCHEME}$2b${cost:02}$......................bcryptHashOfNothingAtAll123456O");
        let (strangers, known) = (Turns::new(AT_ONCE), Turns::new(1));
        Self { pepper: Arc::new(pepper), cost, strangers, known, decoy: decoy.into() }
    }

    /// What attempts at an address are counted under. Keyed: people type passwords where an address belongs.
    pub fn account(&self, address: &str) -> [u8; 32] {
        self.digest("sign-in attempts of", address.as_bytes())
    }

    /// A digest that nobody makes without the pepper. For what has to be found again, or has too much chance in it to be
    /// guessed; a password has not.
    pub fn digest(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.pepper).expect("HMAC takes a key of any length");
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }

    fn prehash(&self, secret: &[u8]) -> String {
        let mut mac = Hmac::<Sha384>::new_from_slice(&*self.pepper).expect("HMAC takes a key of any length");
        mac.update(secret);
        STANDARD.encode(mac.finalize().into_bytes())
    }

    async fn bcrypt(&self, secret: &[u8], salt: [u8; 16]) -> ApiResult<String> {
        let (prehash, cost) = (self.prehash(secret), self.cost);
        // Nobody gets this far without having shown something.
        let turn = self.known.turn().await?;
        let hashed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            bcrypt::hash_with_salt(prehash, cost, salt)
                .expect("cost is in range and the pre-hash has 64 bytes")
        })
        .await
        .expect("hashing does not panic");
        Ok(hashed.to_string())
    }

    /// The text to store.
    pub async fn hash(&self, password: &Secret, salt: [u8; 16]) -> ApiResult<String> {
        Ok(format!("{SCHEME}{}", self.bcrypt(password.expose().as_bytes(), salt).await?))
    }

    /// The wrapped form of a digest of an earlier system; `None` for any other text.
    pub async fn wrap(&self, stored: &str, salt: [u8; 16]) -> ApiResult<Option<String>> {
        let Some(Stored::Legacy { salt: legacy_salt, digest }) = Stored::read(stored) else {
            return Ok(None);
        };
        let hashed = self.bcrypt(digest.as_bytes(), salt).await?;
        Ok(Some(format!("{WRAPPED}{legacy_salt}${hashed}")))
    }

    /// Whether the password belongs to the stored text. With `None`, does the same work and says no.
    pub(crate) async fn verify(
        &self,
        lane: Lane,
        password: &Secret,
        stored: Option<&str>,
    ) -> ApiResult<bool> {
        let stored = stored.and_then(Stored::read);
        let secret = password.expose().as_bytes();
        let salt = match stored {
            Some(Stored::Legacy { salt, .. } | Stored::Wrapped { salt, .. }) => salt,
            Some(Stored::Current(_)) | None => "nobody's",
        };
        // Computed for everybody, for the time that it takes.
        let legacy = legacy_digest(salt, secret);
        let direct = self.prehash(secret);
        let through = self.prehash(legacy.as_bytes());
        let (prehash, hashed) = match stored {
            Some(Stored::Current(hashed)) => (direct, hashed),
            Some(Stored::Wrapped { hashed, .. }) => (through, hashed),
            Some(Stored::Legacy { .. }) | None => (direct, self.decoy.trim_start_matches(SCHEME)),
        };
        let hashed = hashed.to_owned();
        let turn = match lane {
            Lane::Stranger => self.strangers.turn().await?,
            Lane::Known => self.known.turn().await?,
        };
        let matches = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            bcrypt::verify(prehash, &hashed).unwrap_or(false)
        })
        .await
        .unwrap_or(false);
        Ok(match stored {
            Some(Stored::Current(_) | Stored::Wrapped { .. }) => matches,
            Some(Stored::Legacy { digest, .. }) => bool::from(legacy.as_bytes().ct_eq(digest.as_bytes())),
            None => false,
        })
    }
}

/// SHA-256 over salt and password, as an earlier system made it.
fn legacy_digest(salt: &str, password: &[u8]) -> String {
    hex::encode(Sha256::new().chain_update(salt).chain_update(password).finalize())
}

/// A stored password, taken apart.
#[derive(Clone, Copy)]
enum Stored<'a> {
    /// bcrypt over the pre-hash.
    Current(&'a str),
    /// What an earlier system kept.
    Legacy { salt: &'a str, digest: &'a str },
    /// bcrypt over the pre-hash of that.
    Wrapped { salt: &'a str, hashed: &'a str },
}

impl<'a> Stored<'a> {
    fn read(text: &'a str) -> Option<Self> {
        if let Some(hashed) = text.strip_prefix(SCHEME) {
            return Some(Self::Current(hashed));
        }
        if let Some(rest) = text.strip_prefix(WRAPPED) {
            return rest.split_once('$').map(|(salt, hashed)| Self::Wrapped { salt, hashed });
        }
        let (salt, digest) = text.strip_prefix(LEGACY)?.split_once('$')?;
        Some(Self::Legacy { salt, digest })
    }
}

/// Whether the stored text has a form that the next success replaces.
pub(super) fn is_outdated(stored: &str) -> bool {
    !stored.starts_with(SCHEME)
}

/// Whether a text that comes from outside is a stored password that [`PasswordHasher::verify`] can do something with.
pub(crate) fn is_storable(text: &str) -> bool {
    let bcrypt = |hashed: &str| hashed.len() == 60 && hashed.parse::<bcrypt::HashParts>().is_ok();
    let salted =
        |salt: &str| (1..=128).contains(&salt.len()) && salt.bytes().all(|byte| byte.is_ascii_graphic());
    match Stored::read(text) {
        Some(Stored::Current(hashed)) => bcrypt(hashed),
        Some(Stored::Wrapped { salt, hashed }) => salted(salt) && bcrypt(hashed),
        Some(Stored::Legacy { salt, digest }) => {
            let hexadecimal = digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            salted(salt) && digest.len() == 64 && hexadecimal
        }
        None => false,
    }
}

/// Why a new password is not accepted, if it is not: length and likelihood, no composition rules.
pub(crate) fn refuse_weak(password: &Secret, email: &Email, name: &str) -> Option<FieldProblem> {
    let text = password.expose();
    let lower = text.to_lowercase();
    let field =
        |code, detail: &str| Some(FieldProblem { field: "password", code, detail: detail.to_owned() });
    let local = email.as_str().split('@').next().unwrap_or_default();
    let words = [local, "proofline"].into_iter().chain(name.split_whitespace());
    let mut distinct: Vec<char> = lower.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if text.chars().count() < MIN_CHARS {
        field("too_short", "Use at least 12 characters; a few words in a row are fine.")
    } else if text.len() > MAX_BYTES {
        field("too_long", "Use at most 1024 bytes.")
    } else if distinct.len() < 5 || COMMON.lines().any(|common| common == lower) {
        field("too_common", "This is one of the passwords that anyone would try first.")
    } else if words
        .filter(|w| w.chars().count() >= 4)
        .any(|w| lower.replace(&w.to_lowercase(), "").chars().filter(|c| c.is_alphanumeric()).count() < 6)
    {
        field("too_personal", "This is little more than your name, your address or the product's name.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher() -> PasswordHasher {
        PasswordHasher::new([3; 32], 4)
    }

    #[tokio::test]
    async fn every_byte_of_a_long_password_counts() {
        let long = "a".repeat(100);
        let stored = hasher().hash(&Secret::new(format!("{long}x")), [1; 16]).await.expect("hashes");
        assert!(
            hasher()
                .verify(Lane::Stranger, &Secret::new(format!("{long}x")), Some(&stored))
                .await
                .expect("verifies")
        );
        assert!(
            !hasher()
                .verify(Lane::Stranger, &Secret::new(format!("{long}y")), Some(&stored))
                .await
                .expect("verifies")
        );
        assert!(
            !hasher()
                .verify(Lane::Stranger, &Secret::new(format!("{long}x\0y")), Some(&stored))
                .await
                .expect("verifies")
        );
    }

    #[tokio::test]
    async fn nobody_and_another_pepper_do_not_verify() {
        let password = Secret::new("correct horse battery");
        let stored = hasher().hash(&password, [1; 16]).await.expect("hashes");
        assert!(!hasher().verify(Lane::Stranger, &password, None).await.expect("verifies"));
        assert!(!hasher().verify(Lane::Stranger, &password, Some("sha256$aa$bb")).await.expect("verifies"));
        assert!(
            !PasswordHasher::new([4; 32], 4)
                .verify(Lane::Stranger, &password, Some(&stored))
                .await
                .expect("verifies")
        );
    }

    #[tokio::test]
    async fn a_digest_of_an_earlier_system_verifies_and_so_does_what_is_wrapped_around_it() {
        let (password, wrong) = (Secret::new("correct horse battery"), Secret::new("correct horse batterz"));
        let legacy =
            format!("sha256$pepper-and-salt${}", legacy_digest("pepper-and-salt", b"correct horse battery"));
        let wrapped = hasher().wrap(&legacy, [7; 16]).await.expect("hashes").expect("a legacy digest");
        assert!(wrapped.starts_with("w1$pepper-and-salt$$2b$04$") && !wrapped.contains(&legacy[24..]));
        for stored in [legacy.as_str(), &wrapped] {
            assert!(is_storable(stored) && is_outdated(stored), "{stored}");
            assert!(
                hasher().verify(Lane::Stranger, &password, Some(stored)).await.expect("verifies"),
                "{stored}"
            );
            assert!(
                !hasher().verify(Lane::Stranger, &wrong, Some(stored)).await.expect("verifies"),
                "{stored}"
            );
        }
        // The digest itself is no password, and another pepper does not open what is wrapped.
        let digest = Secret::new(legacy.rsplit('$').next().expect("a digest"));
        assert!(!hasher().verify(Lane::Stranger, &digest, Some(&wrapped)).await.expect("verifies"));
        assert!(
            !PasswordHasher::new([4; 32], 4)
                .verify(Lane::Stranger, &password, Some(&wrapped))
                .await
                .expect("verifies")
        );
        assert!(hasher().wrap(&wrapped, [7; 16]).await.expect("looks").is_none());
    }

    #[test]
    fn only_what_can_be_verified_is_taken_from_outside() {
        let digest = legacy_digest("s", b"x");
        assert!(is_storable(&format!("sha256$s${digest}")));
        for bad in [
            String::new(),
            "plain".to_owned(),
            format!("sha256$${digest}"),
            format!("sha256$s${}", &digest[1..]),
            format!("sha256$s${}", digest.to_uppercase()),
            format!("sha256$s t${digest}"),
            format!("sha1$s${digest}"),
            "v1$".to_owned(),
            "v1$$2b$12$short".to_owned(),
        ] {
            assert!(!is_storable(&bad), "{bad}");
        }
    }

    #[test]
    fn the_decoy_costs_as_much_as_a_real_hash() {
        let decoy = hasher().decoy.trim_start_matches(SCHEME).to_owned();
        assert!(bcrypt::verify("x", &decoy).is_ok(), "a malformed decoy would answer at once");
    }

    #[test]
    fn weak_passwords_are_refused_with_their_reason() {
        let email: Email = "maria.rossi@clinic.example".parse().expect("valid");
        let code = |p: &str| refuse_weak(&Secret::new(p), &email, "Maria Rossi").map(|f| f.code);
        assert_eq!(code("short"), Some("too_short"));
        assert_eq!(code("aaaaaaaaaaaaaa"), Some("too_common"));
        assert_eq!(code("password12345"), Some("too_common"));
        assert_eq!(code("maria.rossi2024"), Some("too_personal"));
        assert_eq!(code("plum tractor eleven"), None);
        assert_eq!(code(&"long and fine ".repeat(70)), None);
        assert_eq!(code(&"long and fine ".repeat(80)), Some("too_long"));
    }
}
