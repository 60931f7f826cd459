//! Another signing key takes two: whoever runs the server asks on its machine and carries it out there, an administrator
//! decides here. Neither can do it alone: nothing here makes a key, and the command makes none that nobody approved.

use axum::Json;
use chrono::{DateTime, TimeDelta, Utc};
use proofline_authz::{Action, Job, Principal, authorise};
use proofline_core::{Entropy, KeyRotationId, Timestamp};
use proofline_protocol::KeyRole;
use proofline_store::{KeyRotation, Scope, Store};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::command_note;
use super::succession::SuccessionError;
use crate::http::{ApiResult, Call, Id, Problem};

/// For so long a request waits for a decision, and an approved one to be carried out.
const LIVES: TimeDelta = TimeDelta::hours(24);

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyRotationState {
    /// It waits for an administrator.
    Requested,
    /// The command can carry it out.
    Approved,
    /// An administrator said no.
    Rejected,
    /// Nobody decided in time, or nobody carried it out.
    Expired,
    /// The key has a successor.
    CarriedOut,
}

/// Where a request stands at this time.
pub fn rotation_state(request: &KeyRotation, at: Timestamp) -> KeyRotationState {
    match (request.carried_out_at, request.approved, request.decided_at) {
        (Some(_), ..) => KeyRotationState::CarriedOut,
        (None, Some(false), _) => KeyRotationState::Rejected,
        (None, Some(true), Some(decided)) if decided + LIVES > at => KeyRotationState::Approved,
        (None, None, _) if request.asked_at + LIVES > at => KeyRotationState::Requested,
        _ => KeyRotationState::Expired,
    }
}

/// A request for another signing key.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyRotationBody {
    /// Prefixed id.
    id: String,
    /// `server_facts`, `checkpoint`, `orders` or `rules`.
    purpose: String,
    /// The key that is to have a successor.
    key_id: String,
    /// Why, as said by whoever asked on the server's machine.
    reason: String,
    /// Hours until the successor signs, and from then until the key is refused.
    overlap_hours: i32,
    /// Where it stands.
    state: KeyRotationState,
    /// When somebody asked.
    asked_at: DateTime<Utc>,
    /// Until when it can be decided, or once approved, carried out.
    expires_at: DateTime<Utc>,
    /// Who decided.
    decided_by_name: Option<String>,
    /// When.
    decided_at: Option<DateTime<Utc>>,
}

impl KeyRotationBody {
    fn of(request: KeyRotation, at: Timestamp) -> Self {
        Self {
            id: request.id.to_string(),
            state: rotation_state(&request, at),
            purpose: request.role,
            key_id: request.key_id,
            reason: request.reason,
            overlap_hours: request.overlap_hours,
            asked_at: request.asked_at,
            expires_at: request.decided_at.unwrap_or(request.asked_at) + LIVES,
            decided_by_name: request.decided_by_name,
            decided_at: request.decided_at,
        }
    }
}

/// Requests.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyRotations {
    /// Newest first, at most 50.
    items: Vec<KeyRotationBody>,
}

/// Requests for another signing key, made on the server's machine.
#[utoipa::path(get, path = "/api/system/key-rotations", tag = "system",
    responses((status = 200, body = KeyRotations, description = "Newest first")))]
pub(crate) async fn list(call: Call) -> ApiResult<Json<KeyRotations>> {
    let requests = call.scope().await?.key_rotations().await?;
    let items = requests.into_iter().map(|request| KeyRotationBody::of(request, call.at)).collect();
    Ok(Json(KeyRotations { items }))
}

/// Lets the command on the server's machine carry out what was asked for there.
#[utoipa::path(post, path = "/api/system/key-rotations/{key_rotation_id}/approve", tag = "system",
    params(("key_rotation_id" = String, Path, description = "Key rotation")),
    responses((status = 200, body = KeyRotationBody, description = "Approved"),
        (status = 409, description = "Somebody decided it already, or its time is over")))]
pub(crate) async fn approve(call: Call, Id(id): Id<KeyRotationId>) -> ApiResult<Json<KeyRotationBody>> {
    decide(&call, id, true).await
}

