//! The providers of a place: who answers for the place manages them.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use proofline_core::{OrgId, PartnerId, ProviderId, Secret};
use proofline_store::{Provider, ProviderChange, StoreError};
use proofline_vault::Sealed;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{client, place};
use crate::AppState;
use crate::http::{ApiResult, Call, Id, Listing, PageQuery, Problem, Query, Strict};
use crate::tenants::name;

/// Microsoft's spelling of `kind`.
pub(super) const MICROSOFT: &str = "microsoft";
const GOOGLE: &str = "google";
const GOOGLE_ISSUER: &str = "https://accounts.google.com";
/// Where Microsoft's issuers are: the world's, and those of the clouds that are apart from it.
const MICROSOFT_HOSTS: [&str; 3] =
    ["login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"];
const MOST_DOMAINS: usize = 50;

/// Whose issuer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Google.
    Google,
    /// One tenant of Microsoft Entra ID.
    Microsoft,
    /// Anybody else's.
    Openid,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Google => GOOGLE,
            Self::Microsoft => MICROSOFT,
            Self::Openid => "openid",
        }
    }
}

/// A provider. Its client secret is never shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderBody {
    /// Prefixed id.
    id: String,
    /// What people call it.
    name: String,
    /// `google`, `microsoft` or `openid`.
    kind: String,
    /// Its issuer.
    issuer: String,
    /// Who we are there.
    client_id: String,
    /// Whose people may ask to be let in.
    allowed_domains: Vec<String>,
    /// The partner whose it is.
    partner_id: Option<String>,
    /// The organisation whose it is.
    org_id: Option<String>,
    /// Whether it can be used.
    enabled: bool,
    /// When it was added.
    created_at: DateTime<Utc>,
}

impl From<Provider> for ProviderBody {
    fn from(provider: Provider) -> Self {
        Self {
            id: provider.id.to_string(),
            name: provider.name,
            kind: provider.kind,
            issuer: provider.issuer,
            client_id: provider.client_id,
            allowed_domains: provider.allowed_domains,
            partner_id: provider.place.partner().map(|id| id.to_string()),
            org_id: provider.place.org().map(|id| id.to_string()),
            enabled: provider.enabled,
            created_at: provider.created_at,
        }
    }
}

/// A provider to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewProvider {
    /// 1 to 120 characters.
    #[schema(format = "name")]
    name: String,
    /// Whose issuer it is.
    kind: Kind,
    /// Its issuer, as its discovery document spells it. Of Google always the same; of Microsoft that of one tenant.
    #[schema(pattern = "^https://", max_length = 500)]
    issuer: String,
    /// Who we are there.
    #[schema(format = "client-id")]
    client_id: String,
    /// What proves it. Never shown again.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "client-secret")]
    client_secret: Option<Secret>,
    /// Whose people may ask to be let in, as `clinic.example`. None: only people who are linked get in.
    #[serde(default)]
    #[schema(max_items = 50)]
    allowed_domains: Vec<String>,
    /// The partner whose it is.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    partner_id: Option<PartnerId>,
    /// The organisation whose it is.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    org_id: Option<OrgId>,
    /// Whether it can be used at once.
    #[serde(default = "yes")]
    enabled: bool,
}

const fn yes() -> bool {
    true
}

/// What changes; the rest stays. Kind, issuer and place do not change: that would be another provider.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderUpdate {
    /// 1 to 120 characters.
    #[serde(default)]
    #[schema(format = "name")]
    name: Option<String>,
    /// Who we are there.
    #[serde(default)]
    #[schema(format = "client-id")]
    client_id: Option<String>,
    /// What proves it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "client-secret")]
    client_secret: Option<Secret>,
    /// Whose people may ask to be let in.
    #[serde(default)]
    #[schema(max_items = 50)]
    allowed_domains: Option<Vec<String>>,
    /// Whether it can be used.
    #[serde(default)]
    enabled: Option<bool>,
}

