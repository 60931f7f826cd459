//! Credentials of appliances: written once, read by the one appliance that they are sealed to.

use proofline_core::Role;
use proofline_evidence::dsse::Envelope;
use proofline_evidence::{PublicKey, SigningKey};
use proofline_protocol::credentials::{Login, NotOurs, Purpose, open};
use proofline_protocol::{CREDENTIALS_PAYLOAD_TYPE, CredentialSet, KeyRole, paths};
use proofline_testkit::{Agent, Browser, TestApp, logs};
use serde_json::{Value, json};

/// Nowhere but in the request that brings it and on the appliance that it is for.
const SECRET: &str = "canary-secret-of-the-nas";

fn credentials_of(agent: &Agent) -> String {
    format!("/api/appliances/{}/credentials", agent.identity().appliance)
}

pub(crate) async fn set(browser: &mut Browser, agent: &Agent, name: &str, secret: &str) -> Value {
    logs::must_not_hold(secret);
    let body = json!({ "name": name, "username": "backup", "secret": secret });
    browser.post(&credentials_of(agent), body).await.expect(201)
}

/// The set as the appliance reads it, the signature verified.
pub(crate) async fn delivered(agent: &Agent) -> CredentialSet {
    let reply = agent.call::<()>("GET", paths::CREDENTIALS, None).await;
    reply.expect(200);
    let keys = &agent.identity().server_keys;
    let orders = keys.iter().find(|key| key.role == KeyRole::Orders).expect("pinned");
    let key = PublicKey::from_bytes(&orders.public_key).expect("sound");
    let envelope = Envelope::parse_up_to(&reply.bytes, 1 << 20).expect("an envelope");
    serde_json::from_slice(envelope.verify(CREDENTIALS_PAYLOAD_TYPE, &key).expect("genuine")).expect("a set")
}

/// Opens everything in a set with a key.
pub(crate) fn opened(set: &CredentialSet, key: &SigningKey) -> Result<Vec<(String, Login)>, NotOurs> {
    let open = |credential: &proofline_protocol::SealedCredential| {
        let name = credential.name.as_str();
        let (appliance, version) = (set.appliance, credential.version);
        let purpose = Purpose { appliance, credential: credential.id, version, name };
        open(key, &purpose, &credential.envelope.0).map(|login| (name.to_owned(), login))
    };
    set.credentials.iter().map(open).collect()
}

#[tokio::test]
async fn a_credential_is_read_by_its_appliance_and_by_nobody_else() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let (agent, other) = (app.enrolled(&mut admin, &site).await, app.enrolled(&mut admin, &site).await);
    assert_eq!(agent.check_in().await.credentials_version, 0);
    let body = set(&mut admin, &agent, " nas ", SECRET).await;
    assert_eq!((&body["name"], &body["version"]), (&json!("nas"), &json!(1)));
    assert_eq!(agent.check_in().await.credentials_version, 1);

    let set = delivered(&agent).await;
    assert_eq!((set.appliance, set.version), (agent.identity().appliance, 1));
    let logins = opened(&set, &agent.key).expect("its own");
    assert_eq!(logins[0].0, "nas");
    assert_eq!((logins[0].1.username.expose(), logins[0].1.secret.expose()), ("backup", SECRET));
    assert_eq!(opened(&set, &other.key).map(drop), Err(NotOurs));
    assert_eq!(delivered(&other).await.credentials, []);

    let listed = admin.get(&credentials_of(&agent)).await.expect(200);
    let fields: Vec<_> = listed["items"][0].as_object().expect("a body").keys().cloned().collect();
    assert_eq!(fields, ["id", "name", "set_at", "set_by", "version"]);
    // Not in the database either, in no form that is ours to open.
    let mut superuser = app.database.superuser().await;
    let stored: String = sqlx::query_scalar(
        "SELECT query_to_xml('SELECT * FROM appliance_credential', true, false, '')::text",
    )
    .fetch_one(&mut superuser)
    .await
    .expect("reads");
    assert!(stored.contains("<name>nas</name>") && !stored.contains("backup") && !stored.contains(SECRET));
    let audit = admin.get("/api/audit?action=credential.set").await.expect(200);
    assert_eq!(audit["items"].as_array().expect("rows").len(), 1);
    assert!(!audit.to_string().contains(SECRET) && !audit.to_string().contains("backup"));
}

#[tokio::test]
async fn one_of_the_same_name_takes_the_place_and_a_deleted_one_is_gone() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    let first = set(&mut admin, &agent, "nas", SECRET).await;
    let second = set(&mut admin, &agent, "nas", "canary-newer").await;
    assert_eq!((&second["id"], &second["version"]), (&first["id"], &json!(2)));
    set(&mut admin, &agent, "switch", "canary-switch").await;
    let one = delivered(&agent).await;
    let secrets: Vec<_> =
        opened(&one, &agent.key).expect("its own").into_iter().map(|(n, l)| (n, l.secret)).collect();
    let secrets: Vec<_> = secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
    assert_eq!(secrets, [("nas", "canary-newer"), ("switch", "canary-switch")]);

    let path = format!("/api/credentials/{}", first["id"].as_str().expect("an id"));
    assert_eq!(admin.delete(&path).await.status.as_u16(), 204);
    admin.delete(&path).await.expect_problem(404, "not_found");
    let two = delivered(&agent).await;
    assert_eq!((one.version, two.version, two.credentials.len()), (3, 4, 1));
    assert_eq!(agent.check_in().await.credentials_version, 4);
    // A name that was deleted begins anew, under another id: nothing of the old one opens in its place.
    let again = set(&mut admin, &agent, "nas", SECRET).await;
    assert_ne!(again["id"], first["id"]);

    let revoke = format!("/api/appliances/{}/revoke", agent.identity().appliance);
    admin.post(&revoke, json!({ "reason": "stolen from the car" })).await.expect(200);
    let body = json!({ "name": "nas", "username": "", "secret": SECRET });
    admin.post(&credentials_of(&agent), body).await.expect_problem(409, "appliance_revoked");
    let listed = admin.get(&credentials_of(&agent)).await.expect(200);
    assert_eq!(listed["items"], json!([]), "nothing is kept for an appliance that can no longer fetch it");
    agent.call::<()>("GET", paths::CREDENTIALS, None).await.expect_problem(401, "appliance_revoked");
}

