//! Statements on their way into the log, the proofs that answer them, publication, sampling and export.

use chrono::TimeDelta;
use proofline_core::{SiteId, Verdict};
use proofline_evidence::export::{Options, verify};
use proofline_evidence::merkle::{Frontier, leaf_hash};
use proofline_evidence::statement::{Body, CheckRun, KeyAction, KeyEvent, KeyRole as StatedRole};
use proofline_evidence::tile::{TileRef, parse_bundle};
use proofline_evidence::{Digest, dsse};
use proofline_protocol::{Base64, KeyRole, RejectCode, SubmitRequest, SubmitResponse};
use proofline_testkit::{Agent, Browser, TestApp, TestSite};
use serde_json::Value;
use sqlx::ConnectOptions as _;

use crate::desk::{Desk, ROOT_LOGIN, result};

async fn enrolled(app: &TestApp) -> (Browser, TestSite, Desk) {
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent: Agent = app.enrolled(&mut admin, &site).await;
    let desk = Desk::of(agent, &app.clock);
    (admin, site, desk)
}

fn codes(response: &SubmitResponse) -> Vec<(u64, RejectCode)> {
    response.rejected.iter().map(|rejected| (rejected.seq, rejected.code)).collect()
}

fn indices(response: &SubmitResponse) -> Vec<u64> {
    response.entries.iter().map(|entry| entry.index).collect()
}

