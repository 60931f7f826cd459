//! The list of incidents, and one of them.

use axum::Json;
use proofline_core::{IncidentId, Severity, SiteId};
use proofline_store::{IncidentFilter, IncidentOrder, IncidentStates};
use serde::Deserialize;
use utoipa::IntoParams;

use super::bodies::{IncidentBody, IncidentDetailBody};
use crate::http::{ApiResult, Call, Id, Listing, Problem, Query, page_request};

/// Which incidents, in which order.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct IncidentsQuery {
    /// `open` (whatever someone or something must act on; the default), `all`, or one state.
    #[param(
        pattern = "^(all|open|healing|verifying|resolved|awaiting_approval|escalated|suppressed|closed)$"
    )]
    state: Option<String>,
    /// Only this site's.
    site_id: Option<String>,
    /// `low`, `medium`, `high` or `critical`.
    #[param(format = "severity")]
    severity: Option<String>,
    /// `newest` (the default) or `severity`.
    #[param(pattern = "^(newest|severity)$")]
    sort: Option<String>,
    /// 1 to 200; 50 unless told.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

fn filter(query: &IncidentsQuery) -> ApiResult<IncidentFilter> {
    let states = match query.state.as_deref() {
        None | Some("open") => IncidentStates::Live,
        Some("all") => IncidentStates::All,
        Some(one) => IncidentStates::Only(
            one.parse()
                .map_err(|_| Problem::invalid("state", "unknown", "Use open, all or the name of a state."))?,
        ),
    };
    let site = query.site_id.as_deref().map(str::parse::<SiteId>).transpose();
    let severity = query.severity.as_deref().map(str::parse::<Severity>).transpose();
    Ok(IncidentFilter {
        states,
        site: site.map_err(|error| Problem::invalid("site_id", "id_invalid", error.to_string()))?,
        severity: severity
            .map_err(|_| Problem::invalid("severity", "unknown", "Use low, medium, high or critical."))?,
        order: match query.sort.as_deref() {
            None | Some("newest") => IncidentOrder::Newest,
            Some("severity") => IncidentOrder::Worst,
            Some(_) => return Err(Problem::invalid("sort", "unknown", "Sort by newest or by severity.")),
        },
    })
}

/// Incidents.
#[utoipa::path(get, path = "/api/incidents", tag = "incidents", params(IncidentsQuery),
    responses((status = 200, body = Listing<IncidentBody>, description = "A page")))]
pub(crate) async fn list(
    call: Call,
    Query(query): Query<IncidentsQuery>,
) -> ApiResult<Json<Listing<IncidentBody>>> {
    let filter = filter(&query)?;
    let page = page_request(query.limit, query.cursor.as_deref())?;
    let page = call.scope().await?.incidents(&filter, &page).await?;
    let catalog = call.app().catalog();
    Ok(Json(Listing::from_page(page, |row| IncidentBody::of(&row, catalog, call.at))))
}

/// One incident with its history. The id by which the agent knows it finds it too.
#[utoipa::path(get, path = "/api/incidents/{incident_id}", tag = "incidents",
    params(("incident_id" = String, Path, description = "Incident")),
    responses((status = 200, body = IncidentDetailBody, description = "The incident")))]
pub(crate) async fn detail(call: Call, Id(id): Id<IncidentId>) -> ApiResult<Json<IncidentDetailBody>> {
    let mut scope = call.scope().await?;
    let row = scope.incident(id).await?;
    let transitions = scope.transitions(row.org, row.id, 200).await?;
    let people: Vec<_> = transitions.iter().filter_map(|row| row.transition.actor.person()).collect();
    let names = scope.person_names(&people).await?;
    let heals = scope.heals(row.org, row.site, row.asset, &row.check, 50).await?;
    let spans = scope.current_spans(row.org, row.site, &[row.asset]).await?;
    let last = spans.into_iter().find(|span| span.check == row.check);
    Ok(Json(IncidentDetailBody::of(&row, call.app().catalog(), call.at, (transitions, &names), &heals, last)))
}
