//! Many people decide about one incident at the same moment: one decision counts, the others are told that they are too late.

use futures_util::future::join_all;
use proofline_evidence::Digest;
use proofline_testkit::{Browser, TestApp};
use serde_json::{Value, json};

use crate::incidents::waiting;

/// Fifty decisions at once, by turns of these; each one's verb, its status and the code of its refusal.
async fn fifty(
    app: &TestApp,
    admin: &Browser,
    incident: &Value,
    turns: &[(&'static str, Value)],
) -> Vec<(&'static str, u16, String)> {
    let other = app.admin().await;
    let decisions = (0..50).map(|n| {
        let mut person = if n % 2 == 0 { admin.clone() } else { other.clone() };
        let (verb, body) = turns[n / 2 % turns.len()].clone();
        let path = format!("/api/incidents/{}/{verb}", incident["id"].as_str().expect("an id"));
        tokio::spawn(async move {
            let reply = person.post(&path, body).await;
            let code = if reply.status.is_success() { String::new() } else { reply.code() };
            (verb, reply.status.as_u16(), code)
        })
    });
    join_all(decisions).await.into_iter().map(|outcome| outcome.expect("answered")).collect()
}

/// What was written: orders, audit rows of approvals, audit rows of escalations, statements of either in the site's log.
async fn written(app: &TestApp) -> [i64; 4] {
    let row: (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM appliance_order WHERE incident_id IS NOT NULL),
            (SELECT count(*) FROM audit_entry WHERE action = 'incident.approve' AND outcome = 'done'),
            (SELECT count(*) FROM audit_entry WHERE action = 'incident.escalate' AND outcome = 'done'),
            (SELECT count(*) FROM evidence_entry WHERE kind = 'server_fact')",
    )
    .fetch_one(&mut app.database.superuser().await)
    .await
    .expect("counts");
    row.into()
}

fn of_plan(plan: Digest) -> Value {
    json!({ "plan_digest": plan.to_string() })
}

/// Has fifty decide by these turns, in a world of their own, and sees to it that one decision was made: its verb.
async fn one_of_fifty(turns: impl Fn(Digest) -> Vec<(&'static str, Value)>) -> &'static str {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 10_000).await;
    let (admin, _, incident, _, plan) = waiting(&app).await;
    let facts = written(&app).await[3];
    let outcomes = fifty(&app, &admin, &incident, &turns(plan)).await;
    let (won, lost): (Vec<_>, Vec<_>) =
        outcomes.iter().partition(|(_, status, _)| (200..300).contains(status));
    assert_eq!((won.len(), lost.len()), (1, 49), "{outcomes:?}");
    assert!(lost.iter().all(|(_, status, _)| *status == 409), "{outcomes:?}");
    let (verb, _, _) = won[0];
    let expected = if *verb == "approve" { [1, 1, 0, facts + 1] } else { [0, 0, 1, facts + 1] };
    assert_eq!(written(&app).await, expected, "of {verb}");
    verb
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_decisions_about_an_incident_at_once_one_counts() {
    let escalate = || ("escalate", json!({ "reason": "needs somebody on site" }));
    let all_approve = one_of_fifty(|plan| vec![("approve", of_plan(plan))]).await;
    assert_eq!(all_approve, "approve");
    let all_escalate = one_of_fifty(|_| vec![escalate()]).await;
    assert_eq!(all_escalate, "escalate");
    one_of_fifty(|plan| vec![("approve", of_plan(plan)), escalate()]).await;
    one_of_fifty(|plan| vec![escalate(), ("approve", of_plan(plan))]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_who_read_an_earlier_plan_approve_nothing() {
    let app = TestApp::start_with(5, |settings| settings.rate_scale = 10_000).await;
    let (mut admin, mut desk, incident, ours, read) = waiting(&app).await;
    let lapsed = desk.change(ours, Some("awaiting_approval"), "open", &format!("nobody answered for {read}"));
    let now = Digest::of("another plan");
    let cause = format!("plan {now}: the site asks first");
    let asks = desk.change(ours, Some("open"), "awaiting_approval", &cause);
    desk.submit_all(vec![lapsed, asks]).await;
    let before = written(&app).await;
    let outcomes = fifty(&app, &admin, &incident, &[("approve", of_plan(read))]).await;
    let changed = ("approve", 409, "plan_changed".to_owned());
    assert!(outcomes.iter().all(|outcome| *outcome == changed), "{outcomes:?}");
    assert_eq!(written(&app).await, before);
    let path = format!("/api/incidents/{}/approve", incident["id"].as_str().expect("an id"));
    admin.post(&path, of_plan(now)).await.expect(202);
}

#[tokio::test]
async fn what_is_on_its_way_is_not_handed_to_people() {
    let app = TestApp::start().await;
    let (mut admin, _, incident, _, plan) = waiting(&app).await;
    let path = format!("/api/incidents/{}", incident["id"].as_str().expect("an id"));
    admin.post(&format!("{path}/approve"), of_plan(plan)).await.expect(202);
    let reason = json!({ "reason": "needs somebody on site" });
    admin.post(&format!("{path}/escalate"), reason.clone()).await.expect_problem(409, "already_approved");
    // Nobody carried it out: it may be decided anew.
    app.clock.advance(chrono::TimeDelta::minutes(16));
    app.admin().await.post(&format!("{path}/escalate"), reason).await.expect(200);
}
