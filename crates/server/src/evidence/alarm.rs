//! Alarms that are raised beside the work that noticed them, each in a transaction of its own.

use proofline_core::{AlarmId, OrgId, SiteId};
use proofline_store::AlarmKind;

use crate::AppState;
use crate::http::ApiResult;

/// Raises an alarm about the log of a site, as `job`.
pub(super) async fn raise(
    app: &AppState,
    job: &'static str,
    place: (OrgId, SiteId),
    alarm: (AlarmKind, &str),
) -> ApiResult<()> {
    let at = app.now();
    let id = AlarmId::new(at, app.entropy());
    let mut scope = app.background_scope(job).await?;
    scope.raise_alarm(id, place, alarm, at).await?;
    Ok(scope.commit_unaudited().await?)
}
