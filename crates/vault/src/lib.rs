//! Secrets at rest: what the database holds of a third party's token, or of a person's second factor.
//!
//! A value is a [Fernet](https://github.com/fernet/spec/blob/master/Spec.md) token under a key that only its own cell
//! has: HKDF-SHA-256 of a master key, with table, column, tenant and row as the context. A ciphertext that is copied to
//! another row, column or tenant does not open there. Beside the token stands the id of its master key, so that keys can
//! be changed while everything stays readable.
//!
//! A token that does not open is never an ordinary event: a row was changed, swapped or restored behind the server's back,
//! or a key is missing. Whoever opens it, `vault_refused_total` grows and an error is logged that names the cell and holds
//! no value.
//!
//! This crate knows nothing of where master keys come from or of how a table is re-encrypted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use fernet::Fernet;
use hkdf::Hkdf;
use proofline_core::Secret;
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Where a secret is kept: what its key is derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The table.
    pub table: &'static str,
    /// The column that holds the token.
    pub column: &'static str,
    /// The partner or organisation that the row belongs to, where there is one.
    pub tenant: Option<Uuid>,
    /// The row's own id.
    pub row: Uuid,
}

/// A secret as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which master key, by its id: 16 lower-case hexadecimal digits.
    pub key: String,
    /// The Fernet token.
    pub token: String,
}

/// Why a stored secret does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Its master key is not among those that this process was given.
    #[error("sealed under key {0}, which this installation was not given")]
    UnknownKey(String),
    /// It was changed, or belongs to another row.
    #[error("{table}.{column} holds what was not sealed for it")]
    Refused {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
}

/// The master keys: one that seals, and the earlier ones that still open.
#[derive(Clone)]
pub struct Vault {
    keys: Vec<MasterKey>,
}

#[derive(Clone)]
struct MasterKey {
    id: String,
    key: Zeroizing<[u8; 32]>,
}

impl MasterKey {
    fn new(key: &[u8; 32]) -> Self {
        let mut id = [0; 8];
        derive(key, &[b"id"], &mut id);
        Self { id: hex::encode(id), key: Zeroizing::new(*key) }
    }

    fn fernet(&self, cell: &Cell) -> Fernet {
        let tenant = cell.tenant.map(Uuid::into_bytes);
        let context: [&[u8]; 5] = [
            b"cell",
            cell.table.as_bytes(),
            cell.column.as_bytes(),
            tenant.as_ref().map_or(&[], |id| id.as_slice()),
            cell.row.as_bytes(),
        ];
        let mut key = Zeroizing::new([0; 32]);
        derive(&self.key, &context, &mut *key);
        let text = Zeroizing::new(URL_SAFE.encode(*key));
        Fernet::new(&text).expect("32 bytes are a Fernet key")
    }
}

/// HKDF-SHA-256 over the parts, each behind its length: no two lists of parts run together.
fn derive(key: &[u8; 32], parts: &[&[u8]], out: &mut [u8]) {
    let mut info = b"proofline vault v1".to_vec();
    for part in parts {
        info.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        info.extend_from_slice(part);
    }
    Hkdf::<Sha256>::new(None, key).expand(&info, out).expect("no longer than HKDF gives");
}

impl Vault {
    /// `current` seals; `earlier` keys only open.
    pub fn new(current: &[u8; 32], earlier: &[[u8; 32]]) -> Self {
        Self { keys: std::iter::once(current).chain(earlier).map(MasterKey::new).collect() }
    }

    /// The id of the key that seals.
    pub fn current_key(&self) -> &str {
        &self.keys[0].id
    }

