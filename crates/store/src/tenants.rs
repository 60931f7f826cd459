//! The tenancy tree: partners, organisations, sites and provisioning codes.

use proofline_core::{ApplianceId, OrgId, PartnerId, ProvisioningCodeId, SiteId, Timestamp};
use uuid::Uuid;

use crate::error::During;
use crate::{Page, PageRequest, Scope, StoreError, StoreResult};

/// A managed service provider.
#[derive(Debug, Clone)]
pub struct Partner {
    /// Which.
    pub id: PartnerId,
    /// Its name, unique without regard to case.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A clinic.
#[derive(Debug, Clone)]
pub struct Organisation {
    /// Which.
    pub id: OrgId,
    /// Who looks after it.
    pub partner: PartnerId,
    /// That partner's name.
    pub partner_name: String,
    /// Its name.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// Whether people above it need to be let in.
    pub restricted: bool,
}

/// A location of a clinic, with the names around it.
#[derive(Debug, Clone)]
pub struct Site {
    /// Which.
    pub id: SiteId,
    /// Its organisation.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// IANA time zone name.
    pub timezone: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// The organisation's name.
    pub org_name: String,
    /// The partner.
    pub partner: PartnerId,
    /// The partner's name.
    pub partner_name: String,
}

/// A provisioning code about to be stored. The code itself is never stored.
#[derive(Debug, Clone)]
pub struct NewCode {
    /// Which.
    pub id: ProvisioningCodeId,
    /// SHA-256 of the code.
    pub digest: [u8; 32],
    /// What the person calls it.
    pub label: String,
    /// Who issued it.
    pub created_by: String,
    /// When.
    pub at: Timestamp,
    /// Until when it can be claimed.
    pub expires_at: Timestamp,
}

/// Where a provisioning code stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeState {
    /// It can be claimed.
    Open,
    /// It was claimed by this appliance.
    Claimed(ApplianceId),
    /// It ran out.
    Expired,
    /// A person revoked it.
    Revoked,
}