#[tokio::test]
async fn who_works_on_a_clinic_sets_them_and_a_stranger_sees_nothing() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let (one, two) = (app.site(&mut admin, "One").await, app.site(&mut admin, "Two").await);
    let agent = app.enrolled(&mut admin, &one).await;
    for role in [Role::PartnerAdmin, Role::PartnerTechnician, Role::StaffOperator] {
        let mut person = app.member(role, one.place(role)).await;
        set(&mut person, &agent, role.as_str(), SECRET).await;
    }
    let body = json!({ "name": "nas", "username": "", "secret": SECRET });
    for role in [Role::StaffReadonly, Role::PartnerBilling, Role::PracticeOwner] {
        let mut person = app.member(role, one.place(role)).await;
        person.post(&credentials_of(&agent), body.clone()).await.expect_problem(403, "not_permitted");
    }
    let mut stranger = app.member(Role::PartnerAdmin, two.place(Role::PartnerAdmin)).await;
    let before = app.database.fingerprint(&["audit_entry", "session", "idempotency_key"]).await;
    let known = admin.get(&credentials_of(&agent)).await.expect(200)["items"][0]["id"].clone();
    let known = format!("/api/credentials/{}", known.as_str().expect("an id"));
    stranger.get(&credentials_of(&agent)).await.expect_problem(404, "not_found");
    stranger.post(&credentials_of(&agent), body).await.expect_problem(404, "not_found");
    stranger.delete(&known).await.expect_problem(404, "not_found");
    let after = app.database.fingerprint(&["audit_entry", "session", "idempotency_key"]).await;
    assert_eq!(before, after);
}

#[tokio::test]
async fn bad_credentials_get_their_own_words() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    let path = credentials_of(&agent);
    for (body, field) in [
        (json!({ "name": "", "username": "u", "secret": "s" }), "name"),
        (json!({ "name": "x".repeat(61), "username": "u", "secret": "s" }), "name"),
        (json!({ "name": "a\u{7}b", "username": "u", "secret": "s" }), "name"),
        (json!({ "name": "a", "username": "u".repeat(257), "secret": "s" }), "username"),
        (json!({ "name": "a", "username": "u", "secret": "" }), "secret"),
        (json!({ "name": "a", "username": "u", "secret": "s".repeat(4097) }), "secret"),
        (json!({ "name": "a", "username": "u", "secret": "a\u{0}" }), "body"),
        (json!({ "name": "a", "username": "u" }), "body"),
        (json!({ "name": "a", "username": "u", "secret": "s", "version": 9 }), "body"),
        (json!({ "name": "a", "username": "u", "secret": 7 }), "body"),
    ] {
        let problem = admin.post(&path, body.clone()).await.expect(422);
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
    set(&mut admin, &agent, "the longest", &"\u{1}".repeat(4096)).await;
    assert!(opened(&delivered(&agent).await, &agent.key).is_ok());
    for number in 1..50 {
        set(&mut admin, &agent, &format!("number {number}"), SECRET).await;
    }
    let one_more = json!({ "name": "one more", "username": "", "secret": SECRET });
    admin.post(&path, one_more).await.expect_problem(409, "too_many_credentials");
    set(&mut admin, &agent, "number 7", SECRET).await;
    assert_eq!(delivered(&agent).await.credentials.len(), 50);
}

#[tokio::test]
async fn two_rows_that_were_swapped_are_refused_and_raise_the_alarm() {
    // One connection: the alarm's own transaction must not wait for another of the same request.
    let app = TestApp::start_with(1, |_| {}).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    set(&mut admin, &agent, "nas", SECRET).await;
    set(&mut admin, &agent, "switch", "canary-switch").await;
    let mut hostile = app.database.superuser().await;
    sqlx::query(
        "UPDATE appliance_credential c SET envelope_sealed = o.envelope_sealed
         FROM appliance_credential o WHERE o.id <> c.id",
    )
    .execute(&mut hostile)
    .await
    .expect("swaps");
    agent.call::<()>("GET", paths::CREDENTIALS, None).await.expect_problem(500, "internal");
    let denied = admin.get("/api/audit?action=agent.read_credentials").await.expect(200);
    assert_eq!(denied["items"].as_array().expect("rows").len(), 1);
    assert_eq!(denied["items"][0]["outcome"], "denied");
    assert_eq!(denied["items"][0]["detail"]["code"], "sealed_value_refused");
    let log = logs::text();
    let alarm = log.lines().find(|line| line.contains("a stored secret does not open")).expect("logged");
    assert!(alarm.contains("appliance_credential") && alarm.contains("\"ERROR\""), "{alarm}");
    let tokens: Vec<String> = sqlx::query_scalar("SELECT envelope_sealed FROM appliance_credential")
        .fetch_all(&mut hostile)
        .await
        .expect("reads");
    assert!(tokens.iter().all(|token| !log.contains(token)));
}