/// The issuer, if it is one of that kind that this server would go to.
fn issuer(app: &AppState, kind: Kind, text: &str) -> ApiResult<String> {
    let refused = |code, detail: &str| Problem::invalid("issuer", code, detail);
    let url = Url::parse(text).ok().filter(|url| {
        let plain =
            url.query().is_none() && url.fragment().is_none() && !text.chars().any(char::is_whitespace);
        plain && text.len() <= 500 && app.oidc().fetcher.allows(url)
    });
    let url = url.ok_or_else(|| refused("issuer_invalid", "Give an https address on the internet."))?;
    let at_microsoft = url.host_str().is_some_and(|host| MICROSOFT_HOSTS.contains(&host));
    match kind {
        Kind::Google if text != GOOGLE_ISSUER => {
            Err(refused("issuer_not_google", "Google's issuer is https://accounts.google.com."))
        }
        Kind::Microsoft if !at_microsoft => {
            Err(refused("issuer_not_microsoft", "Microsoft's issuers are under login.microsoftonline.com."))
        }
        // Whoever has an account anywhere at Microsoft could sign in with `common`, and choose their address themselves.
        Kind::Microsoft | Kind::Openid if at_microsoft && tenant_of(text).is_none() => Err(refused(
            "issuer_without_tenant",
            "Name your tenant by its id: https://login.microsoftonline.com/<tenant id>/v2.0.",
        )),
        Kind::Google | Kind::Microsoft | Kind::Openid => Ok(text.to_owned()),
    }
}

/// The tenant in an issuer of Microsoft's: a UUID, in its one spelling.
fn tenant_of(issuer: &str) -> Option<&str> {
    let (_, path) = issuer.strip_prefix("https://")?.split_once('/')?;
    let tenant = path.strip_suffix("/v2.0")?;
    let is_id = Uuid::try_parse(tenant).is_ok_and(|id| id.hyphenated().to_string() == tenant);
    is_id.then_some(tenant)
}

/// The tenant of a provider at Microsoft.
pub(super) fn microsoft_tenant(provider: &Provider) -> Option<&str> {
    if provider.kind == MICROSOFT { tenant_of(&provider.issuer) } else { None }
}

fn domains(asked: &[String]) -> ApiResult<Vec<String>> {
    let refused = |code, detail: &str| Problem::invalid("allowed_domains", code, detail);
    if asked.len() > MOST_DOMAINS {
        return Err(refused("too_many", "At most 50 domains."));
    }
    let is_domain = |text: &str| {
        let label = |label: &str| {
            let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(letters)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        text.len() <= 253 && text.contains('.') && text.split('.').all(label)
    };
    let mut domains: Vec<String> = asked.iter().map(|text| text.trim().to_ascii_lowercase()).collect();
    domains.sort_unstable();
    domains.dedup();
    if domains.iter().all(|domain| is_domain(domain)) {
        Ok(domains)
    } else {
        Err(refused("domain_invalid", "Name domains as in clinic.example, without an @."))
    }
}

fn client_id(text: &str) -> ApiResult<String> {
    let printable = text.bytes().all(|b| (0x21..=0x7e).contains(&b));
    if (1..=255).contains(&text.len()) && printable {
        Ok(text.to_owned())
    } else {
        Err(Problem::invalid("client_id", "client_id_invalid", "1 to 255 printable characters, no spaces."))
    }
}

fn sealed(app: &AppState, provider: ProviderId, tenant: Option<Uuid>, secret: &Secret) -> ApiResult<Sealed> {
    if secret.expose().is_empty() || secret.expose().len() > 1_000 {
        return Err(Problem::invalid("client_secret", "length", "1 to 1000 characters."));
    }
    Ok(app.vault().seal(&client::secret_cell(provider.uuid(), tenant), secret))
}

/// Providers of one's place and below it, the newest first.
#[utoipa::path(get, path = "/api/oidc/providers", tag = "oidc", params(PageQuery),
    responses((status = 200, body = Listing<ProviderBody>, description = "A page")))]
pub(crate) async fn list(
    call: Call,
    Query(page): Query<PageQuery>,
) -> ApiResult<Json<Listing<ProviderBody>>> {
    let page = call.scope().await?.providers(&page.request()?).await?;
    Ok(Json(Listing::from_page(page, ProviderBody::from)))
}

/// Adds a provider to one's place, or to one below it.
#[utoipa::path(post, path = "/api/oidc/providers", tag = "oidc", request_body = NewProvider,
    responses((status = 201, body = ProviderBody, description = "Added")))]
