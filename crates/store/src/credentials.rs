//! Credentials that appliances hold for what they look after: names and versions in clear, the rest sealed twice.

use proofline_core::{ApplianceId, CredentialId, OrgId, SiteId, Timestamp};
use uuid::Uuid;

use crate::error::During;
use crate::{Page, PageRequest, Scope, StoreResult};

/// An appliance whose credentials are about to change, locked until the scope ends.
#[derive(Debug, Clone)]
pub struct CredentialPlace {
    /// Whose.
    pub org: OrgId,
    /// Where.
    pub site: SiteId,
    /// Which appliance.
    pub appliance: ApplianceId,
    /// Its Ed25519 public key.
    pub public_key: Vec<u8>,
    /// Hex SHA-256 of that key.
    pub key_id: String,
    /// Whether its key no longer counts.
    pub revoked: bool,
    /// The credential that has the name already, and its version.
    pub held: Option<(CredentialId, i64)>,
    /// How many credentials it has.
    pub count: i64,
}

/// A credential about to be stored.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// Which.
    pub id: CredentialId,
    /// What people call it.
    pub name: String,
    /// 1, and one more each time it is set anew.
    pub version: i64,
    /// The token.
    pub token: String,
    /// The id of its master key.
    pub key: String,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub at: Timestamp,
}

/// A credential as listed.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Which.
    pub id: CredentialId,
    /// What people call it.
    pub name: String,
    /// 1, and one more each time it was set anew.
    pub version: i64,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub set_at: Timestamp,
}

/// A credential as it is delivered.
#[derive(Debug, Clone)]
pub struct StoredCredential {
    /// Which.
    pub id: CredentialId,
    /// What people call it.
    pub name: String,
    /// Its version.
    pub version: i64,
    /// The token.
    pub token: String,
    /// The id of its master key.
    pub key: String,
}

impl Scope {
    /// Locks the appliance, and says what there is to know for setting a credential of this name.
    pub async fn lock_credentials(
        &mut self,
        appliance: ApplianceId,
        name: &str,
    ) -> StoreResult<CredentialPlace> {
        sqlx::query!(
            r#"SELECT a.org_id, a.id, a.site_id, a.public_key, a.key_id, a.revoked_at IS NOT NULL AS "revoked!",
                c.id AS "held_id?", c.version AS "held_version?",
                (SELECT count(*) FROM appliance_credential o WHERE o.org_id = a.org_id AND o.appliance_id = a.id) AS "count!"
               FROM appliance a
               LEFT JOIN appliance_credential c ON c.org_id = a.org_id AND c.appliance_id = a.id AND c.name = $2
               WHERE a.id = $1 FOR NO KEY UPDATE OF a"#,
            appliance.uuid(),
            name
        )
        .map(|row| CredentialPlace {
            org: OrgId::from_uuid(row.org_id),
            site: SiteId::from_uuid(row.site_id),
            appliance: ApplianceId::from_uuid(row.id),
            public_key: row.public_key,
            key_id: row.key_id,
            revoked: row.revoked,
            held: row.held_id.map(CredentialId::from_uuid).zip(row.held_version),
            count: row.count,
        })
        .fetch_one(self.query())
        .await
        .during("lock credentials")
    }

