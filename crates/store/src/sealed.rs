//! What is sealed in this database, under which keys, and how it gets under another one.
//!
//! A sealed value `<name>` stands in two columns side by side: `<name>_sealed`, the token, and `<name>_key`, the id of its
//! master key. [`SEALED_COLUMNS`] is the list of all of them; a test holds it against the database's own catalogue. Tokens
//! are opened and sealed by the caller: this crate holds no key.

use proofline_core::Timestamp;
use uuid::Uuid;

use crate::error::{During, stored};
use crate::{Scope, StoreResult};

/// A pair of columns that holds something sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedColumn {
    /// The table: the sealing context's, too.
    pub table: &'static str,
    /// What the columns are called without `_sealed` and `_key`: the sealing context's column.
    pub name: &'static str,
    /// The column with the partner or organisation of the sealing context, where it has one.
    pub tenant: Option<&'static str>,
    /// The column that names the row: unique, a uuid.
    pub row: &'static str,
}

/// Every sealed column there is. Whoever adds one writes it down here, and rotation takes it along.
pub const SEALED_COLUMNS: &[SealedColumn] = &[
    SealedColumn { table: "appliance_credential", name: "envelope", tenant: Some("org_id"), row: "id" },
    SealedColumn { table: "mail_outbox", name: "body", tenant: None, row: "id" },
    SealedColumn { table: "oidc_provider", name: "client_secret", tenant: Some("tenant_id"), row: "id" },
    SealedColumn { table: "totp_factor", name: "secret", tenant: None, row: "user_id" },
];

/// What a secret of the installation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretPurpose {
    /// Seals what the database keeps of other people's secrets.
    Master,
    /// Keys the pre-hash of passwords.
    PasswordPepper,
}

impl SecretPurpose {
    /// The spelling in storage and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::PasswordPepper => "password_pepper",
        }
    }
}

impl std::str::FromStr for SecretPurpose {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Master, Self::PasswordPepper].into_iter().find(|p| p.as_str() == text).ok_or(())
    }
}

/// A secret that this database was used with, by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSecret {
    /// What for.
    pub purpose: SecretPurpose,
    /// 16 lower-case hexadecimal digits.
    pub id: String,
    /// Since when.
    pub first_seen_at: Timestamp,
    /// Since when nothing needs it.
    pub retired_at: Option<Timestamp>,
}

/// A sealed value as it is stored.
#[derive(Debug, Clone)]
pub struct SealedRow {
    /// The partner or organisation of its sealing context.
    pub tenant: Option<Uuid>,
    /// Its row.
    pub row: Uuid,
    /// The token.
    pub token: String,
    /// The id of its master key.
    pub key: String,
}

/// A value sealed anew.
#[derive(Debug, Clone)]
pub struct Resealed {
    /// Its row.
    pub row: Uuid,
    /// The token that stood there.
    pub before: String,
    /// The one to stand there.
    pub fresh: String,
}

impl Scope {
    /// Holds every other start and rotation back until this scope ends: which keys there are does not change meanwhile.
    pub async fn lock_known_secrets(&mut self) -> StoreResult<()> {
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('proofline known secrets'))")
            .execute(self.query())
            .await
            .during("lock known secrets")
            .map(drop)
    }

    /// Every secret that this database was used with, oldest first.
    pub async fn known_secrets(&mut self) -> StoreResult<Vec<KnownSecret>> {
        const OPERATION: &str = "list known secrets";
        sqlx::query!(
            "SELECT purpose, id, first_seen_at, retired_at FROM known_secret ORDER BY first_seen_at, id"
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| {
            Ok(KnownSecret {
                purpose: stored(row.purpose.parse(), OPERATION, "purpose")?,
                id: row.id,
                first_seen_at: row.first_seen_at,
                retired_at: row.retired_at,
            })
        })
        .collect()
    }

    /// Notes that a secret is in use. One that was retired is in use again.
    pub async fn put_known_secret(
        &mut self,
        purpose: SecretPurpose,
        id: &str,
        at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO known_secret (purpose, id, first_seen_at) VALUES ($1, $2, $3)
             ON CONFLICT (purpose, id) DO UPDATE SET retired_at = NULL WHERE known_secret.retired_at IS NOT NULL",
            purpose.as_str(),
            id,
            at
        )
        .execute(self.query())
        .await
        .during("note known secret")
        .map(drop)
    }

    /// Notes that nothing is sealed any more under any master key but `current`. Answers which ones retired by this.
    pub async fn retire_master_keys(&mut self, current: &str, at: Timestamp) -> StoreResult<Vec<String>> {
        sqlx::query_scalar!(
            "UPDATE known_secret SET retired_at = $2 WHERE purpose = 'master' AND id <> $1 AND retired_at IS NULL
             RETURNING id",
            current,
            at
        )
        .fetch_all(self.query())
        .await
        .during("retire master keys")
    }

    /// How many values of a column are sealed under which key.
    pub async fn sealed_counts(&mut self, column: &SealedColumn) -> StoreResult<Vec<(String, i64)>> {
        sqlx::query!(
            r#"SELECT sealed_under AS "key!", row_count AS "count!" FROM proofline_sealed_counts($1, $2)"#,
            column.table,
            column.name
        )
        .map(|row| (row.key, row.count))
        .fetch_all(self.query())
        .await
        .during("count sealed values")
    }

    /// The next values after `after` that are not sealed under `current`, locked until this scope ends.
    pub async fn lock_sealed_rows(
        &mut self,
        column: &SealedColumn,
        current: &str,
        after: Option<Uuid>,
        most: i64,
    ) -> StoreResult<Vec<SealedRow>> {
        sqlx::query_as!(
            SealedRow,
            r#"SELECT tenant_id AS "tenant?", row_id AS "row!", token AS "token!", sealed_under AS "key!"
               FROM proofline_sealed_rows($1, $2, $3, $4, $5, $6, $7)"#,
            column.table,
            column.name,
            column.tenant,
            column.row,
            current,
            after,
            most
        )
        .fetch_all(self.query())
        .await
        .during("lock sealed values")
    }

    /// Writes values sealed anew under `key`; answers how many still held what was read.
    pub async fn reseal(&mut self, column: &SealedColumn, rows: &[Resealed], key: &str) -> StoreResult<i64> {
        let ids: Vec<Uuid> = rows.iter().map(|row| row.row).collect();
        let before: Vec<String> = rows.iter().map(|row| row.before.clone()).collect();
        let fresh: Vec<String> = rows.iter().map(|row| row.fresh.clone()).collect();
        sqlx::query_scalar!(
            r#"SELECT proofline_reseal($1, $2, $3, $4, $5, $6, $7) AS "written!""#,
            column.table,
            column.name,
            column.row,
            &ids,
            &before,
            &fresh,
            key
        )
        .fetch_one(self.query())
        .await
        .during("seal values anew")
    }
}
