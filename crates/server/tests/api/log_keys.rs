//! The keys of a log change over beside a running server, and whoever holds the first one verifies all of it.

use chrono::TimeDelta;
use proofline_core::{Clock as _, SiteId, Verdict};
use proofline_evidence::Reason;
use proofline_evidence::export::{Options, Report, verify};
use proofline_evidence::note::NoteKey;
use proofline_protocol::KeyRole;
use proofline_testkit::{Browser, TestApp};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::signing_keys::{chain, hours, register, rotate, successor, take};

const LOG_KEYS: [KeyRole; 2] = [KeyRole::ServerFacts, KeyRole::Checkpoint];

/// The line that an auditor writes down.
async fn auditors_key(admin: &mut Browser, site: SiteId) -> NoteKey {
    let entry = admin.get(&format!("/api/sites/{site}/evidence/0")).await.expect(200);
    entry["checkpoint_key"]["vkey"].as_str().expect("a line").parse().expect("a key")
}

async fn export(admin: &mut Browser, site: SiteId) -> Vec<u8> {
    let reply = admin.get(&format!("/api/sites/{site}/evidence/export")).await;
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.bytes));
    reply.bytes.clone()
}

fn judge(app: &TestApp, export: &[u8], key: &NoteKey, since: Option<&str>) -> Report {
    let options = Options {
        checkpoint_key: Some(key.clone()),
        since: since.map(|note| note.as_bytes().to_vec()),
        now: Some(app.clock.now()),
    };
    let report = verify(export, &options).expect("readable");
    assert!(report.verified, "{:?}", report.findings);
    report
}

/// Statements about keys: the role and what happened, in the log's order.
fn key_spans(report: &Report, role: &str) -> Vec<(Option<u64>, Option<u64>)> {
    let of_role = report.keys.iter().filter(|key| key.role.as_str() == role);
    of_role.map(|key| (key.from_entry, key.until_entry)).collect()
}

async fn no_alarms(app: &TestApp) {
    let health = app.admin().await.get("/api/system/health").await.expect(200);
    assert_eq!(health["alarms"], json!([]));
}

async fn size(app: &TestApp, site: SiteId) -> Value {
    app.admin().await.get(&format!("/api/sites/{site}")).await.expect(200)["log"]["size"].clone()
}

