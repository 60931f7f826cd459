//! Another signing key takes two: the machine that the server runs on, and an administrator in the console.

use chrono::TimeDelta;
use proofline_core::{Clock as _, KeyRotationId, Role, SeededEntropy, UserId};
use proofline_protocol::KeyRole;
use proofline_server::background_permit;
use proofline_server::keys::{SuccessionError, ask, succeed};
use proofline_testkit::TestApp;
use serde_json::{Value, json};

use crate::signing_keys::{hours, register, successor};

/// Asks as the command on the server's machine does.
pub(crate) async fn ask_for(
    app: &TestApp,
    role: KeyRole,
    key_id: &str,
    seed: u8,
) -> Result<KeyRotationId, SuccessionError> {
    let entropy = SeededEntropy::new(8_000 + u64::from(seed));
    let asked =
        ask(&app.store, (role, key_id), Some(("the disk was replaced", 24)), (app.clock.now(), &entropy));
    Ok(asked.await?.expect("a reason was given").0.id)
}

/// Decides it behind everybody's back, for tests about what follows.
pub(crate) async fn approve(app: &TestApp, id: KeyRotationId) {
    let permit = background_permit("test").expect("permitted");
    let mut scope = app.store.scope(&permit).await.expect("opens");
    let somebody = UserId::new(app.clock.now(), &SeededEntropy::new(7));
    scope.decide_key_rotation(id, true, (somebody, "Ada"), app.clock.now()).await.expect("decides");
    scope.commit_unaudited().await.expect("commits");
}

/// A request about the key of a role that waits.
pub(crate) async fn asked(app: &TestApp, role: KeyRole) -> String {
    register(app).await;
    let key = app.app.state.keys().signer(role, app.clock.now());
    let number = KeyRole::ALL.iter().position(|other| *other == role).expect("a role");
    let seed = 100 + u8::try_from(number).expect("few roles");
    ask_for(app, role, &key.id().to_string(), seed).await.expect("asks").to_string()
}

async fn states(app: &TestApp) -> Vec<Value> {
    let listed = app.staff(Role::StaffReadonly).await.get("/api/system/key-rotations").await.expect(200);
    listed["items"].as_array().expect("items").iter().map(|item| item["state"].clone()).collect()
}

async fn decide(app: &TestApp, id: &str, what: &str) -> (u16, String) {
    let reply =
        app.staff(Role::StaffAdmin).await.post_empty(&format!("/api/system/key-rotations/{id}/{what}")).await;
    (reply.status.as_u16(), if reply.status.is_success() { String::new() } else { reply.code() })
}

#[tokio::test]
async fn a_successor_is_taken_only_after_an_administrator_approved_it() {
    let app = TestApp::start().await;
    register(&app).await;
    let (before, link) = successor(&app, KeyRole::Orders, 1);
    let entropy = SeededEntropy::new(7_700);
    let carry_out = async || -> Result<(), SuccessionError> {
        succeed(&app.store, (KeyRole::Orders, &before), &link, (app.clock.now(), &entropy), || Ok(())).await
    };
    assert!(matches!(carry_out().await, Err(SuccessionError::NotApproved)), "nobody asked");
    let id = asked(&app, KeyRole::Orders).await;
    assert_eq!(asked(&app, KeyRole::Orders).await, id, "asked again, it is the same request");
    assert!(matches!(carry_out().await, Err(SuccessionError::NotApproved)), "nobody decided");
    assert_eq!(states(&app).await, ["requested"]);

    let path = format!("/api/system/key-rotations/{id}/approve");
    for role in [Role::StaffOperator, Role::StaffReadonly] {
        assert_eq!(app.staff(role).await.post_empty(&path).await.status, 403, "{role}");
    }
    let mut admin = app.staff(Role::StaffAdmin).await;
    app.clock.advance(TimeDelta::minutes(6));
    let stale = admin.post_empty(&path).await;
    assert_eq!((stale.status.as_u16(), stale.code().as_str()), (403, "step_up_required"));
    assert_eq!(decide(&app, &id, "approve").await, (200, String::new()));
    assert_eq!(decide(&app, &id, "reject").await, (409, "already_decided".to_owned()));
    assert_eq!(states(&app).await, ["approved"]);

    carry_out().await.expect("carried out");
    assert_eq!(states(&app).await, ["carried_out"]);
    assert!(carry_out().await.is_err(), "an approval is for one successor");
    let decided = "/api/audit?action=key_rotation.decide&outcome=done";
    let audit = app.admin().await.get(decided).await.expect(200);
    assert_eq!(audit["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(audit["items"][0]["resource"], json!(id));
    let asked = app.admin().await.get("/api/audit?action=key_rotation.ask").await.expect(200);
    assert_eq!(asked["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_is_turned_down_or_too_late_carries_nothing_out() {
    let app = TestApp::start().await;
    register(&app).await;
    let (before, link) = successor(&app, KeyRole::Orders, 1);
    let entropy = SeededEntropy::new(7_700);
    let refused = async || {
        let at = (app.clock.now(), &entropy as &dyn proofline_core::Entropy);
        let taken: Result<(), SuccessionError> =
            succeed(&app.store, (KeyRole::Orders, &before), &link, at, || Ok(())).await;
        matches!(taken, Err(SuccessionError::NotApproved))
    };
    let ask_again = async |seed| {
        let id = ask_for(&app, KeyRole::Orders, &before.id().to_string(), seed).await.expect("asks");
        id.to_string()
    };
    let first = ask_again(1).await;
    assert_eq!(decide(&app, &first, "reject").await.0, 200);
    assert!(refused().await);
    app.clock.advance(TimeDelta::seconds(1));
    let second = ask_again(2).await;
    assert_ne!(first, second);
    app.clock.advance(hours(24));
    assert_eq!(decide(&app, &second, "approve").await, (409, "rotation_expired".to_owned()));
    let third = ask_again(3).await;
    assert_eq!(decide(&app, &third, "approve").await.0, 200);
    app.clock.advance(hours(24));
    assert!(refused().await, "approved, and too long ago");
    assert_eq!(states(&app).await, ["expired", "expired", "rejected"]);
}

#[tokio::test]
async fn of_fifty_who_decide_at_once_one_wins() {
    let app = TestApp::start().await;
    let id = asked(&app, KeyRole::Orders).await;
    let admin = app.staff(Role::StaffAdmin).await;
    let decisions = (0..50).map(|n| {
        let mut admin = admin.clone();
        let path =
            format!("/api/system/key-rotations/{id}/{}", if n % 2 == 0 { "approve" } else { "reject" });
        async move { admin.post_empty(&path).await.status.as_u16() }
    });
    let mut statuses = futures_util::future::join_all(decisions).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, [409; 49].as_slice()));
    let mut superuser = app.database.superuser().await;
    let decided =
        "SELECT count(*) FROM audit_entry WHERE action = 'key_rotation.decide' AND outcome = 'done'";
    assert_eq!(sqlx::query_scalar::<_, i64>(decided).fetch_one(&mut superuser).await.expect("counts"), 1);
}