    /// Stores a credential, in the place of the one with its name.
    pub async fn put_credential(&mut self, place: &CredentialPlace, new: &NewCredential) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO appliance_credential (org_id, id, site_id, appliance_id, name, version, envelope_sealed,
                envelope_key, set_by, set_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (org_id, id) DO UPDATE SET version = EXCLUDED.version, envelope_sealed = EXCLUDED.envelope_sealed,
                envelope_key = EXCLUDED.envelope_key, set_by = EXCLUDED.set_by, set_at = EXCLUDED.set_at",
            place.org.uuid(),
            new.id.uuid(),
            place.site.uuid(),
            place.appliance.uuid(),
            new.name,
            new.version,
            new.token,
            new.key,
            new.set_by,
            new.at
        )
        .execute(self.query())
        .await
        .during("store credential")?;
        self.credentials_changed(place.org, place.appliance).await.map(drop)
    }

    /// Deletes a credential; answers whose it was, of which appliance, and that one's key id.
    pub async fn delete_credential(&mut self, id: CredentialId) -> StoreResult<(OrgId, ApplianceId, String)> {
        let row = sqlx::query!(
            "DELETE FROM appliance_credential WHERE id = $1 RETURNING org_id, appliance_id",
            id.uuid()
        )
        .fetch_one(self.query())
        .await
        .during("delete credential")?;
        let (org, appliance) = (OrgId::from_uuid(row.org_id), ApplianceId::from_uuid(row.appliance_id));
        let key_id = self.credentials_changed(org, appliance).await?;
        Ok((org, appliance, key_id))
    }

    /// Deletes what a revoked appliance can no longer fetch; answers how many credentials that were.
    pub async fn delete_credentials_of(&mut self, org: OrgId, appliance: ApplianceId) -> StoreResult<u64> {
        let deleted = sqlx::query!(
            "DELETE FROM appliance_credential WHERE org_id = $1 AND appliance_id = $2",
            org.uuid(),
            appliance.uuid()
        )
        .execute(self.query())
        .await
        .during("delete credentials")?;
        Ok(deleted.rows_affected())
    }

    async fn credentials_changed(&mut self, org: OrgId, appliance: ApplianceId) -> StoreResult<String> {
        sqlx::query_scalar!(
            "UPDATE appliance SET credentials_version = credentials_version + 1 WHERE org_id = $1 AND id = $2
             RETURNING key_id",
            org.uuid(),
            appliance.uuid()
        )
        .fetch_one(self.query())
        .await
        .during("note change of credentials")
    }

    /// A page of an appliance's credentials, newest first.
    pub async fn credentials(
        &mut self,
        org: OrgId,
        appliance: ApplianceId,
        page: &PageRequest<Uuid>,
    ) -> StoreResult<Page<Credential>> {
        let rows = sqlx::query!(
            "SELECT id, name, version, set_by, set_at FROM appliance_credential
             WHERE org_id = $1 AND appliance_id = $2 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
            org.uuid(),
            appliance.uuid(),
            page.after,
            page.fetch()
        )
        .map(|row| Credential {
            id: CredentialId::from_uuid(row.id),
            name: row.name,
            version: row.version,
            set_by: row.set_by,
            set_at: row.set_at,
        })
        .fetch_all(self.query())
        .await
        .during("list credentials")?;
        Ok(page.page(rows, |credential| credential.id.uuid()))
    }

    /// Everything that is sealed to an appliance, by name, and the version of the whole.
    pub async fn sealed_credentials(
        &mut self,
        org: OrgId,
        appliance: ApplianceId,
    ) -> StoreResult<(i64, Vec<StoredCredential>)> {
        // The version first: what changes in between is fetched again, because the version has grown.
        let version = sqlx::query_scalar!(
            "SELECT credentials_version FROM appliance WHERE org_id = $1 AND id = $2",
            org.uuid(),
            appliance.uuid()
        )
        .fetch_one(self.query())
        .await
        .during("read version of credentials")?;
        let credentials = sqlx::query!(
            "SELECT id, name, version, envelope_sealed, envelope_key FROM appliance_credential
             WHERE org_id = $1 AND appliance_id = $2 ORDER BY name",
            org.uuid(),
            appliance.uuid()
        )
        .map(|row| StoredCredential {
            id: CredentialId::from_uuid(row.id),
            name: row.name,
            version: row.version,
            token: row.envelope_sealed,
            key: row.envelope_key,
        })
        .fetch_all(self.query())
        .await
        .during("read sealed credentials")?;
        Ok((version, credentials))
    }
}