/// Turns a request down.
#[utoipa::path(post, path = "/api/system/key-rotations/{key_rotation_id}/reject", tag = "system",
    params(("key_rotation_id" = String, Path, description = "Key rotation")),
    responses((status = 200, body = KeyRotationBody, description = "Turned down"),
        (status = 409, description = "Somebody decided it already, or its time is over")))]
pub(crate) async fn reject(call: Call, Id(id): Id<KeyRotationId>) -> ApiResult<Json<KeyRotationBody>> {
    decide(&call, id, false).await
}

async fn decide(call: &Call, id: KeyRotationId, approved: bool) -> ApiResult<Json<KeyRotationBody>> {
    let session = call.session()?;
    let mut scope = call.scope().await?;
    let mut request = scope.lock_key_rotation(id).await?;
    match rotation_state(&request, call.at) {
        KeyRotationState::Requested => {}
        KeyRotationState::Expired => {
            return Err(Problem::conflict("rotation_expired", "Its time is over. Ask again on the server."));
        }
        KeyRotationState::Approved | KeyRotationState::Rejected | KeyRotationState::CarriedOut => {
            return Err(Problem::conflict("already_decided", "Somebody decided this already."));
        }
    }
    scope.decide_key_rotation(id, approved, (session.user, session.name.as_str()), call.at).await?;
    let detail = json!({ "role": request.role, "key": request.key_id, "approved": approved, "reason": request.reason });
    scope.commit(call.note(None, id, detail)).await?;
    (request.approved, request.decided_at) = (Some(approved), Some(call.at));
    request.decided_by_name = Some(session.name.clone());
    Ok(Json(KeyRotationBody::of(request, call.at)))
}

/// Asks for a successor of `key_id`, unless a request waits or was approved already. Gives the request and whether it is new.
/// Without a reason nothing is asked for, and `None` says that there is nothing.
///
/// # Errors
/// When the database fails.
pub async fn ask(
    store: &Store,
    (role, key_id): (KeyRole, &str),
    asked: Option<(&str, u16)>,
    (at, entropy): (Timestamp, &dyn Entropy),
) -> Result<Option<(KeyRotation, bool)>, SuccessionError> {
    let permit = authorise(&Principal::System(Job("key rotation")), Action::KeyRotationAsk)?;
    let mut scope = store.scope(&permit).await?;
    scope.lock_server_key(key_id).await?;
    let open = scope.lock_key_rotation_of(key_id).await?.filter(|request| {
        matches!(rotation_state(request, at), KeyRotationState::Requested | KeyRotationState::Approved)
    });
    if let Some(open) = open {
        return Ok(Some((open, false)));
    }
    let Some((reason, overlap_hours)) = asked else { return Ok(None) };
    let request = KeyRotation {
        id: KeyRotationId::new(at, entropy),
        role: role.to_string(),
        key_id: key_id.to_owned(),
        reason: reason.to_owned(),
        overlap_hours: overlap_hours.into(),
        asked_at: at,
        decided_by_name: None,
        decided_at: None,
        approved: None,
        carried_out_at: None,
    };
    scope.create_key_rotation(&request).await?;
    let detail = json!({ "role": role.as_str(), "reason": reason, "overlap_hours": overlap_hours });
    scope.commit(command_note(at, entropy, request.id.to_string(), detail)).await?;
    Ok(Some((request, true)))
}

/// Takes the approval of a key's successor, in the scope that registers that.
///
/// # Errors
/// When nobody approved it, or the database fails.
pub(super) async fn take_approval(
    scope: &mut Scope,
    key_id: &str,
    at: Timestamp,
) -> Result<KeyRotationId, SuccessionError> {
    let request = scope.lock_key_rotation_of(key_id).await?;
    let approved = request.filter(|request| rotation_state(request, at) == KeyRotationState::Approved);
    let id = approved.ok_or(SuccessionError::NotApproved)?.id;
    scope.carry_out_key_rotation(id, at).await?;
    Ok(id)
}
