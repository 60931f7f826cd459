//! Adding a site. Reading sites is scoring's business: a site is shown with its posture.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use proofline_core::{OrgId, SiteId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::name;
use crate::http::{ApiResult, Call, Problem, Strict};

/// A site to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSite {
    /// The clinic.
    #[schema(value_type = String)]
    org_id: OrgId,
    /// 1 to 120 characters.
    #[schema(format = "name")]
    name: String,
    /// IANA name, for example `America/New_York`.
    timezone: String,
}

/// A site that was added.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedSite {
    /// Prefixed id.
    id: String,
    /// The clinic.
    org_id: String,
    /// Its name.
    name: String,
    /// IANA name.
    timezone: String,
    /// When it was added.
    created_at: DateTime<Utc>,
}

/// Adds a site to an organisation.
#[utoipa::path(post, path = "/api/sites", tag = "tenants", request_body = NewSite,
    responses((status = 201, body = CreatedSite, description = "Added")))]
pub(crate) async fn create(
    call: Call,
    Strict(new): Strict<NewSite>,
) -> ApiResult<(StatusCode, Json<CreatedSite>)> {
    let name = name("name", &new.name)?;
    let timezone = timezone(&new.timezone)?;
    let id = SiteId::new(call.at, call.app().entropy());
    let mut scope = call.scope().await?;
    let site = scope.create_site(id, new.org_id, &name, &timezone, call.at).await?;
    crate::scoring::refresh(&mut scope, call.app().catalog(), site.org, site.id, call.at).await?;
    scope.commit(call.note(Some(site.org), id, json!({ "name": name, "timezone": timezone }))).await?;
    call.app().events().site_changed(site.org, site.id);
    let body =
        CreatedSite { id: id.to_string(), org_id: site.org.to_string(), name, timezone, created_at: call.at };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Every name of the IANA database, its links for older names included, since browsers still offer those; one a line.
const TIME_ZONES: &str = include_str!("timezones.txt");

/// `Area/City` or `UTC`, as the browser's own list spells it.
fn timezone(text: &str) -> ApiResult<String> {
    if TIME_ZONES.lines().any(|known| known == text) {
        Ok(text.to_owned())
    } else {
        let detail = "Use the name of a time zone, such as America/New_York.";
        Err(Problem::invalid("timezone", "timezone_invalid", detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_is_one_that_there_is() {
        for known in ["UTC", "America/New_York", "Asia/Kolkata", "Asia/Calcutta", "America/Argentina/Ushuaia"]
        {
            assert_eq!(timezone(known).ok().as_deref(), Some(known));
        }
        for unknown in ["", "utc", "Mars/Olympus", "America/New_York\n", "EST5EDT4", "../etc/passwd"] {
            assert!(timezone(unknown).is_err(), "{unknown:?}");
        }
    }
}
