//! Which secrets this database was used with, so that a process with others refuses to start.
//!
//! A database knows the ids of its secrets, never the secrets. Every master key that something may still be sealed under
//! has to be there, as the current or an earlier one; the password pepper has to be the first there ever was. What is lost
//! is therefore never replaced by something new in silence.

use std::collections::BTreeMap;

use proofline_core::Timestamp;
use proofline_store::{KnownSecret, SEALED_COLUMNS, Scope, SecretPurpose, StoreError, StoreResult};
use proofline_vault::Vault;
use sha2::{Digest, Sha256};

/// The configured secrets that a database remembers.
#[derive(Clone, Copy)]
pub struct Keyring<'a> {
    /// The master keys.
    pub vault: &'a Vault,
    /// The password pepper.
    pub password_pepper: &'a [u8; 32],
}

/// The configured secrets are not those of this database.
#[derive(Debug, thiserror::Error)]
pub enum KeyMismatch {
    /// Something may be sealed under master keys that are not there.
    #[error("master key {} is not configured, and this database holds what only it opens", .0.join(" and "))]
    Master(Vec<String>),
    /// The passwords of this database were made with another pepper.
    #[error("the passwords of this database were made with another pepper")]
    PasswordPepper,
    /// The database does not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyState {
    /// In use.
    Current,
    /// Announced; takes the place of the current one later.
    Successor,
    /// Opens or verifies what was made with it; nothing new is.
    Earlier,
    /// Nothing needs it any more.
    Retired,
}

impl KeyState {
    /// The spelling on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Successor => "successor",
            Self::Earlier => "earlier",
            Self::Retired => "retired",
        }
    }
}

/// A master key and what is sealed under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKeyUse {
    /// Its id.
    pub id: String,
    /// How it stands.
    pub state: KeyState,
    /// When this database first saw it; none where it is configured and was never current.
    pub since: Option<Timestamp>,
    /// Values sealed under it.
    pub rows: u64,
    /// Whether this process was given it.
    pub configured: bool,
}

/// What may be shown of a secret: 16 hexadecimal digits that follow from it and from its purpose.
pub fn fingerprint(purpose: &str, secret: &[u8; 32]) -> String {
    let digest = Sha256::new().chain_update(b"proofline fingerprint v1\0").chain_update(purpose);
    hex::encode(&digest.chain_update([0]).chain_update(secret).finalize()[..8])
}

/// Values by the key that they are sealed under.
pub(super) async fn sealed_by_key(scope: &mut Scope) -> StoreResult<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for column in SEALED_COLUMNS {
        for (key, count) in scope.sealed_counts(column).await? {
            *counts.entry(key).or_default() += u64::try_from(count).unwrap_or(0);
        }
    }
    Ok(counts)
}

/// Every master key that is configured or known, the current one first.
///
/// # Errors
/// When the configured secrets are not those of this database.
pub async fn look(scope: &mut Scope, keyring: Keyring<'_>) -> Result<Vec<MasterKeyUse>, KeyMismatch> {
    let known = scope.known_secrets().await?;
    let pepper = fingerprint(SecretPurpose::PasswordPepper.as_str(), keyring.password_pepper);
    if known.iter().any(|known| known.purpose == SecretPurpose::PasswordPepper && known.id != pepper) {
        return Err(KeyMismatch::PasswordPepper);
    }
    let uses = uses(&known, &sealed_by_key(scope).await?, keyring.vault);
    let missing: Vec<_> = uses
        .iter()
        .filter(|key| !key.configured && key.state != KeyState::Retired)
        .map(|key| key.id.clone())
        .collect();
    if missing.is_empty() { Ok(uses) } else { Err(KeyMismatch::Master(missing)) }
}

/// The same, whether or not they fit: the configured keys, then what else the database knows of.
pub(super) fn uses(
    known: &[KnownSecret],
    sealed: &BTreeMap<String, u64>,
    vault: &Vault,
) -> Vec<MasterKeyUse> {
    let known: BTreeMap<&str, &KnownSecret> = known
        .iter()
        .filter(|known| known.purpose == SecretPurpose::Master)
        .map(|known| (known.id.as_str(), known))
        .collect();
    let mut ids: Vec<&str> = vault.key_ids().collect();
    let configured = ids.len();
    for id in known.keys().copied().chain(sealed.keys().map(String::as_str)) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let one = |(place, id): (usize, &str)| {
        let (known, rows) = (known.get(id), sealed.get(id).copied().unwrap_or(0));
        let retired = rows == 0 && known.is_some_and(|known| known.retired_at.is_some());
        let state = match (place, retired) {
            (0, _) => KeyState::Current,
            (_, true) => KeyState::Retired,
            (_, false) => KeyState::Earlier,
        };
        let since = known.map(|known| known.first_seen_at);
        MasterKeyUse { id: id.to_owned(), state, since, rows, configured: place < configured }
    };
    ids.into_iter().enumerate().map(one).collect()
}

/// Takes the configured secrets for this database, at a start. `keep` is called once it is sure that they are the right
/// ones and before the database remembers them: whatever was made for this start is to be safe by then.
///
/// # Errors
/// When they are not those of this database, or `keep` fails.
pub async fn admit<E: From<KeyMismatch>>(
    mut scope: Scope,
    keyring: Keyring<'_>,
    at: Timestamp,
    keep: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let store = |error: StoreError| E::from(KeyMismatch::Store(error));
    // Of two first starts with different secrets the second finds those of the first.
    scope.lock_known_secrets().await.map_err(store)?;
    look(&mut scope, keyring).await?;
    keep()?;
    let pepper = fingerprint(SecretPurpose::PasswordPepper.as_str(), keyring.password_pepper);
    scope.put_known_secret(SecretPurpose::PasswordPepper, &pepper, at).await.map_err(store)?;
    scope.put_known_secret(SecretPurpose::Master, keyring.vault.current_key(), at).await.map_err(store)?;
    scope.commit_unaudited().await.map_err(store)
}