#[tokio::test]
async fn a_log_verifies_from_its_first_key_on_over_changes_of_both_its_keys() {
    let app = TestApp::start().await;
    register(&app).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let idle = app.site(&mut admin, "Side Street").await;
    app.enrolled(&mut admin, &idle).await;
    let mut desk = Desk::of(app.enrolled(&mut admin, &site).await, &app.clock);
    let run = desk.run_all(Verdict::Pass);
    let older = desk.submit_all(vec![run]).await.checkpoint;
    let first = auditors_key(&mut admin, site.id).await;
    let before = judge(&app, &export(&mut admin, site.id).await, &first, Some(&older));
    assert_eq!(before.checkpoint_signer, Some(first.to_string()));

    // Announced: nothing signs with them yet.
    for (role, seed) in LOG_KEYS.into_iter().zip(1..) {
        rotate(&app, role, seed).await;
    }
    app.clock.advance(hours(24) - TimeDelta::seconds(1));
    let mut admin = app.admin().await;
    app.run_job("key succession").await;
    let announced = judge(&app, &export(&mut admin, site.id).await, &first, Some(&older));
    assert_eq!(announced.checkpoint_signer, Some(first.to_string()));
    assert_eq!(key_spans(&announced, "server_facts").len(), 1);

    // Changed over, and the log does not say so yet: the appliance goes on, and so does everything else.
    app.clock.advance(TimeDelta::seconds(1));
    let heartbeats = desk.heartbeats(2);
    let answer = desk.submit_all(heartbeats).await;
    assert_eq!(answer.successors.len(), 1);
    app.run_job("publication").await;
    app.run_job("sampling").await;
    no_alarms(&app).await;
    let bytes = export(&mut admin, site.id).await;
    let after = judge(&app, &bytes, &first, Some(&older));
    let second: NoteKey = after.checkpoint_signer.clone().expect("signed").parse().expect("a key");
    assert_eq!(second.public_key(), chain(&app, KeyRole::Checkpoint).last().public_key());
    judge(&app, &bytes, &second, Some(&older));
    let (facts, checkpoints) = (key_spans(&after, "server_facts"), key_spans(&after, "checkpoint"));
    assert_eq!((facts.len(), checkpoints.len()), (2, 2));
    assert_eq!(
        (facts[0].1, checkpoints[0].1),
        (facts[1].0, checkpoints[1].0),
        "one ends where the other begins"
    );

    // A log in which nothing happens takes them from the job, once.
    assert_eq!(size(&app, idle.id).await, 3);
    app.run_job("key succession").await;
    app.run_job("key succession").await;
    assert_eq!(size(&app, idle.id).await, 5);
    assert_eq!(size(&app, site.id).await, after.entries);
    judge(&app, &export(&mut admin, idle.id).await, &first, None);

    // A node whose clock is behind does not fall back to the key before.
    app.clock.advance(TimeDelta::seconds(-30));
    let behind = judge(&app, &export(&mut admin, site.id).await, &first, Some(&older));
    assert_eq!(key_spans(&behind, "server_facts").len(), 2);

    // Both once more, while the appliance is away.
    app.clock.advance(hours(25));
    for (role, seed) in LOG_KEYS.into_iter().zip(3..) {
        rotate(&app, role, seed).await;
    }
    app.clock.advance(hours(48));
    app.run_job("key succession").await;
    let standing = desk.submit_all(Vec::new()).await;
    assert_eq!(standing.successors.len(), 2);
    let heartbeats = desk.heartbeats(2);
    desk.submit_all(heartbeats).await;
    app.run_job("publication").await;
    app.run_job("sampling").await;
    no_alarms(&app).await;
    let mut admin = app.admin().await;
    let bytes = export(&mut admin, site.id).await;
    for key in [&first, &second] {
        let report = judge(&app, &bytes, key, Some(&older));
        assert_eq!(key_spans(&report, "server_facts").len(), 3);
        assert_eq!(key_spans(&report, "checkpoint").len(), 3);
    }
    // A site that begins now begins with the keys of now, and hangs on the same first one.
    let fresh = app.site(&mut admin, "New Street").await;
    app.enrolled(&mut admin, &fresh).await;
    let report = judge(&app, &export(&mut admin, fresh.id).await, &first, None);
    assert_eq!(key_spans(&report, "server_facts").len(), 1);
    let entry = admin.get(&format!("/api/sites/{}/evidence/0", fresh.id)).await.expect(200);
    assert_eq!(entry["checkpoint_successors"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn an_entry_without_an_appliance_gets_its_checkpoint_from_the_key_of_now() {
    let app = TestApp::start().await;
    register(&app).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let mut desk = Desk::of(app.enrolled(&mut admin, &site).await, &app.clock);
    let run = desk.run_all(Verdict::Pass);
    let before = desk.submit_all(vec![run]).await.checkpoint;
    rotate(&app, KeyRole::Checkpoint, 1).await;
    app.clock.advance(hours(48));
    // Nothing was added since, and the key before is refused by now.
    let standing = desk.submit_all(Vec::new()).await;
    assert_ne!(standing.checkpoint, before);
    let opened = desk.open(&standing.checkpoint);
    assert_eq!(opened.signed_at, app.clock.now());
}

#[tokio::test]
async fn a_node_that_lacks_the_key_for_facts_states_nothing_with_the_one_before() {
    let app = TestApp::start().await;
    register(&app).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    app.enrolled(&mut admin, &site).await;
    let made = successor(&app, KeyRole::ServerFacts, 1);
    take(&app, KeyRole::ServerFacts, &made, 1).await.expect("taken");
    app.clock.advance(hours(24));
    let mut admin = app.admin().await;
    let path = format!("/api/sites/{}/evidence/export", site.id);
    assert_eq!(admin.get(&path).await.status, 503);
    let mut chains = app.app.state.keys().chains();
    chains.push(KeyRole::ServerFacts, made.1);
    app.app.state.keys().follow(chains);
    let report = verify(&export(&mut admin, site.id).await[..], &Options::default()).expect("readable");
    assert!(report.consistent, "{:?}", report.findings);
    assert!(!report.findings.iter().any(|finding| finding.reason == Reason::KeyRevoked));
}