pub(crate) async fn create(
    call: Call,
    Strict(new): Strict<NewProvider>,
) -> ApiResult<(StatusCode, Json<ProviderBody>)> {
    let app = call.app();
    let id = ProviderId::new(call.at, app.entropy());
    let (name, issuer) = (name("name", &new.name)?, issuer(app, new.kind, &new.issuer)?);
    let (client_id, allowed_domains) = (client_id(&new.client_id)?, domains(&new.allowed_domains)?);
    let mut scope = call.scope().await?;
    let place = place::asked_for(&mut scope, new.partner_id, new.org_id).await?;
    let secret =
        new.client_secret.map(|secret| sealed(app, id, place::tenant(place), &secret)).transpose()?;
    let provider = Provider {
        id,
        place,
        name,
        kind: new.kind.as_str().to_owned(),
        issuer,
        client_id,
        secret,
        allowed_domains,
        enabled: new.enabled,
        created_at: call.at,
    };
    scope.create_provider(&provider).await.map_err(|error| match error {
        // The partner is not there.
        StoreError::Conflict { .. } => Problem::not_found(),
        other => other.into(),
    })?;
    let detail = json!({ "issuer": provider.issuer, "allowed_domains": provider.allowed_domains,
        "partner": place.partner() });
    scope.commit(call.note(place.org(), id, detail)).await?;
    Ok((StatusCode::CREATED, Json(provider.into())))
}

/// Changes a provider.
#[utoipa::path(patch, path = "/api/oidc/providers/{provider_id}", tag = "oidc", request_body = ProviderUpdate,
    params(("provider_id" = String, Path, description = "Provider")),
    responses((status = 200, body = ProviderBody, description = "Changed")))]
pub(crate) async fn update(
    call: Call,
    Id(id): Id<ProviderId>,
    Strict(asked): Strict<ProviderUpdate>,
) -> ApiResult<Json<ProviderBody>> {
    let mut scope = call.scope().await?;
    let place = scope.provider(id).await?.place;
    let secret = asked.client_secret.map(|secret| sealed(call.app(), id, place::tenant(place), &secret));
    let change = ProviderChange {
        name: asked.name.map(|text| name("name", &text)).transpose()?,
        client_id: asked.client_id.map(|text| client_id(&text)).transpose()?,
        secret: secret.transpose()?,
        allowed_domains: asked.allowed_domains.map(|asked| domains(&asked)).transpose()?,
        enabled: asked.enabled,
    };
    let provider = scope.change_provider(id, &change).await?;
    let detail = json!({ "name": change.name, "client_id": change.client_id, "secret": change.secret.is_some(),
        "allowed_domains": change.allowed_domains, "enabled": change.enabled });
    scope.commit(call.note(place.org(), id, detail)).await?;
    Ok(Json(provider.into()))
}

/// Removes a provider, the links to it, and the requests that came from it.
#[utoipa::path(delete, path = "/api/oidc/providers/{provider_id}", tag = "oidc",
    params(("provider_id" = String, Path, description = "Provider")),
    responses((status = 204, description = "Removed")))]
pub(crate) async fn delete(call: Call, Id(id): Id<ProviderId>) -> ApiResult<StatusCode> {
    let mut scope = call.scope().await?;
    let provider = scope.provider(id).await?;
    scope.delete_provider(id).await?;
    let detail = json!({ "name": provider.name, "issuer": provider.issuer });
    scope.commit(call.note(provider.place.org(), id, detail)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_one_by_its_id_alone() {
        let id = "9188040d-6c67-4c5b-b112-36a304b66dad";
        assert_eq!(tenant_of(&format!("https://login.microsoftonline.com/{id}/v2.0")), Some(id));
        for tenant in [
            "common",
            "organizations",
            "consumers",
            "{tenantid}",
            "contoso.onmicrosoft.com",
            "",
            "..",
            "9188040D-6C67-4C5B-B112-36A304B66DAD",
            "9188040d6c674c5bb11236a304b66dad",
        ] {
            assert_eq!(
                tenant_of(&format!("https://login.microsoftonline.com/{tenant}/v2.0")),
                None,
                "{tenant}"
            );
        }
    }

    #[test]
    fn domains_are_domains() {
        let read = |text: &str| domains(&[text.to_owned()]).ok();
        assert_eq!(read(" Clinic.Example "), Some(vec!["clinic.example".to_owned()]));
        for bad in [
            "",
            "example",
            "@clinic.example",
            "a@clinic.example",
            "*.example",
            "clinic..example",
            "-a.example",
            "ü.example",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
