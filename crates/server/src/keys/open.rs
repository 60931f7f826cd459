//! Opening what is sealed, where a token that does not open is somebody's doing.

use proofline_authz::Action;
use proofline_core::Secret;
use proofline_store::DeniedNote;
use proofline_vault::{Cell, Sealed};
use serde_json::json;

use crate::http::{ApiResult, Call, Problem, request_id};

/// Opens a stored secret for this call. One that does not open is refused to the caller without a word about it, and
/// stands in the audit log beside the vault's own alarm. The caller holds no scope: the row has a transaction of its own.
pub(crate) async fn open_sealed(
    call: &Call,
    action: Action,
    resource: String,
    cell: &Cell,
    sealed: &Sealed,
) -> ApiResult<Secret> {
    let app = call.app();
    let error = match app.vault().open(cell, sealed) {
        Ok(secret) => return Ok(secret),
        Err(error) => error,
    };
    let principal = call.principal();
    let note = DeniedNote {
        id: app.new_uuid(),
        at: call.at,
        actor_kind: principal.kind(),
        actor_id: principal.id(),
        actor_name: principal.name(),
        action: action.to_string(),
        resource,
        request_id: request_id::current(),
        detail: json!({ "code": "sealed_value_refused", "table": cell.table, "column": cell.column }),
        org: principal.org(),
        partner: principal.partner(),
    };
    app.store().record_denied(&note).await?;
    Err(Problem::internal(&error))
}
