//! API tokens: what a person gives a program of theirs, so that it acts for them.
//!
//! A token does nothing that its maker may not do at that moment, and nothing that is not on its own list. It is shown once
//! and kept as a digest. No token makes, lists or revokes tokens.

use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, TimeDelta, Utc};
use proofline_authz::{Action, authorise, grantable_by};
use proofline_core::{ApiTokenId, UserId};
use proofline_store::{NewToken, Token};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::auth::tell_of_change;
use crate::http::{
    Access, Api, ApiResult, Call, Id, Listing, NotKept, PageQuery, Problem, Query, RateClass, Strict,
    fresh_token,
};

/// The longest that a token lives, in days.
const LONGEST_DAYS: u16 = 365;

pub(crate) fn routes(api: Api) -> Api {
    api.route(Access::Person(Action::TokenRead), RateClass::Read, routes!(list))
        .route(Access::Person(Action::TokenRead), RateClass::Read, routes!(grantable))
        .route(Access::Person(Action::TokenCreate), RateClass::Write, routes!(create))
        .route(Access::Person(Action::TokenRevoke), RateClass::Write, routes!(revoke))
}

/// A token as listed; the token itself is gone.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenBody {
    /// Prefixed id.
    id: String,
    /// What its maker calls it.
    name: String,
    /// Its first eight characters.
    prefix: String,
    /// What it is for.
    actions: Vec<String>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// Its maker's name.
    created_by: String,
    /// Until when it lives.
    expires_at: DateTime<Utc>,
    /// When it was last brought, give or take a minute.
    last_used_at: Option<DateTime<Utc>>,
    /// When somebody revoked it.
    revoked_at: Option<DateTime<Utc>>,
}

impl From<Token> for TokenBody {
    fn from(token: Token) -> Self {
        let Token { id, name, prefix, actions, created_by, created_at, expires_at, last_used_at, revoked_at } =
            token;
        let id = id.to_string();
        Self { id, name, prefix, actions, created_at, created_by, expires_at, last_used_at, revoked_at }
    }
}

/// A token to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTokenRequest {
    /// 1 to 120 characters: the program that it is for.
    #[schema(format = "name")]
    name: String,
    /// What the program may do, of what `GET /api/tokens/actions` lists.
    #[schema(min_items = 1)]
    actions: Vec<String>,
    /// How long it lives, 1 to 365 days.
    #[schema(minimum = 1, maximum = 365)]
    expires_in_days: u16,
}

/// A fresh token: the only time it is shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct IssuedToken {
    /// What the program sends as `Authorization: Bearer …`.
    token: String,
    /// How it will be listed.
    item: TokenBody,
}

/// What you can give a token.
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantableActions {
    /// Actions, as the policy spells them.
    items: Vec<&'static str>,
}

/// Who made it. Tokens are made in a session and for oneself.
fn maker(call: &Call) -> ApiResult<UserId> {
    Ok(call.session()?.user)
}

/// Whose tokens are seen and revoked: one's own, or everybody's within reach.
fn whose(call: &Call) -> ApiResult<Option<UserId>> {
    match authorise(call.principal(), Action::TokenOversee) {
        Ok(_) => Ok(None),
        Err(_) => maker(call).map(Some),
    }
}

fn chosen(call: &Call, names: &[String]) -> ApiResult<Vec<&'static str>> {
    let offered = grantable_by(call.session()?.membership.role());
    let mut actions = Vec::new();
    for name in names {
        let action = Action::named(name).filter(|action| offered.contains(action)).ok_or_else(|| {
            Problem::invalid("actions", "not_grantable", "A token cannot be given this, or not by you.")
        })?;
        if actions.contains(&action.as_str()) {
            return Err(Problem::invalid("actions", "repeated", "Name each action once."));
        }
        actions.push(action.as_str());
    }
    if actions.is_empty() {
        return Err(Problem::invalid("actions", "length", "Name at least one action."));
    }
    Ok(actions)
}

/// Tokens, newest first: your own, or those of everybody that you answer for.
#[utoipa::path(get, path = "/api/tokens", tag = "tokens", params(PageQuery),
    responses((status = 200, body = Listing<TokenBody>, description = "A page")))]
pub(crate) async fn list(call: Call, Query(page): Query<PageQuery>) -> ApiResult<Json<Listing<TokenBody>>> {
    let whose = whose(&call)?;
    let page = call.scope().await?.tokens(whose, &page.request()?).await?;
    Ok(Json(Listing::from_page(page, TokenBody::from)))
}

/// What you can give a token: of what your role includes, what no person has to be there for.
#[utoipa::path(get, path = "/api/tokens/actions", tag = "tokens",
    responses((status = 200, body = GrantableActions, description = "Actions")))]
pub(crate) async fn grantable(call: Call) -> ApiResult<Json<GrantableActions>> {
    let offered = grantable_by(call.session()?.membership.role());
    Ok(Json(GrantableActions { items: offered.into_iter().map(Action::as_str).collect() }))
}

/// Makes a token that acts for you. It is shown in this answer and never again.
#[utoipa::path(post, path = "/api/tokens", tag = "tokens", request_body = NewTokenRequest,
    responses((status = 201, body = IssuedToken, description = "Made")))]
pub(crate) async fn create(
    call: Call,
    Strict(request): Strict<NewTokenRequest>,
) -> ApiResult<(StatusCode, Extension<NotKept>, Json<IssuedToken>)> {
    let name = crate::tenants::name("name", &request.name)?;
    let actions = chosen(&call, &request.actions)?;
    if !(1..=LONGEST_DAYS).contains(&request.expires_in_days) {
        return Err(Problem::invalid("expires_in_days", "out_of_range", "A token lives 1 to 365 days."));
    }
    let app = call.app();
    let fresh = fresh_token(app.entropy().bytes());
    let new = NewToken {
        id: ApiTokenId::new(call.at, app.entropy()),
        maker: maker(&call)?,
        digest: fresh.digest,
        prefix: fresh.prefix,
        name,
        actions,
        at: call.at,
        expires_at: call.at + TimeDelta::days(i64::from(request.expires_in_days)),
    };
    let mut scope = call.scope().await?;
    scope.create_token(&new).await?;
    tell_of_change(&call, &mut scope, "A token was made, with which a program acts for you.").await?;
    let detail = json!({ "name": new.name, "actions": new.actions, "days": request.expires_in_days });
    scope.commit(call.note(None, new.id, detail)).await?;
    let item = TokenBody {
        id: new.id.to_string(),
        name: new.name,
        prefix: new.prefix,
        actions: new.actions.into_iter().map(str::to_owned).collect(),
        created_at: new.at,
        created_by: call.principal().name(),
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    let body = IssuedToken { token: fresh.text.expose().to_owned(), item };
    Ok((StatusCode::CREATED, Extension(NotKept), Json(body)))
}

/// Revokes a token: its next request is refused.
#[utoipa::path(delete, path = "/api/tokens/{token_id}", tag = "tokens",
    params(("token_id" = String, Path, description = "API token")),
    responses((status = 204, description = "Revoked")))]
pub(crate) async fn revoke(call: Call, Id(id): Id<ApiTokenId>) -> ApiResult<StatusCode> {
    let whose = whose(&call)?;
    let mut scope = call.scope().await?;
    let name = scope.revoke_token(id, whose, call.at).await?;
    scope.commit(call.note(None, id, json!({ "name": name }))).await?;
    Ok(StatusCode::NO_CONTENT)
}
