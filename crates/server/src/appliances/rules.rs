//! The signed rule set of one appliance.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use proofline_catalog::Rule;
use proofline_evidence::dsse;
use proofline_protocol::{Digest, KeyRole, RULES_PAYLOAD_TYPE, RuleSet};

use crate::AppState;
use crate::http::{ApiResult, Call, KnownAppliance, Problem};

/// When anything that the rule set holds last changed, in milliseconds since 1970: it only grows.
pub(super) fn version(app: &AppState, appliance: &KnownAppliance) -> u64 {
    let changed = appliance.mode_changed_at.max(app.installation().catalogue_since);
    u64::try_from(changed.timestamp_millis()).unwrap_or(0)
}

/// Digest of the server's catalogue.
pub(super) fn catalogue_digest(app: &AppState) -> Digest {
    app.catalog().digest().parse().expect("a catalogue's digest is 64 hexadecimal digits")
}

/// The rule set, signed under the `rules` key.
#[utoipa::path(get, path = "/api/agent/rules", tag = "agent",
    responses((status = 200, body = serde_json::Value, description = "A DSSE envelope")))]
pub(crate) async fn rules(call: Call) -> ApiResult<Response> {
    let app = call.app();
    let appliance = call.appliance()?;
    let set: RuleSet<&Rule, ()> = RuleSet {
        version: version(app, appliance),
        installation: app.installation().id,
        site: Some(appliance.site),
        issued: call.at,
        catalogue: catalogue_digest(app),
        mode: appliance.mode,
        asset_roles: std::collections::BTreeMap::new(),
        maintenance_windows: Vec::new(),
        paused_until: None,
        rules: app.catalog().rules().iter().collect(),
    };
    let payload = serde_json::to_vec(&set).map_err(|e| Problem::internal(&e))?;
    let envelope = dsse::sign(RULES_PAYLOAD_TYPE, &payload, &app.keys().signer(KeyRole::Rules, call.at));
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], envelope).into_response())
}
