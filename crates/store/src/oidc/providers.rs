//! The providers.

use proofline_core::{Place, ProviderId, Timestamp};
use proofline_vault::Sealed;
use uuid::Uuid;

use super::{columns, place};
use crate::error::During;
use crate::{Page, PageRequest, Scope, SignIn, StoreError, StoreResult};

/// An OpenID provider as configured here.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Which.
    pub id: ProviderId,
    /// Whose people may use it.
    pub place: Place,
    /// What people call it.
    pub name: String,
    /// `google`, `microsoft` or `openid`.
    pub kind: String,
    /// Its issuer, character by character as its discovery document spells it.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// What proves it; none of a client without a secret.
    pub secret: Option<Sealed>,
    /// Domains whose people may ask to be let in.
    pub allowed_domains: Vec<String>,
    /// Whether it can be used now.
    pub enabled: bool,
    /// When it was added.
    pub created_at: Timestamp,
}

/// What of a provider changes; the rest stays.
#[derive(Debug, Clone, Default)]
pub struct ProviderChange {
    /// What people call it.
    pub name: Option<String>,
    /// Who we are there.
    pub client_id: Option<String>,
    /// What proves it.
    pub secret: Option<Sealed>,
    /// Domains whose people may ask to be let in.
    pub allowed_domains: Option<Vec<String>>,
    /// Whether it can be used.
    pub enabled: Option<bool>,
}

struct Row {
    id: Uuid,
    partner_id: Option<Uuid>,
    org_id: Option<Uuid>,
    name: String,
    kind: String,
    issuer: String,
    client_id: String,
    client_secret_sealed: Option<String>,
    client_secret_key: Option<String>,
    allowed_domains: Vec<String>,
    enabled: bool,
    created_at: Timestamp,
}

impl Row {
    fn read(self, operation: &'static str) -> StoreResult<Provider> {
        let secret = self.client_secret_sealed.zip(self.client_secret_key);
        Ok(Provider {
            id: ProviderId::from_uuid(self.id),
            place: place(self.partner_id, self.org_id, operation)?,
            name: self.name,
            kind: self.kind,
            issuer: self.issuer,
            client_id: self.client_id,
            secret: secret.map(|(token, key)| Sealed { key, token }),
            allowed_domains: self.allowed_domains,
            enabled: self.enabled,
            created_at: self.created_at,
        })
    }
}

impl SignIn {
    /// A provider that can be used now.
    pub async fn enabled_provider(&mut self, id: ProviderId) -> StoreResult<Option<Provider>> {
        const OPERATION: &str = "find provider to sign in with";
        sqlx::query_as!(
            Row,
            "SELECT id, partner_id, org_id, name, kind, issuer, client_id, client_secret_sealed, client_secret_key,
                allowed_domains, enabled, created_at
             FROM oidc_provider WHERE id = $1 AND enabled",
            id.uuid()
        )
        .fetch_optional(self.connection())
        .await
        .during(OPERATION)?
        .map(|row| row.read(OPERATION))
        .transpose()
    }

    /// The installation's own providers that can be used now, by name: at most 50, of which a sign-in page has room.
    pub async fn platform_providers(&mut self) -> StoreResult<Vec<Provider>> {
        const OPERATION: &str = "list providers to sign in with";
        sqlx::query_as!(
            Row,
            "SELECT id, partner_id, org_id, name, kind, issuer, client_id, client_secret_sealed, client_secret_key,
                allowed_domains, enabled, created_at
             FROM oidc_provider WHERE partner_id IS NULL AND org_id IS NULL AND enabled ORDER BY name, id LIMIT 50"
        )
        .fetch_all(self.connection())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| row.read(OPERATION))
        .collect()
    }
}

impl Scope {
    /// Adds a provider to a place within reach.
    pub async fn create_provider(&mut self, provider: &Provider) -> StoreResult<()> {
        let (partner, org) = columns(provider.place);
        sqlx::query!(
            "INSERT INTO oidc_provider (id, partner_id, org_id, name, kind, issuer, client_id, client_secret_sealed,
                client_secret_key, allowed_domains, enabled, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            provider.id.uuid(),
            partner,
            org,
            provider.name,
            provider.kind,
            provider.issuer,
            provider.client_id,
            provider.secret.as_ref().map(|secret| &secret.token),
            provider.secret.as_ref().map(|secret| &secret.key),
            &provider.allowed_domains,
            provider.enabled,
            provider.created_at
        )
        .execute(self.query())
        .await
        .during("create provider")
        .map(drop)
    }

    /// A page of providers, newest first.
    pub async fn providers(&mut self, page: &PageRequest<Uuid>) -> StoreResult<Page<Provider>> {
        const OPERATION: &str = "list providers";
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, partner_id, org_id, name, kind, issuer, client_id, client_secret_sealed, client_secret_key,
                allowed_domains, enabled, created_at
             FROM oidc_provider WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2",
            page.after,
            page.fetch()
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| row.read(OPERATION))
        .collect::<StoreResult<Vec<_>>>()?;
        Ok(page.page(rows, |provider| provider.id.uuid()))
    }

    /// A provider within reach.
    pub async fn provider(&mut self, id: ProviderId) -> StoreResult<Provider> {
        const OPERATION: &str = "find provider";
        sqlx::query_as!(
            Row,
            "SELECT id, partner_id, org_id, name, kind, issuer, client_id, client_secret_sealed, client_secret_key,
                allowed_domains, enabled, created_at
             FROM oidc_provider WHERE id = $1",
            id.uuid()
        )
        .fetch_one(self.query())
        .await
        .during(OPERATION)?
        .read(OPERATION)
    }

    /// Changes a provider within reach.
    pub async fn change_provider(
        &mut self,
        id: ProviderId,
        change: &ProviderChange,
    ) -> StoreResult<Provider> {
        const OPERATION: &str = "change provider";
        sqlx::query_as!(
            Row,
            "UPDATE oidc_provider SET name = coalesce($2, name), client_id = coalesce($3, client_id),
                client_secret_sealed = coalesce($4, client_secret_sealed),
                client_secret_key = coalesce($5, client_secret_key),
                allowed_domains = coalesce($6, allowed_domains), enabled = coalesce($7, enabled)
             WHERE id = $1
             RETURNING id, partner_id, org_id, name, kind, issuer, client_id, client_secret_sealed, client_secret_key,
                allowed_domains, enabled, created_at",
            id.uuid(),
            change.name,
            change.client_id,
            change.secret.as_ref().map(|secret| &secret.token),
            change.secret.as_ref().map(|secret| &secret.key),
            change.allowed_domains.as_deref(),
            change.enabled
        )
        .fetch_one(self.query())
        .await
        .during(OPERATION)?
        .read(OPERATION)
    }

    /// Removes a provider within reach, with every link to it and every request that came from it.
    pub async fn delete_provider(&mut self, id: ProviderId) -> StoreResult<()> {
        let deleted = sqlx::query!("DELETE FROM oidc_provider WHERE id = $1", id.uuid())
            .execute(self.query())
            .await
            .during("delete provider")?;
        if deleted.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound("delete provider")) }
    }
}
