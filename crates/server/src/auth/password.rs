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
//! stored, if anything is: the time of an answer does not tell which. Only a hash that was imported may be of another cost, of a
//! few that are bounded, until its person's next success.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use proofline_core::{Email, Membership, Place, Secret};
use sha2::{Digest, Sha256, Sha384};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::guessable;
use crate::AppState;
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
/// Costs of bcrypt that are taken from outside: below, a hash that got out is soon guessed; above, one sign-in keeps a core
/// busy for seconds, and at the highest for days.
const IMPORTED_COSTS: std::ops::RangeInclusive<u32> = 10..=14;

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

    /// Whether the stored text has a form, or was made at a cost, that the next success replaces.
    pub(super) fn is_outdated(&self, stored: &str) -> bool {
        match Stored::read(stored) {
            Some(Stored::Current(hashed)) => cost(hashed).is_none_or(|cost| cost < self.cost),
            Some(Stored::Legacy { .. } | Stored::Wrapped { .. }) | None => true,
        }
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

/// What a bcrypt hash cost; `None` for what is none.
fn cost(hashed: &str) -> Option<u32> {
    hashed.parse::<bcrypt::HashParts>().ok().map(|parts| parts.get_cost())
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

/// Whether a text that comes from outside is a stored password that [`PasswordHasher::verify`] can do something with, in a time
/// that others can wait for.
pub(crate) fn is_storable(text: &str) -> bool {
    let bcrypt =
        |hashed: &str| hashed.len() == 60 && cost(hashed).is_some_and(|cost| IMPORTED_COSTS.contains(&cost));
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

/// What anybody who knows the person, their place and this installation would try.
pub(super) struct Known {
    /// In lower case, each a run of letters and digits.
    words: Vec<String>,
}

impl Known {
    /// Of somebody who is, or is to be, in this place; without one, of the installation alone. The caller holds no transaction.
    pub(super) async fn of(
        app: &AppState,
        email: &Email,
        name: &str,
        membership: Option<Membership>,
    ) -> ApiResult<Self> {
        let installation = app.installation_name();
        let mut texts = vec![
            "proofline",
            email.as_str(),
            name,
            installation.as_str(),
            app.settings().public_url.as_str(),
        ];
        let places = match membership.map(Membership::place) {
            None | Some(Place::Platform) => Vec::new(),
            Some(Place::Partner(partner)) => {
                vec![app.background_scope("passwords").await?.partner_name(partner).await?]
            }
            Some(Place::Practice(org)) => {
                let mut scope = app.background_scope("passwords").await?;
                let (practice, partner) = scope.organisation_name(org).await?;
                vec![practice, scope.partner_name(partner).await?]
            }
        };
        texts.extend(places.iter().map(String::as_str));
        Ok(Self::from_texts(texts))
    }

    fn from_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let word = |text: &str| text.to_lowercase();
        let parts = texts.into_iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
        Self { words: parts.filter(|part| part.chars().count() >= 2).map(word).collect() }
    }
}

/// Why a new password is not accepted, if it is not: length and likelihood, no composition rules.
pub(super) fn refuse_weak(password: &Secret, known: &Known) -> Option<FieldProblem> {
    let text = password.expose();
    let lower = text.to_lowercase();
    let field =
        |code, detail: &str| Some(FieldProblem { field: "password", code, detail: detail.to_owned() });
    let mut distinct: Vec<char> = lower.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let little_more_than =
        |word: &str| lower.replace(word, "").chars().filter(|c| c.is_alphanumeric()).count() < 6;
    if text.chars().count() < MIN_CHARS {
        field("too_short", "Use at least 12 characters; a few words in a row are fine.")
    } else if text.len() > MAX_BYTES {
        field("too_long", "Use at most 1024 bytes.")
    } else if distinct.len() < 5 || guessable::is(&lower, &[]) {
        field(
            "too_common",
            "This is made of what anyone would try first. Put in a few words that have nothing to do with it.",
        )
    } else if guessable::is(&lower, &known.words)
        || known.words.iter().filter(|word| word.chars().count() >= 4).any(|word| little_more_than(word))
    {
        field(
            "too_personal",
            "This is little more than your name, your address, your organisation's name or this installation's.",
        )
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
            assert!(hasher().is_outdated(stored), "{stored}");
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

    /// A hash of this cost, of nothing in particular.
    fn at_cost(cost: u32) -> String {
        hasher().decoy.replace("$04$", &format!("${cost:02}$"))
    }

    #[test]
    fn a_cost_from_outside_is_one_that_others_can_wait_for_and_a_lower_one_is_outdated() {
        for (cost, taken) in
            [(4, false), (9, false), (10, true), (12, true), (14, true), (15, false), (31, false)]
        {
            let direct = at_cost(cost);
            let wrapped = direct.replacen(SCHEME, "w1$salt$", 1);
            assert_eq!((is_storable(&direct), is_storable(&wrapped)), (taken, taken), "{cost}");
        }
        let current = PasswordHasher::new([3; 32], 12);
        for (cost, outdated) in [(4, true), (11, true), (12, false), (14, false)] {
            assert_eq!(current.is_outdated(&at_cost(cost)), outdated, "{cost}");
        }
        assert!(current.is_outdated("v1$nothing of the kind"));
    }

    #[test]
    fn the_decoy_costs_as_much_as_a_real_hash() {
        let decoy = hasher().decoy.trim_start_matches(SCHEME).to_owned();
        assert!(bcrypt::verify("x", &decoy).is_ok(), "a malformed decoy would answer at once");
        let twelve = PasswordHasher::new([3; 32], 12);
        assert!(!twelve.is_outdated(&twelve.decoy), "it is as dear as a hash that is made today");
    }

    fn known() -> Known {
        Known::from_texts([
            "maria.rossi@clinic.example",
            "Maria Rossi",
            "Lab",
            "https://compliance.lakeview-health.example",
            "Sunrise Dermatology",
            "Northgate IT",
        ])
    }

    #[test]
    fn weak_passwords_are_refused_with_their_reason() {
        let code = |p: &str| refuse_weak(&Secret::new(p), &known()).map(|f| f.code);
        assert_eq!(code("short"), Some("too_short"));
        assert_eq!(code(&"long and fine ".repeat(80)), Some("too_long"));
        for common in [
            "aaaaaaaaaaaaaa",
            "password12345",
            "Password123!",
            "Passw0rd2024",
            "P@$$w0rd2024!",
            "Iloveyou2023",
            "i love you 2023",
            "admin1234567",
            "letmein123456",
            "1qaz@WSX3edc",
            "1qaz2wsx3edc4rfv",
            "qwerty1234567",
            "poiuytrewq99",
            "abcdefgh1234",
            "zyxwvuts4321",
            "password password",
            "footballfootball",
            "password1 password2 password3 password4",
            "abcabcabcabc",
            "xk4qzxk4qzxk4qz",
            "12345678901234567890123456789012345",
            "!@#$%^&*()_+",
            "correcthorsebatterystaple",
        ] {
            assert_eq!(code(common), Some("too_common"), "{common}");
        }
        for personal in [
            "maria.rossi2024",
            "RossiMaria!!",
            "Northgate2024",
            "NorthgateIT-2024",
            "northgatepassword1",
            "Sunrise Dermatology",
            "LabLabLab2024",
            "compliance.lakeview-health.example",
            "Clinic.Example1",
        ] {
            assert_eq!(code(personal), Some("too_personal"), "{personal}");
        }
        for fine in [
            "plum tractor eleven",
            "three unrelated garden words",
            "seven quiet otters",
            "seven quiet otters 3",
            "Tr4vqnuz;mP8w",
            "82957203846150273948",
            "Maria Rossi eats parsnips",
        ] {
            assert_eq!(code(fine), None, "{fine}");
        }
        assert_eq!(code(&"long and fine ".repeat(70)), None);
        assert_eq!(code("9f3c1a7be2d804f65b"), None);
    }

    #[test]
    fn the_longest_password_is_judged_in_a_moment() {
        let began = std::time::Instant::now();
        for long in [
            "1".repeat(1024),
            "a1".repeat(512),
            "password".repeat(128),
            "iloveyou1!".repeat(102),
            "abc".repeat(341),
        ] {
            assert!(refuse_weak(&Secret::new(long), &known()).is_some());
        }
        // Far from what it takes, and far from what would be noticed.
        assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
