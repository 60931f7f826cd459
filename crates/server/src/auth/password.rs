//! Passwords: what is accepted, and how it is kept.
//!
//! Stored as `v1$<bcrypt>`, where bcrypt runs over base64(HMAC-SHA-384(pepper, password)): 64 characters whatever the
//! password, so that bcrypt's 72-byte cut and its end at a NUL never matter. Hashing costs a quarter second of a core, so
//! it runs on blocking threads, two at a time; who would wait too long for a turn is told to come back.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use proofline_core::{Email, Secret};
use sha2::{Sha256, Sha384};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::{ApiResult, FieldProblem, Problem};

const SCHEME: &str = "v1$";
const AT_ONCE: usize = 2;
/// Most passwords that wait or are worked on: at a quarter second each, the last one waits about a quarter minute.
const MOST_WAITING: usize = 128;
const MIN_CHARS: usize = 12;
const MAX_BYTES: usize = 1024;

/// Passwords that anyone would try first, in lower case, one a line.
const COMMON: &str = include_str!("common_passwords.txt");

/// Hashes and verifies.
#[derive(Clone)]
pub struct PasswordHasher {
    pepper: Arc<[u8; 32]>,
    cost: u32,
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    decoy: Arc<str>,
}

impl PasswordHasher {
    /// A hasher with this pepper; `cost` is bcrypt's, 12 or more in production.
    pub fn new(pepper: [u8; 32], cost: u32) -> Self {
        // Verified when there is nobody to verify, so that both take as long. Nothing hashes to it.
        let decoy = format!("{SCHEME}$2b${cost:02}$......................bcryptHashOfNothingAtAll123456O");
        let (turns, queue) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(MOST_WAITING)));
        Self { pepper: Arc::new(pepper), cost, turns, queue, decoy: decoy.into() }
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

    /// A turn, and the place in the queue that it came from; both end with the work.
    async fn turn(&self) -> ApiResult<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let place = self.queue.clone().try_acquire_owned().map_err(|_| Problem::overloaded())?;
        let turn = self.turns.clone().acquire_owned().await.expect("never closed");
        Ok((place, turn))
    }

    fn prehash(&self, password: &Secret) -> String {
        let mut mac = Hmac::<Sha384>::new_from_slice(&*self.pepper).expect("HMAC takes a key of any length");
        mac.update(password.expose().as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    /// The text to store.
    pub async fn hash(&self, password: &Secret, salt: [u8; 16]) -> ApiResult<String> {
        let (prehash, cost) = (self.prehash(password), self.cost);
        let turn = self.turn().await?;
        let hashed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            bcrypt::hash_with_salt(prehash, cost, salt)
                .expect("cost is in range and the pre-hash has 64 bytes")
        })
        .await
        .expect("hashing does not panic");
        Ok(format!("{SCHEME}{hashed}"))
    }

    /// Whether the password belongs to the stored text. With `None`, does the same work and says no.
    pub async fn verify(&self, password: &Secret, stored: Option<&str>) -> ApiResult<bool> {
        let prehash = self.prehash(password);
        let known = stored.is_some_and(|text| text.starts_with(SCHEME));
        let stored = stored.filter(|_| known).unwrap_or(&self.decoy).to_owned();
        let turn = self.turn().await?;
        let matches = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            bcrypt::verify(prehash, stored.trim_start_matches(SCHEME)).unwrap_or(false)
        })
        .await
        .unwrap_or(false);
        Ok(known && matches)
    }
}

/// Why a new password is not accepted, if it is not: length and likelihood, no composition rules.
pub(super) fn refuse_weak(password: &Secret, email: &Email, name: &str) -> Option<FieldProblem> {
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
        assert!(hasher().verify(&Secret::new(format!("{long}x")), Some(&stored)).await.expect("verifies"));
        assert!(!hasher().verify(&Secret::new(format!("{long}y")), Some(&stored)).await.expect("verifies"));
        assert!(
            !hasher().verify(&Secret::new(format!("{long}x\0y")), Some(&stored)).await.expect("verifies")
        );
    }

    #[tokio::test]
    async fn nobody_and_another_pepper_do_not_verify() {
        let password = Secret::new("correct horse battery");
        let stored = hasher().hash(&password, [1; 16]).await.expect("hashes");
        assert!(!hasher().verify(&password, None).await.expect("verifies"));
        assert!(!hasher().verify(&password, Some("sha256$aa$bb")).await.expect("verifies"));
        assert!(!PasswordHasher::new([4; 32], 4).verify(&password, Some(&stored)).await.expect("verifies"));
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
