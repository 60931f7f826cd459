//! Alarms about evidence: seen by staff, ended by an administrator who says what came of looking into it.

use proofline_core::{AlarmId, Clock as _, OrgId, Role, SeededEntropy, SiteId, Verdict};
use proofline_evidence::Digest;
use proofline_evidence::statement::{Body, CheckRun};
use proofline_server::background_permit;
use proofline_store::AlarmKind;
use proofline_testkit::{Browser, TestApp};
use serde_json::{Value, json};

use crate::desk::{Desk, ROOT_LOGIN, result};

/// An alarm about a site, as sampling raises it.
pub(crate) async fn raised(app: &TestApp, place: (OrgId, SiteId)) -> AlarmId {
    let at = app.clock.now();
    let id = AlarmId::new(at, &SeededEntropy::new(place.1.uuid().as_u64_pair().1));
    let permit = background_permit("test").expect("permitted");
    let mut scope = app.store.scope(&permit).await.expect("opens");
    scope
        .raise_alarm(id, place, (AlarmKind::SampleFailed, "entry 1 does not verify"), at)
        .await
        .expect("raises");
    scope.commit_unaudited().await.expect("commits");
    id
}

async fn open(admin: &mut Browser) -> Vec<Value> {
    let health = admin.get("/api/system/health").await.expect(200);
    health["alarms"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn an_alarm_ends_with_a_reason_and_comes_back_when_it_is_still_so() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let mut desk = Desk::of(app.enrolled(&mut admin, &site).await, &app.clock);
    let run = desk.run(vec![result(ROOT_LOGIN, Verdict::Pass, "no")]);
    desk.submit_all(vec![run]).await;
    let mut header = desk.header();
    (header.seq, header.prev) = (1, Digest::ZERO);
    let results = vec![result(ROOT_LOGIN, Verdict::Pass, "No")];
    let forged = desk.sign(header, Body::CheckRun(CheckRun { results, state: None }));
    desk.submit(vec![forged.clone()]).await;

    let alarms = open(&mut admin).await;
    assert_eq!((alarms.len(), &alarms[0]["kind"]), (1, &json!("seq_conflict")));
    let path = format!("/api/system/alarms/{}/clear", alarms[0]["id"].as_str().expect("an id"));
    admin.post(&path, json!({ "reason": "no" })).await.expect(422);
    assert_eq!(open(&mut admin).await.len(), 1);
    let reason = json!({ "reason": "a disk image was restored on the box" });
    app.staff(Role::StaffOperator).await.post(&path, reason.clone()).await.expect(403);
    admin.post(&path, reason.clone()).await.expect(204);
    assert_eq!(open(&mut admin).await, Vec::<Value>::new());
    assert_eq!(admin.post(&path, reason.clone()).await.expect(409)["code"], "already_cleared");
    let trail = admin.get("/api/audit?action=alarm.clear&outcome=done").await.expect(200);
    assert_eq!(trail["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(trail["items"][0]["detail"]["reason"], reason["reason"]);

    desk.submit(vec![forged]).await;
    let again = open(&mut admin).await;
    assert_eq!(again.len(), 1);
    assert_ne!(again[0]["id"], alarms[0]["id"]);
}

#[tokio::test]
async fn of_fifty_who_clear_an_alarm_one_does() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let path = format!("/api/system/alarms/{}/clear", raised(&app, (site.org, site.id)).await);
    let all = (0..50).map(|n| {
        let (mut admin, path) = (admin.clone(), path.clone());
        let reason = json!({ "reason": format!("looked into by number {n}") });
        async move { admin.post(&path, reason).await.status.as_u16() }
    });
    let mut statuses = futures_util::future::join_all(all).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (204, [409; 49].as_slice()));
}
