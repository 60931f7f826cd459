//! A site's log in one file, streamed: memory for one bundle of entries, whatever the log's size.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use proofline_core::{OrgId, SiteId};
use proofline_evidence::export::{ExportWriter, Policy};
use proofline_evidence::statement::{Body as StatementBody, ServerFact};
use proofline_evidence::tile::TILE_WIDTH;
use proofline_protocol::KeyRole;
use proofline_store::AlarmKind;
use serde_json::json;

use super::alarm;
use super::facts::append_server_fact;
use super::publish::publish_site;
use super::read::{first_server_key, key_events};
use super::site_log::refused;
use crate::http::{ApiResult, Call, Id, Problem};

/// The whole log for offline verification with `proofline-verify`. That it was taken away is itself an entry, the last one.
#[utoipa::path(get, path = "/api/sites/{site_id}/evidence/export", tag = "evidence",
    params(("site_id" = String, Path, description = "Site")),
    responses((status = 200, body = Vec<u8>, content_type = "application/x-tar", description = "The export")))]
pub(crate) async fn export(call: Call, Id(id): Id<SiteId>) -> ApiResult<Response> {
    let app = call.app();
    let mut scope = call.scope().await?;
    let site = scope.site(id).await?;
    let fact = ServerFact {
        fact: "evidence_exported".to_owned(),
        subject_id: id.to_string(),
        actor: call.principal().id(),
        detail: "the whole log, this entry included".to_owned(),
    };
    append_server_fact(app, &mut scope, site.org, id, StatementBody::ServerFact(fact), call.at).await?;
    let head = scope.log_head(site.org, id).await?.ok_or_else(Problem::not_found)?;
    let events = key_events(&mut scope, site.org, id).await?;
    scope.commit(call.note(Some(site.org), id, json!({ "entries": head.size }))).await?;
    if let Err(problem) = publish_site(app, site.org, id).await {
        // What cannot be published can still be handed out; the job raises the alarm.
        tracing::warn!(code = problem.code(), "not published with the export");
    }
    let chains = app.keys().chains();
    let checkpoint = chains.of(KeyRole::Checkpoint);
    let first = checkpoint.first().public_key().clone();
    let policy = Policy::new(app.installation().id, id, first, first_server_key(app, &events));
    let successors = checkpoint.statements();
    let successors: Vec<_> = successors.iter().map(|said| said.get()).collect();
    let (writer, beginning) =
        ExportWriter::begin(&policy.map_err(refused)?, &successors, &head.checkpoint).map_err(refused)?;
    let name = format!("attachment; filename=\"{id}-{}.tar\"", head.size);
    let body = Body::from_stream(rest(call, site.org, id, writer, beginning));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::try_from(name).map_err(|error| Problem::internal(&error))?,
        ),
    ];
    Ok((headers, body).into_response())
}

/// Where a stream stands.
enum Step {
    Begin(Vec<u8>),
    Entries(u64),
    Ended,
}

/// The file's bytes, bundle by bundle. A read that fails breaks the stream off: a cut file does not verify.
fn rest(
    call: Call,
    org: OrgId,
    site: SiteId,
    writer: ExportWriter,
    beginning: Vec<u8>,
) -> impl futures_util::Stream<Item = Result<Bytes, BrokenOff>> {
    let start = (call, Some(writer), Step::Begin(beginning));
    stream::try_unfold(start, move |(call, writer, step)| async move {
        let Some(mut writer) = writer else { return Ok(None) };
        match step {
            Step::Ended => Ok(None),
            Step::Begin(bytes) => Ok(Some((Bytes::from(bytes), (call, Some(writer), Step::Entries(0))))),
            Step::Entries(from) if from < writer.size() => {
                let to = (from + TILE_WIDTH).min(writer.size());
                let mut scope = call.scope().await.map_err(BrokenOff::of)?;
                let entries =
                    scope.entry_range(org, site, from, to).await.map_err(|e| BrokenOff::of(e.into()))?;
                let mut bytes = Vec::new();
                for entry in &entries {
                    bytes.extend(
                        writer.entry(&entry.envelope).map_err(|defect| BrokenOff::of(refused(defect)))?,
                    );
                }
                Ok(Some((Bytes::from(bytes), (call, Some(writer), Step::Entries(to)))))
            }
            Step::Entries(_) => {
                let finished = writer.finish();
                if !finished.matches_checkpoint {
                    report(&call, org, site).await;
                }
                Ok(Some((Bytes::from(finished.bytes), (call, None, Step::Ended))))
            }
        }
    })
}

/// The entries are not those that the checkpoint commits to: handed out all the same, and alarmed.
async fn report(call: &Call, org: OrgId, site: SiteId) {
    let detail = "an export does not match its checkpoint: entries were changed in the database";
    let changed = (AlarmKind::SampleFailed, detail);
    if let Err(problem) = alarm::raise(call.app(), "export", (org, site), changed).await {
        tracing::error!(code = problem.code(), "an alarm could not be raised");
    }
}

/// The rest could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the export broke off: {0}")]
struct BrokenOff(&'static str);

impl BrokenOff {
    #[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
    fn of(problem: Problem) -> Self {
        Self(problem.code())
    }
}
