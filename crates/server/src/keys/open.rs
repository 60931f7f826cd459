//! Opening what is sealed, where a token that does not open is somebody's doing.

use proofline_authz::Action;
use proofline_core::Secret;
use proofline_vault::{Cell, OpenError, Sealed};
use serde_json::json;

use crate::http::{ApiResult, Call, Problem};

/// Opens a stored secret for this call. One that does not open is refused to the caller without a word about it, and
/// stands in the audit log beside the vault's own alarm. The caller holds no scope: the row has a transaction of its own.
pub(crate) async fn open_sealed(
    call: &Call,
    action: Action,
    resource: String,
    cell: &Cell,
    sealed: &Sealed,
) -> ApiResult<Secret> {
    match call.app().vault().open(cell, sealed) {
        Ok(secret) => Ok(secret),
        Err(error) => Err(sealed_value_refused(call, action, resource, cell, &error).await),
    }
}

/// What somebody is told whose stored secret did not open just now. The audit log says more.
pub(crate) async fn sealed_value_refused(
    call: &Call,
    action: Action,
    resource: String,
    cell: &Cell,
    error: &OpenError,
) -> Problem {
    let detail = json!({ "code": "sealed_value_refused", "table": cell.table, "column": cell.column });
    match call.record_denied(action, resource, detail).await {
        Ok(()) => Problem::internal(error),
        Err(problem) => problem,
    }
}
