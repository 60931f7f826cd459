//! Which second factors are asked of whom: for a role on the whole installation, and for a role where a partner looks
//! after them. The stricter of the two counts. Some second factor is asked of everybody; that is no setting.

use axum::Json;
use proofline_core::{FactorRequirement, PartnerId, Place, Role};
use proofline_store::FactorRule;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::http::{ApiResult, Call, Problem, Strict};

/// What is asked of a role.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FactorRuleBody {
    /// Whom it is about.
    #[schema(format = "role")]
    role: String,
    /// `any` or `passkey`.
    #[schema(format = "requirement")]
    requirement: String,
}

/// What is asked of each role that one's people can have.
#[derive(Serialize, ToSchema)]
pub(crate) struct FactorPolicyBody {
    items: Vec<FactorRuleBody>,
}

/// The level that the caller decides for: the installation, or their own partner.
fn partner(call: &Call) -> ApiResult<Option<PartnerId>> {
    match call.session()?.membership.place() {
        Place::Platform => Ok(None),
        Place::Partner(partner) => Ok(Some(partner)),
        Place::Practice(_) => Err(Problem::not_found()),
    }
}

/// What is asked of each role, on the whole installation or, for a partner's people, by the partner.
#[utoipa::path(get, path = "/api/second-factor-policy", tag = "auth",
    responses((status = 200, body = FactorPolicyBody, description = "A line for each role")))]
pub(crate) async fn read(call: Call) -> ApiResult<Json<FactorPolicyBody>> {
    let level = call.session()?.membership.place().level();
    let rules = call.scope().await?.factor_rules(partner(&call)?).await?;
    let asked = |role: Role| {
        let rule = rules.iter().find(|rule| rule.role == role);
        rule.map_or(FactorRequirement::Any, |rule| rule.requirement)
    };
    let items = Role::ALL.into_iter().filter(|role| role.level() >= level).map(|role| FactorRuleBody {
        role: role.as_str().to_owned(),
        requirement: asked(role).as_str().to_owned(),
    });
    Ok(Json(FactorPolicyBody { items: items.collect() }))
}

/// Asks another thing of a role. Sessions that have not proved as much reach nothing from the next request on that proves
/// something; those that are going keep what they proved until they end.
#[utoipa::path(put, path = "/api/second-factor-policy", tag = "auth", request_body = FactorRuleBody,
    responses((status = 200, body = FactorPolicyBody, description = "The policy as it is now")))]
pub(crate) async fn update(
    call: Call,
    Strict(request): Strict<FactorRuleBody>,
) -> ApiResult<Json<FactorPolicyBody>> {
    let partner = partner(&call)?;
    let level = call.session()?.membership.place().level();
    let role: Role =
        request.role.parse().ok().filter(|role: &Role| role.level() >= level).ok_or_else(|| {
            Problem::invalid("role", "role_unknown", "This is not a role that you decide for.")
        })?;
    let requirement: FactorRequirement = request.requirement.parse().map_err(|_| {
        Problem::invalid(
            "requirement",
            "requirement_unknown",
            "Ask for `any` second factor or for a `passkey`.",
        )
    })?;
    let mut scope = call.scope().await?;
    scope.put_factor_rule(&FactorRule { role, partner, requirement }).await?;
    let detail = json!({ "role": role, "requirement": requirement.as_str() });
    scope
        .commit(call.note(
            None,
            partner.map_or_else(|| "installation".to_owned(), |id| id.to_string()),
            detail,
        ))
        .await?;
    read(call).await
}