async fn alarms(admin: &mut Browser) -> Vec<String> {
    let health = admin.get("/api/system/health").await.expect(200);
    let alarms = health["alarms"].as_array().cloned().unwrap_or_default();
    alarms.iter().map(|alarm| alarm["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn what_is_accepted_is_proved_and_follows_the_keys() {
    let app = TestApp::start().await;
    let (mut admin, site, mut desk) = enrolled(&app).await;
    // The log begins with the server's keys and the appliance's own.
    let response = {
        let run = desk.run_all(Verdict::Pass);
        desk.submit_all(vec![run]).await
    };
    assert_eq!(indices(&response), [3]);
    assert_eq!((response.next_seq, response.last_digest), (2, desk.prev));
    let listed = admin.get(&format!("/api/sites/{}/evidence", site.id)).await.expect(200);
    let kinds: Vec<_> =
        listed["items"].as_array().expect("items").iter().map(|e| e["kind"].clone()).collect();
    assert_eq!(kinds, ["check_run", "key", "key", "key"]);
    let batch = desk.heartbeats(40);
    let response = desk.submit_all(batch).await;
    assert_eq!(indices(&response), (4..44).collect::<Vec<_>>());
    // An empty submission only asks where things stand.
    let standing = desk.submit_all(Vec::new()).await;
    assert_eq!((standing.next_seq, standing.last_digest), (42, desk.prev));
}

#[tokio::test]
async fn the_same_bytes_get_the_same_place() {
    let app = TestApp::start().await;
    let (mut admin, site, mut desk) = enrolled(&app).await;
    let first = vec![desk.run(vec![result(ROOT_LOGIN, Verdict::Pass, "no")]), desk.heartbeat()];
    let before = desk.submit_all(first.clone()).await;
    let again = desk.submit_all(first.clone()).await;
    assert_eq!(indices(&before), indices(&again));
    assert_eq!(before.checkpoint, again.checkpoint, "nothing was appended");
    // Old and new together, one of them twice.
    let new = desk.heartbeat();
    let mixed = desk.submit(vec![first[1].clone(), new.clone(), new]).await;
    assert_eq!(indices(&mixed), [4, 5, 5]);
    let detail = admin.get(&format!("/api/sites/{}", site.id)).await.expect(200);
    assert_eq!(detail["log"]["size"], 6);
}

#[tokio::test]
async fn other_bytes_under_a_taken_number_are_refused_and_alarmed() {
    let app = TestApp::start().await;
    let (mut admin, _, mut desk) = enrolled(&app).await;
    let run = desk.run(vec![result(ROOT_LOGIN, Verdict::Pass, "no")]);
    desk.submit_all(vec![run]).await;
    let mut header = desk.header();
    (header.seq, header.prev) = (1, Digest::ZERO);
    let body =
        Body::CheckRun(CheckRun { results: vec![result(ROOT_LOGIN, Verdict::Pass, "No")], state: None });
    let forged = desk.sign(header, body);
    assert_eq!(alarms(&mut admin).await, Vec::<String>::new());
    let response = desk.submit(vec![forged]).await;
    assert_eq!(codes(&response), [(1, RejectCode::SeqConflict)]);
    assert_eq!(alarms(&mut admin).await, ["seq_conflict"]);
    // The signer goes on undisturbed.
    let heartbeat = desk.heartbeat();
    desk.submit_all(vec![heartbeat]).await;
}

#[tokio::test]
async fn a_hole_needs_a_gap_statement() {
    let app = TestApp::start().await;
    let (mut admin, site, mut desk) = enrolled(&app).await;
    let run = desk.run(vec![result(ROOT_LOGIN, Verdict::Pass, "no")]);
    desk.submit_all(vec![run]).await;
    let (seq, prev) = (desk.seq, desk.prev);
    let lost = desk.heartbeats(3);
    let batch = vec![lost[2].clone(), desk.heartbeat()];
    let response = desk.submit(batch).await;
    assert_eq!(codes(&response), [(4, RejectCode::SeqGap), (5, RejectCode::NotReached)]);
    assert_eq!(response.next_seq, 2);
    // As if the three had been lost: the gap names them, and what follows is chained to it.
    (desk.seq, desk.prev) = (seq, prev);
    let batch = vec![desk.gap(3), desk.heartbeat()];
    let response = desk.submit_all(batch).await;
    assert_eq!(response.next_seq, 7);
    // They turn up after all: too late, and in nobody's way.
    let late = vec![lost[0].clone(), desk.heartbeat()];
    let response = desk.submit(late).await;
    assert_eq!((codes(&response), response.next_seq), (vec![(2, RejectCode::SeqConflict)], 8));
    // A gap that leaves a hole of its own is none.
    (desk.seq, desk.prev) = (10, desk.prev);
    let gap = desk.gap(2);
    let response = desk.submit(vec![gap]).await;
    assert_eq!(codes(&response), [(13, RejectCode::Malformed)]);
    let report = export(&mut admin, site.id).await;
    assert!(report.consistent, "{:?}", report.findings);
}

#[tokio::test]
async fn each_kind_of_bad_statement_has_its_reason() {
    let app = TestApp::start().await;
    let (mut admin, _, mut desk) = enrolled(&app).await;
    let other = app.site(&mut admin, "Other Street").await;
    let stranger = Desk::of(app.enrolled(&mut admin, &other).await, &app.clock);
    let results = vec![result(ROOT_LOGIN, Verdict::Pass, "no")];
    let body = || Body::CheckRun(CheckRun { results: results.clone(), state: None });
    let header = desk.header();
    let cases = [
        (desk.sign(header.clone().tap(|h| h.site = other.id), body()), RejectCode::WrongSite),
        (desk.sign(header.clone().tap(|h| h.asset = Some(stranger.asset)), body()), RejectCode::WrongSite),
        (
            desk.sign(
                header.clone().tap(|h| h.appliance = Some(stranger.agent.identity().appliance)),
                body(),
            ),
            RejectCode::WrongSite,
        ),
        (desk.sign(header.clone().tap(|h| h.asset = None), body()), RejectCode::Malformed),
        (desk.sign(header.clone().tap(|h| h.prev = Digest::of("other")), body()), RejectCode::PrevMismatch),
        (desk.sign(header.clone().tap(|h| h.ended += TimeDelta::hours(1)), body()), RejectCode::Malformed),
        (
            desk.sign(header.clone().tap(|h| h.started += TimeDelta::seconds(1)), body()),
            RejectCode::Malformed,
        ),
        (stranger.sign(header.clone(), body()), RejectCode::SignatureInvalid),
        (dsse::sign("text/plain", b"{}", &desk.agent.key), RejectCode::SignatureInvalid),
        (dsse::sign(dsse::STATEMENT_PAYLOAD_TYPE, b"{}", &desk.agent.key), RejectCode::Malformed),
        (b"{}".to_vec(), RejectCode::Malformed),
        (Vec::new(), RejectCode::Malformed),
    ];
    for (place, (envelope, code)) in cases.into_iter().enumerate() {
        let response = desk.submit(vec![envelope]).await;
        assert_eq!(
            response.rejected.first().map(|r| r.code),
            Some(code),
            "case {place}: {:?}",
            response.rejected
        );
        assert_eq!((response.entries.len(), response.next_seq), (0, 1), "case {place}");
    }
    // A statement that only the server may make.
    let key = desk.server_key(KeyRole::Orders);
    let event = KeyEvent::new(KeyAction::Enrolled, StatedRole::Orders, key, None, "mine now");
    let usurping = desk.sign(header, Body::Key(event));
    let response = desk.submit(vec![usurping]).await;
    assert_eq!(codes(&response), [(1, RejectCode::Malformed)]);
    let good = desk.run(vec![result(ROOT_LOGIN, Verdict::Pass, "no")]);
    desk.submit_all(vec![good]).await;
}

trait Tap: Sized {
    fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Tap for proofline_evidence::statement::Header {}

#[tokio::test]
async fn appliances_of_one_site_share_its_log_at_the_same_time() {
    let app = TestApp::start().await;
    let (mut admin, site, first) = enrolled(&app).await;
    let mut desks = vec![first];
    for _ in 0..3 {
        desks.push(Desk::of(app.enrolled(&mut admin, &site).await, &app.clock));
    }
    let work = desks.into_iter().map(|mut desk| async move {
        let mut places = Vec::new();
        let run = desk.run_all(Verdict::Pass);
        places.extend(indices(&desk.submit_all(vec![run]).await));
        for _ in 0..5 {
            let batch = desk.heartbeats(7);
            places.extend(indices(&desk.submit_all(batch).await));
        }
        places
    });
    let mut places: Vec<u64> = futures_util::future::join_all(work).await.concat();
    places.sort_unstable();
    let distinct = {
        let mut p = places.clone();
        p.dedup();
        p.len()
    };
    assert_eq!((places.len(), distinct), (4 * 36, 4 * 36));
    let size = admin.get(&format!("/api/sites/{}", site.id)).await.expect(200)["log"]["size"].clone();
    assert_eq!(size, 2 + 4 + 4 * 36);
    assert!(export(&mut admin, site.id).await.consistent);
}

async fn export(admin: &mut Browser, site: SiteId) -> proofline_evidence::export::Report {
    let reply = admin.get(&format!("/api/sites/{site}/evidence/export")).await;
    assert_eq!(reply.status, 200);
    assert!(reply.headers["content-disposition"].to_str().is_ok_and(|v| v.starts_with("attachment")));
    verify(&reply.bytes[..], &Options::default()).expect("readable")
}

#[tokio::test]
async fn a_log_of_many_tiles_is_proved_published_rebuilt_and_exported() {
    let app = TestApp::start().await;
    let (_, site, mut desk) = enrolled(&app).await;
    let run = desk.run_all(Verdict::Pass);
    desk.submit_all(vec![run]).await;
    let mut sent = Vec::new();
    for size in [100, 100, 47, 5, 1, 100, 100, 100, 100] {
        let batch = desk.heartbeats(size);
        sent.extend(batch.clone());
        desk.submit_all(batch).await;
        if size == 47 {
            app.run_job("publication").await;
        }
    }
    // Any old entry is proved against the newest head, from stored tiles alone.
    for place in [0, 1, 99, 250, 251, 252, 253, 400, 652] {
        desk.submit_all(vec![sent[place].clone()]).await;
    }
    let folder = published(&app, &desk);
    assert!(folder.join("tile/0/000.p").exists(), "251 entries make a partial tile");
    // What is published is enough to compute the root, and comes out the same when it is published again from nothing.
    app.clock.advance(TimeDelta::hours(2));
    app.run_job("publication").await;
    let mut admin = app.admin().await;
    let left = std::fs::read_dir(folder.join("tile/0/000.p")).map(Iterator::count).unwrap_or_default();
    assert_eq!(left, 0, "the full tile has replaced it");
    let (objects, root, size) = rebuilt(&app, &desk);
    assert_eq!(size, 3 + 1 + 653);
    let detail = admin.get(&format!("/api/sites/{}", site.id)).await.expect(200);
    assert_eq!(detail["log"]["root"], root.to_string());
    assert_eq!(detail["log"]["published_size"], size);
    std::fs::remove_dir_all(&folder).expect("the store is lost");
    app.clock.advance(TimeDelta::hours(2));
    app.run_job("publication").await;
    let mut admin = app.admin().await;
    assert_eq!(rebuilt(&app, &desk).0, objects, "the same objects, byte for byte");
    let report = export(&mut admin, site.id).await;
    assert!(report.consistent, "{:?}", report.findings);
    assert_eq!(report.entries, size + 1, "the export itself is the last entry");
    app.run_job("sampling").await;
    assert_eq!(alarms(&mut admin).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_publication_that_breaks_off_is_alarmed_and_made_up_for() {
    let app = TestApp::start().await;
    let (mut admin, site, mut desk) = enrolled(&app).await;
    let run = desk.run_all(Verdict::Pass);
    desk.submit_all(vec![run]).await;
    let folder = published(&app, &desk);
    // Where the tiles' folder should be stands a file: nothing can be written into it.
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("tile"), b"in the way").expect("a file");
    app.run_job("publication").await;
    assert_eq!(alarms(&mut admin).await, ["publication_failed"]);
    assert!(!folder.join("checkpoint").exists(), "no checkpoint without what it commits to");
    std::fs::remove_file(folder.join("tile")).expect("away");
    app.run_job("publication").await;
    assert_eq!(alarms(&mut admin).await, Vec::<String>::new());
    let (_, root, size) = rebuilt(&app, &desk);
    let detail = admin.get(&format!("/api/sites/{}", site.id)).await.expect(200);
    assert_eq!(
        (&detail["log"]["root"], &detail["log"]["published_size"]),
        (&Value::from(root.to_string()), &Value::from(size))
    );
    // The published copy is sampled too.
    let bundle = folder.join("tile/entries/000.p").join(size.to_string());
    let mut bytes = std::fs::read(&bundle).expect("a bundle");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&bundle, bytes).expect("an operator can");
    app.run_job("sampling").await;
    assert_eq!(alarms(&mut admin).await, ["sample_failed"]);
}

/// Where the desk's log is published.
fn published(app: &TestApp, desk: &Desk) -> std::path::PathBuf {
    let identity = desk.agent.identity();
    let folder = app.evidence_folder.path().join(identity.installation.to_string());
    folder.join("evidence").join(identity.site.to_string())
}

/// Reads the published log as a stranger does: every file but the checkpoint, and the root over the entries.
fn rebuilt(app: &TestApp, desk: &Desk) -> (Vec<(String, Vec<u8>)>, Digest, u64) {
    let folder = published(app, desk);
    let note = std::fs::read(folder.join("checkpoint")).expect("a checkpoint");
    let note = proofline_evidence::note::Note::parse(&note).expect("a note");
    let size = proofline_evidence::note::Checkpoint::parse_text(note.text()).expect("a checkpoint").size;
    let (mut frontier, mut files) = (Frontier::new(), Vec::new());
    for tile in TileRef::all(size) {
        let path = tile.path();
        files.push((path.clone(), std::fs::read(folder.join(path)).expect("a tile")));
        if tile.level() == 0 {
            let bundle = std::fs::read(folder.join(tile.bundle_path())).expect("a bundle");
            for entry in parse_bundle(&bundle).expect("a bundle") {
                frontier.push(leaf_hash(entry));
            }
            files.push((tile.bundle_path(), bundle));
        }
    }
    (files, frontier.root(), frontier.size())
}

#[tokio::test]
async fn an_operator_who_edits_a_row_is_found_out() {
    let app = TestApp::start().await;
    let (mut admin, site, mut desk) = enrolled(&app).await;
    let run = desk.run_all(Verdict::Fail);
    desk.submit_all(vec![run]).await;
    let batch = desk.heartbeats(30);
    desk.submit_all(batch).await;
    assert!(export(&mut admin, site.id).await.consistent);
    let mut operator = app.database.superuser().await;
    sqlx::query(
        "UPDATE evidence_entry SET envelope = replace(convert_from(envelope, 'UTF8'), 'payload', 'paxload')::bytea
         WHERE leaf_index BETWEEN 3 AND 30",
    )
    .execute(&mut operator)
    .await
    .expect("an operator can");
    app.run_job("sampling").await;
    assert!(alarms(&mut admin).await.contains(&"sample_failed".to_owned()));
    let published_before =
        std::fs::read_dir(app.evidence_folder.path()).map(Iterator::count).unwrap_or_default();
    app.clock.advance(TimeDelta::hours(2));
    app.run_job("publication").await;
    let mut admin = app.admin().await;
    assert!(alarms(&mut admin).await.contains(&"publication_failed".to_owned()));
    assert_eq!(
        published_before,
        std::fs::read_dir(app.evidence_folder.path()).map(Iterator::count).unwrap_or_default()
    );
    let report = export(&mut admin, site.id).await;
    assert!(!report.consistent, "handed out all the same, and it does not verify");
}

/// Waits until `count` connections wait for a lock.
async fn waiting(operator: &mut sqlx::PgConnection, count: i64) {
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(30) {
        let found: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&mut *operator)
        .await
        .expect("answers");
        if found >= count {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("nobody waits");
}

#[tokio::test]
async fn nothing_is_appended_behind_a_revocation() {
    // Two transactions wait for the same row: on one connection they would never meet.
    let app = TestApp::start_with_exactly(2).await;
    let (mut admin, site, mut desk) = enrolled(&app).await;
    let run = desk.run_all(Verdict::Pass);
    desk.submit_all(vec![run]).await;
    let appliance = desk.agent.identity().appliance;
    // The log is held, so that the revocation waits for it, and behind the revocation a submission that was let in.
    let (mut operator, mut onlooker) = (app.database.superuser().await, app.database.superuser().await);
    let mut held = sqlx::Connection::begin(&mut operator).await.expect("begins");
    sqlx::query("SELECT 1 FROM evidence_log FOR UPDATE").execute(&mut *held).await.expect("locks");
    let heartbeat = desk.heartbeat();
    let request = SubmitRequest { from_size: 0, envelopes: vec![Base64(heartbeat)] };
    let reason = serde_json::json!({ "reason": "the machine was stolen" });
    let path = format!("/api/appliances/{appliance}/revoke");
    let (revoked, submitted, ()) = tokio::join!(
        admin.post(&path, reason),
        async {
            waiting(&mut onlooker, 1).await;
            desk.agent.submit(&request).await
        },
        async {
            let mut onlooker = app.database.superuser().await;
            waiting(&mut onlooker, 2).await;
            held.rollback().await.expect("lets go");
        }
    );
    assert!(revoked.status.is_success(), "{}", String::from_utf8_lossy(&revoked.bytes));
    assert_eq!((submitted.status.as_u16(), submitted.code().as_str()), (401, "appliance_revoked"));
    let report = export(&mut admin, site.id).await;
    assert!(report.consistent, "{:?}", report.findings);
}

#[tokio::test]
async fn an_appliance_that_knows_more_of_the_log_than_there_is_raises_the_alarm() {
    let app = TestApp::start().await;
    let (mut admin, _, mut desk) = enrolled(&app).await;
    let run = desk.run_all(Verdict::Pass);
    desk.submit_all(vec![run]).await;
    assert_eq!(alarms(&mut admin).await, Vec::<String>::new());
    // As after a backup was restored: the head that it holds is of a longer log.
    let request = SubmitRequest { from_size: 900, envelopes: Vec::new() };
    assert!(desk.agent.submit(&request).await.status.is_success());
    assert_eq!(alarms(&mut admin).await, ["sample_failed"]);
    let health = admin.get("/api/system/health").await.expect(200);
    let detail = health["alarms"][0]["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.contains("was told of 900 entries"), "{detail}");
}

#[tokio::test]
async fn a_past_that_was_rewritten_is_neither_signed_nor_published() {
    let app = TestApp::start().await;
    let (_, _, mut desk) = enrolled(&app).await;
    let run = desk.run_all(Verdict::Fail);
    desk.submit_all(vec![run]).await;
    app.run_job("publication").await;
    let checkpoint = published(&app, &desk).join("checkpoint");
    let public = std::fs::read(&checkpoint).expect("a checkpoint");
    let older = String::from_utf8(public.clone()).expect("text");
    for _ in 0..3 {
        let batch = desk.heartbeats(100);
        desk.submit_all(batch).await;
    }
    let mut operator = app.database.superuser().await;
    // An entry is replaced together with its leaf hash, before its tile is published.
    sqlx::query("CREATE TABLE kept AS SELECT * FROM evidence_entry WHERE leaf_index = 10")
        .execute(&mut operator)
        .await
        .expect("an operator can");
    sqlx::query(
        "UPDATE evidence_entry SET envelope = 'x', leaf_hash = sha256('\\x00'::bytea || 'x'::bytea) WHERE leaf_index = 10",
    )
    .execute(&mut operator)
    .await
    .expect("an operator can");
    app.clock.advance(TimeDelta::hours(2));
    app.run_job("publication").await;
    let mut admin_later = app.admin().await;
    assert_eq!(alarms(&mut admin_later).await, ["publication_failed"]);
    assert_eq!(std::fs::read(&checkpoint).expect("a checkpoint"), public);
    sqlx::query("UPDATE evidence_entry e SET envelope = k.envelope, leaf_hash = k.leaf_hash FROM kept k WHERE e.leaf_index = 10")
        .execute(&mut operator)
        .await
        .expect("put back");
    app.run_job("publication").await;
    assert_eq!(alarms(&mut admin_later).await, Vec::<String>::new());
    let public = std::fs::read(&checkpoint).expect("a checkpoint");
    assert_ne!(public, older.into_bytes());

    // The head is set back to an empty log of another time: the row adds up, and nobody signed it.
    let (first, peaks): (Vec<u8>, Vec<u8>) =
        sqlx::query_as("SELECT leaf_hash, leaf_hash FROM evidence_entry WHERE leaf_index = 0")
            .fetch_one(&mut operator)
            .await
            .expect("an entry");
    sqlx::query("UPDATE evidence_log SET size = 1, published_size = 1, root = $1, peaks = $2")
        .bind(&first)
        .bind(&peaks)
        .execute(&mut operator)
        .await
        .expect("an operator can");
    let heartbeat = desk.heartbeat();
    let request = SubmitRequest { from_size: 0, envelopes: vec![Base64(heartbeat)] };
    assert_eq!(desk.agent.submit(&request).await.status.as_u16(), 500, "no other past is gone on from");
    app.clock.advance(TimeDelta::hours(2));
    app.run_job("publication").await;
    let mut admin = app.admin().await;
    assert_eq!(alarms(&mut admin).await, ["publication_failed"]);
    assert_eq!(std::fs::read(&checkpoint).expect("a checkpoint"), public);
}

#[tokio::test]
async fn nobody_at_run_time_can_change_or_remove_evidence() {
    let app = TestApp::start().await;
    let (_, _, mut desk) = enrolled(&app).await;
    let run = desk.run_all(Verdict::Pass);
    desk.submit_all(vec![run]).await;
    let mut connection = app.database.runtime_options().connect().await.expect("connects");
    for sql in [
        "UPDATE evidence_entry SET summary = ''",
        "DELETE FROM evidence_entry",
        "TRUNCATE evidence_entry",
        "DELETE FROM evidence_log",
        "UPDATE evidence_tile SET position = 9",
        "DELETE FROM evidence_mention",
        "DELETE FROM verdict_span",
        "DELETE FROM incident_transition",
    ] {
        let refused = sqlx::query(sql).execute(&mut connection).await.expect_err(sql);
        let code = refused.as_database_error().and_then(|e| e.code().map(std::borrow::Cow::into_owned));
        assert_eq!(code.as_deref(), Some("42501"), "{sql}");
    }
}

#[tokio::test]
async fn an_entry_is_shown_with_all_that_its_verification_needs() {
    let app = TestApp::start().await;
    let (mut admin, site, mut desk) = enrolled(&app).await;
    let run = desk.run_all(Verdict::Pass);
    desk.submit_all(vec![run.clone()]).await;
    let entry = admin.get(&format!("/api/sites/{}/evidence/3", site.id)).await.expect(200);
    let bytes = |value: &Value| -> Vec<u8> {
        proofline_evidence::encoding::decode(value.as_str().expect("text")).expect("canonical base64")
    };
    assert_eq!(bytes(&entry["envelope_base64"]), run);
    assert_eq!(entry["key"]["key_id"], desk.agent.key.id().to_string());
    assert_eq!(entry["key"]["role"], "appliance");
    assert_eq!(entry["key"]["enrolled_index"], 2);
    assert_eq!(entry["key"]["revoked_index"], Value::Null);
    let head = desk.open(entry["checkpoint"]["note"].as_str().expect("a note")).checkpoint;
    let proof: Vec<Digest> = entry["inclusion_proof"]
        .as_array()
        .expect("a proof")
        .iter()
        .map(|hash| Digest::from_slice(&bytes(hash)).expect("32 bytes"))
        .collect();
    proofline_evidence::merkle::verify_inclusion(3, head.size, &leaf_hash(&run), &proof, &head.root)
        .expect("included");
    for index in [0, 1, 2] {
        let entry = admin.get(&format!("/api/sites/{}/evidence/{index}", site.id)).await.expect(200);
        assert_eq!(entry["key"]["role"], "server_facts");
        assert_eq!(entry["key"]["enrolled_index"], 0);
    }
    admin.get(&format!("/api/sites/{}/evidence/99", site.id)).await.expect_problem(404, "not_found");
    admin.get(&format!("/api/sites/{}/evidence/x", site.id)).await.expect_problem(404, "not_found");
    let page = admin.get(&format!("/api/sites/{}/evidence?check_id={ROOT_LOGIN}", site.id)).await.expect(200);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
    let page = admin.get(&format!("/api/sites/{}/evidence?kind=key&limit=2", site.id)).await.expect(200);
    let next = page["next_cursor"].as_str().expect("there is more");
    let rest = admin
        .get(&format!("/api/sites/{}/evidence?kind=key&limit=2&cursor={next}", site.id))
        .await
        .expect(200);
    assert_eq!(rest["items"][0]["index"], 0);
    admin.get(&format!("/api/sites/{}/evidence?kind=x", site.id)).await.expect(422);
}