/// A provisioning code as listed.
#[derive(Debug, Clone)]
pub struct Code {
    /// Which.
    pub id: ProvisioningCodeId,
    /// Whose.
    pub org: OrgId,
    /// For which site.
    pub site: SiteId,
    /// What the person calls it.
    pub label: String,
    /// Who issued it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Until when it can be claimed.
    pub expires_at: Timestamp,
    /// When it was claimed.
    pub claimed_at: Option<Timestamp>,
    /// By which appliance.
    pub claimed_by: Option<ApplianceId>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Code {
    /// Where the code stands at `now`.
    pub fn state(&self, now: Timestamp) -> CodeState {
        match (self.claimed_by, self.revoked_at) {
            (Some(appliance), _) => CodeState::Claimed(appliance),
            (None, Some(_)) => CodeState::Revoked,
            (None, None) if self.expires_at <= now => CodeState::Expired,
            (None, None) => CodeState::Open,
        }
    }
}

impl Scope {
    /// Adds a partner. A name that is taken is a conflict.
    pub async fn create_partner(&mut self, partner: &Partner) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO partner (id, name, created_at) VALUES ($1, $2, $3)",
            partner.id.uuid(),
            partner.name,
            partner.created_at
        )
        .execute(self.query())
        .await
        .during("create partner")
        .map(drop)
    }

    /// A page of partners by name.
    pub async fn partners(&mut self, page: &PageRequest<(String, Uuid)>) -> StoreResult<Page<Partner>> {
        let (name, id) = page.after.clone().unzip();
        let rows = sqlx::query!(
            "SELECT id, name, created_at FROM partner WHERE $1::text IS NULL OR (name, id) > ($1, $2::uuid)
             ORDER BY name, id LIMIT $3",
            name,
            id,
            page.fetch()
        )
        .map(|row| Partner { id: PartnerId::from_uuid(row.id), name: row.name, created_at: row.created_at })
        .fetch_all(self.query())
        .await
        .during("list partners")?;
        Ok(page.page(rows, |p| (p.name.clone(), p.id.uuid())))
    }

    /// Adds an organisation under a partner within reach.
    pub async fn create_organisation(
        &mut self,
        id: OrgId,
        partner: PartnerId,
        name: &str,
        at: Timestamp,
    ) -> StoreResult<Organisation> {
        const OPERATION: &str = "create organisation";
        let partner_name = sqlx::query_scalar!("SELECT name FROM partner WHERE id = $1", partner.uuid())
            .fetch_optional(self.query())
            .await
            .during(OPERATION)?
            .ok_or(StoreError::NotFound(OPERATION))?;
        sqlx::query!(
            "INSERT INTO organisation (org_id, partner_id, name, created_at) VALUES ($1, $2, $3, $4)",
            id.uuid(),
            partner.uuid(),
            name,
            at
        )
        .execute(self.query())
        .await
        .during(OPERATION)?;
        Ok(Organisation {
            id,
            partner,
            partner_name,
            name: name.to_owned(),
            created_at: at,
            restricted: false,
        })
    }

    /// The partner of an organisation within reach.
    pub async fn partner_of(&mut self, org: OrgId) -> StoreResult<Option<PartnerId>> {
        sqlx::query_scalar!("SELECT partner_id FROM organisation WHERE org_id = $1", org.uuid())
            .fetch_optional(self.query())
            .await
            .during("find partner of organisation")
            .map(|partner| partner.map(PartnerId::from_uuid))
    }

    /// A page of organisations by name, of one partner or of all within reach.
    pub async fn organisations(
        &mut self,
        partner: Option<PartnerId>,
        page: &PageRequest<(String, Uuid)>,
    ) -> StoreResult<Page<Organisation>> {
        let (name, id) = page.after.clone().unzip();
        let rows = sqlx::query!(
            "SELECT o.org_id, o.partner_id, o.name, o.created_at, o.restricted, p.name AS partner_name
             FROM organisation o JOIN partner p ON p.id = o.partner_id
             WHERE ($1::uuid IS NULL OR o.partner_id = $1) AND ($2::text IS NULL OR (o.name, o.org_id) > ($2, $3::uuid))
             ORDER BY o.name, o.org_id LIMIT $4",
            partner.map(PartnerId::uuid),
            name,
            id,
            page.fetch()
        )
        .map(|row| Organisation {
            id: OrgId::from_uuid(row.org_id),
            partner: PartnerId::from_uuid(row.partner_id),
            partner_name: row.partner_name,
            name: row.name,
            created_at: row.created_at,
            restricted: row.restricted,
        })
        .fetch_all(self.query())
        .await
        .during("list organisations")?;
        Ok(page.page(rows, |o| (o.name.clone(), o.id.uuid())))
    }

    /// Adds a site to an organisation within reach.
    pub async fn create_site(
        &mut self,
        id: SiteId,
        org: OrgId,
        name: &str,
        timezone: &str,
        at: Timestamp,
    ) -> StoreResult<Site> {
        const OPERATION: &str = "create site";
        let parent = sqlx::query!(
            "SELECT o.name, o.partner_id, p.name AS partner_name
             FROM organisation o JOIN partner p ON p.id = o.partner_id WHERE o.org_id = $1",
            org.uuid()
        )
        .fetch_optional(self.query())
        .await
        .during(OPERATION)?
        .ok_or(StoreError::NotFound(OPERATION))?;
        sqlx::query!(
            "INSERT INTO site (org_id, id, name, timezone, created_at) VALUES ($1, $2, $3, $4, $5)",
            org.uuid(),
            id.uuid(),
            name,
            timezone,
            at
        )
        .execute(self.query())
        .await
        .during(OPERATION)?;
        Ok(Site {
            id,
            org,
            name: name.to_owned(),
            timezone: timezone.to_owned(),
            created_at: at,
            org_name: parent.name,
            partner: PartnerId::from_uuid(parent.partner_id),
            partner_name: parent.partner_name,
        })
    }

    /// The site, if it is within reach.
    pub async fn site(&mut self, id: SiteId) -> StoreResult<Site> {
        sqlx::query!(
            "SELECT s.id, s.org_id, s.name, s.timezone, s.created_at, o.name AS org_name, o.partner_id,
                p.name AS partner_name
             FROM site s JOIN organisation o ON o.org_id = s.org_id JOIN partner p ON p.id = o.partner_id
             WHERE s.id = $1",
            id.uuid()
        )
        .map(|row| Site {
            id: SiteId::from_uuid(row.id),
            org: OrgId::from_uuid(row.org_id),
            name: row.name,
            timezone: row.timezone,
            created_at: row.created_at,
            org_name: row.org_name,
            partner: PartnerId::from_uuid(row.partner_id),
            partner_name: row.partner_name,
        })
        .fetch_one(self.query())
        .await
        .during("find site")
    }

    /// Stores a provisioning code for a site.
    pub async fn create_code(&mut self, org: OrgId, site: SiteId, code: &NewCode) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO provisioning_code (org_id, id, site_id, label, code_digest, created_by, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            org.uuid(),
            code.id.uuid(),
            site.uuid(),
            code.label,
            code.digest.as_slice(),
            code.created_by,
            code.at,
            code.expires_at
        )
        .execute(self.query())
        .await
        .during("create provisioning code")
        .map(drop)
    }

    /// A page of a site's provisioning codes, newest first.
    pub async fn codes(
        &mut self,
        org: OrgId,
        site: SiteId,
        page: &PageRequest<Uuid>,
    ) -> StoreResult<Page<Code>> {
        let rows = sqlx::query!(
            "SELECT org_id, id, site_id, label, created_by, created_at, expires_at, claimed_at, claimed_by, revoked_at
             FROM provisioning_code WHERE org_id = $1 AND site_id = $2 AND ($3::uuid IS NULL OR id < $3)
             ORDER BY id DESC LIMIT $4",
            org.uuid(),
            site.uuid(),
            page.after,
            page.fetch()
        )
        .map(|row| Code {
            id: ProvisioningCodeId::from_uuid(row.id),
            org: OrgId::from_uuid(row.org_id),
            site: SiteId::from_uuid(row.site_id),
            label: row.label,
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            claimed_at: row.claimed_at,
            claimed_by: row.claimed_by.map(ApplianceId::from_uuid),
            revoked_at: row.revoked_at,
        })
        .fetch_all(self.query())
        .await
        .during("list provisioning codes")?;
        Ok(page.page(rows, |c| c.id.uuid()))
    }

    /// Revokes an unclaimed code and says whose it was. Claimed, revoked and unknown codes are "not found".
    pub async fn revoke_code(&mut self, id: ProvisioningCodeId, at: Timestamp) -> StoreResult<OrgId> {
        sqlx::query_scalar!(
            "UPDATE provisioning_code SET revoked_at = $2
             WHERE id = $1 AND claimed_at IS NULL AND revoked_at IS NULL RETURNING org_id",
            id.uuid(),
            at
        )
        .fetch_one(self.query())
        .await
        .during("revoke provisioning code")
        .map(OrgId::from_uuid)
    }

    /// The code with this digest, locked until the scope ends: of two claimants one waits for the other.
    pub async fn lock_code(&mut self, digest: &[u8; 32]) -> StoreResult<Option<Code>> {
        sqlx::query!(
            "SELECT org_id, id, site_id, label, created_by, created_at, expires_at, claimed_at, claimed_by, revoked_at
             FROM provisioning_code WHERE code_digest = $1 FOR UPDATE",
            digest.as_slice()
        )
        .map(|row| Code {
            id: ProvisioningCodeId::from_uuid(row.id),
            org: OrgId::from_uuid(row.org_id),
            site: SiteId::from_uuid(row.site_id),
            label: row.label,
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            claimed_at: row.claimed_at,
            claimed_by: row.claimed_by.map(ApplianceId::from_uuid),
            revoked_at: row.revoked_at,
        })
        .fetch_optional(self.query())
        .await
        .during("lock provisioning code")
    }
}