    /// The ids of every key that opens, the sealing one first.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.id.as_str())
    }

    /// Seals a secret for its cell.
    pub fn seal(&self, cell: &Cell, secret: &Secret) -> Sealed {
        let key = &self.keys[0];
        Sealed { key: key.id.clone(), token: key.fernet(cell).encrypt(secret.expose().as_bytes()) }
    }

    /// Opens what is stored in a cell.
    ///
    /// # Errors
    /// When the key is unknown, or the token was not sealed for this very cell. Either raises the alarm.
    pub fn open(&self, cell: &Cell, sealed: &Sealed) -> Result<Secret, OpenError> {
        let opened = self.try_open(cell, sealed);
        if let Err(error) = &opened {
            let reason = match error {
                OpenError::UnknownKey(_) => "unknown_key",
                OpenError::Refused { .. } => "refused",
            };
            metrics::counter!("vault_refused_total",
                "table" => cell.table, "column" => cell.column, "reason" => reason)
            .increment(1);
            tracing::error!(table = cell.table, column = cell.column, row = %cell.row, %error,
                "a stored secret does not open: it was changed or moved, or its key is missing");
        }
        opened
    }

    fn try_open(&self, cell: &Cell, sealed: &Sealed) -> Result<Secret, OpenError> {
        let key = self.keys.iter().find(|key| key.id == sealed.key);
        let key = key.ok_or_else(|| OpenError::UnknownKey(sealed.key.clone()))?;
        let refused = || OpenError::Refused { table: cell.table, column: cell.column };
        let bytes = key.fernet(cell).decrypt(&sealed.token).map_err(|_| refused())?;
        String::from_utf8(bytes).map(Secret::new).map_err(|_| refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell() -> Cell {
        Cell {
            table: "totp_factor",
            column: "secret",
            tenant: Some(Uuid::from_u128(1)),
            row: Uuid::from_u128(2),
        }
    }

    #[test]
    fn what_was_sealed_for_a_cell_opens_there_and_nowhere_else() {
        let vault = Vault::new(&[1; 32], &[]);
        let sealed = vault.seal(&cell(), &Secret::new("plum"));
        assert_eq!(vault.open(&cell(), &sealed).map(|s| s.expose().to_owned()).as_deref(), Ok("plum"));
        for other in [
            Cell { table: "oidc_token", ..cell() },
            Cell { column: "other", ..cell() },
            Cell { tenant: None, ..cell() },
            Cell { tenant: Some(Uuid::from_u128(2)), ..cell() },
            Cell { row: Uuid::from_u128(1), ..cell() },
        ] {
            let opened = vault.open(&other, &sealed).map(drop);
            assert_eq!(opened, Err(OpenError::Refused { table: other.table, column: other.column }));
        }
    }

    #[test]
    fn an_earlier_key_opens_and_the_current_one_seals() {
        let before = Vault::new(&[1; 32], &[]);
        let after = Vault::new(&[2; 32], &[[1; 32]]);
        let sealed = before.seal(&cell(), &Secret::new("plum"));
        assert!(after.open(&cell(), &sealed).is_ok());
        assert_eq!(after.seal(&cell(), &Secret::new("plum")).key, after.current_key());
        let lost = Vault::new(&[3; 32], &[]);
        assert_eq!(lost.open(&cell(), &sealed).map(drop), Err(OpenError::UnknownKey(sealed.key)));
    }

    #[test]
    fn two_rows_that_were_swapped_raise_the_alarm_without_a_value() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let vault = Vault::new(&[1; 32], &[]);
        let other = Cell { row: Uuid::from_u128(3), ..cell() };
        let sealed = [vault.seal(&cell(), &Secret::new("plum")), vault.seal(&other, &Secret::new("pear"))];
        metrics::with_local_recorder(&recorder, || {
            assert!(vault.open(&cell(), &sealed[1]).is_err());
            assert!(vault.open(&other, &sealed[0]).is_err());
            assert!(vault.open(&cell(), &sealed[0]).is_ok());
        });
        let shown = recorder.handle().render();
        let alarm = r#"vault_refused_total{table="totp_factor",column="secret",reason="refused"} 2"#;
        assert!(shown.contains(alarm), "{shown}");
        assert!(!shown.contains(&sealed[0].token) && !shown.contains("plum"));
    }

    #[test]
    fn a_changed_token_is_refused_at_every_byte() {
        let vault = Vault::new(&[1; 32], &[]);
        let sealed = vault.seal(&cell(), &Secret::new("plum"));
        for place in 0..sealed.token.len() {
            let mut bytes = sealed.token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'Q' } else { b'A' };
            let changed = Sealed { token: String::from_utf8(bytes).expect("ASCII"), ..sealed.clone() };
            // The last digits of base64 carry bits that nothing reads: what opens there is the very same token.
            if let Ok(opened) = vault.open(&cell(), &changed) {
                assert_eq!(opened.expose(), "plum");
                assert!(place >= sealed.token.len() - 4, "byte {place}");
            }
        }
    }
}
