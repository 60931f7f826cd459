//! A signing key changes over beside a running server, and no appliance meets a key that it cannot verify.

use chrono::TimeDelta;
use proofline_agent::identity::{Identity, Route, StateDir};
use proofline_agent::server_url::PlainHttp;
use proofline_core::{Clock, Role, SeededEntropy};
use proofline_evidence::dsse::Envelope;
use proofline_evidence::{Digest, SigningKey};
use proofline_protocol::{CREDENTIALS_PAYLOAD_TYPE, KeyRole, ORDER_PAYLOAD_TYPE, RULES_PAYLOAD_TYPE, paths};
use proofline_server::background_permit;
use proofline_server::keys::{KeyChain, KeyLink, SuccessionError, succeed};
use proofline_store::ServerKeyRow;
use proofline_testkit::{Agent, TestApp};
use serde_json::json;

use crate::key_rotations::{approve, ask_for};

const ROLES: [KeyRole; 2] = [KeyRole::Orders, KeyRole::Rules];

pub(crate) fn hours(count: i64) -> TimeDelta {
    TimeDelta::hours(count)
}

pub(crate) fn chain(app: &TestApp, role: KeyRole) -> KeyChain {
    app.app.state.keys().chains().of(role).clone()
}

/// As the first start does it.
pub(crate) async fn register(app: &TestApp) {
    let permit = background_permit("test").expect("permitted");
    let mut scope = app.store.scope(&permit).await.expect("opens");
    for role in KeyRole::ALL {
        let key = app.app.state.keys().signer(role, app.clock.now());
        let row = ServerKeyRow {
            key_id: key.id().to_string(),
            role: role.to_string(),
            public_key: key.public_key().as_bytes().to_vec(),
            created_at: app.clock.now(),
            retired_at: None,
        };
        scope.put_server_key(&row).await.expect("registers");
    }
    scope.commit_unaudited().await.expect("commits");
}

/// A successor that signs a day from now and replaces its predecessor two days from now.
pub(crate) fn successor(app: &TestApp, role: KeyRole, seed: u8) -> (SigningKey, KeyLink) {
    let (before, at) = (chain(app, role).last().clone(), app.clock.now());
    let about = (app.app.state.installation().id, role);
    let key = SigningKey::from_seed(&[seed; 32]);
    let link = KeyLink::sign(about, &before, key, at + hours(24), at + hours(48)).expect("signs");
    (before, link)
}

pub(crate) async fn take(
    app: &TestApp,
    role: KeyRole,
    (before, link): &(SigningKey, KeyLink),
    seed: u8,
) -> Result<(), SuccessionError> {
    let entropy = SeededEntropy::new(9_000 + u64::from(seed));
    if let Ok(id) = ask_for(app, role, &before.id().to_string(), seed).await {
        approve(app, id).await;
    }
    succeed(&app.store, (role, before), link, (app.clock.now(), &entropy), || Ok(())).await
}

/// As the rotation does it, and the server that reads its folder again.
pub(crate) async fn rotate(app: &TestApp, role: KeyRole, seed: u8) {
    let made = successor(app, role, seed);
    take(app, role, &made, seed).await.expect("taken");
    let mut chains = app.app.state.keys().chains();
    chains.push(role, made.1);
    app.app.state.keys().follow(chains);
}

/// What an agent keeps of the server's keys, by the agent's own code.
struct Appliance {
    agent: Agent,
    identity: Identity,
    folder: tempfile::TempDir,
}

impl Appliance {
    fn of(agent: Agent, app: &TestApp) -> Self {
        let server = "https://compliance.example".to_owned().try_into().expect("an address");
        let route = Route { server, plain_http: PlainHttp::LoopbackOnly, ca_file: None };
        let identity = Identity::from_claim(agent.identity().clone(), route, app.clock.now()).expect("sound");
        Self { agent, identity, folder: tempfile::tempdir().expect("a folder") }
    }

    /// Checks in, and holds everything that the server signs against the keys. The ids of those that signed: the orders
    /// that waited, the credentials, the rules.
    async fn verifies(&self) -> Vec<Digest> {
        let keys = &self.identity.server_keys;
        let answer = self.agent.check_in().await;
        let statements: Vec<_> = answer.successors.iter().map(|said| said.get().to_owned()).collect();
        keys.follow(&StateDir::new(self.folder.path()), &statements).expect("genuine");
        keys.pass(answer.server_time);
        let mut signed = Vec::new();
        for order in &answer.orders {
            signed.push((KeyRole::Orders, ORDER_PAYLOAD_TYPE, order.get().as_bytes().to_vec()));
        }
        for (role, path, kind) in [
            (KeyRole::Orders, paths::CREDENTIALS, CREDENTIALS_PAYLOAD_TYPE),
            (KeyRole::Rules, paths::RULES, RULES_PAYLOAD_TYPE),
        ] {
            let reply = self.agent.call::<()>("GET", path, None).await;
            reply.expect(200);
            signed.push((role, kind, reply.bytes.clone()));
        }
        let verified = signed.into_iter().map(|(role, kind, bytes)| {
            let envelope = Envelope::parse_up_to(&bytes, 1 << 23).expect("an envelope");
            keys.verify(role, kind, &envelope).expect("verifies under a key that the appliance knows");
            envelope.key_id()
        });
        verified.collect()
    }
}

/// A fresh order for each of them, from somebody who signs in anew: sessions are shorter than rotations.
async fn order(app: &TestApp, appliances: &[&Appliance]) {
    let mut staff = app.staff(Role::StaffAdmin).await;
    for appliance in appliances {
        let run = format!("/api/appliances/{}/run-checks", appliance.agent.identity().appliance);
        staff.post_empty(&run).await.expect(202);
    }
}

/// Role and state of every key of the two roles, as people see them.
async fn states(app: &TestApp) -> Vec<(String, String)> {
    let keys = app.staff(Role::StaffReadonly).await.get("/api/system/keys").await.expect(200);
    let items = keys["items"].as_array().expect("items").iter();
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let all = items.map(|item| (text(&item["purpose"]), text(&item["state"])));
    all.filter(|(role, _)| ROLES.iter().any(|known| known.as_str() == role)).collect()
}

fn both(states: &[&str]) -> Vec<(String, String)> {
    let of = |role: KeyRole| states.iter().map(move |state| (role.to_string(), (*state).to_owned()));
    ROLES.into_iter().flat_map(of).collect()
}

#[tokio::test]
async fn before_between_and_after_a_change_every_appliance_verifies_everything() {
    let app = TestApp::start().await;
    register(&app).await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let mut appliances = Vec::new();
    for _ in 0..3 {
        appliances.push(Appliance::of(app.enrolled(&mut admin, &site).await, &app));
    }
    let [awake, late, asleep] = &appliances[..] else { panic!("three") };
    let [old_orders, old_rules] = ROLES.map(|role| chain(&app, role).last().id());
    let of_old = vec![old_orders, old_orders, old_rules];

    order(&app, &[awake]).await;
    assert_eq!(awake.verifies().await, of_old);
    assert_eq!(awake.agent.check_in().await.successors.len(), 0);
    assert_eq!(states(&app).await, both(&["current"]));

    // Announced, and nothing else yet.
    for (role, seed) in ROLES.into_iter().zip(1..) {
        rotate(&app, role, seed).await;
    }
    let [new_orders, new_rules] = ROLES.map(|role| chain(&app, role).last().id());
    assert_eq!(states(&app).await, both(&["current", "successor"]));
    app.clock.advance(hours(24) - TimeDelta::seconds(1));
    order(&app, &[awake, late]).await;
    assert_eq!(awake.verifies().await, of_old);
    let reply = awake.agent.call::<()>("GET", paths::RULES, None).await;
    let on_its_way = Envelope::parse_up_to(&reply.bytes, 1 << 23).expect("an envelope");

    // The successors sign. What the keys before signed a moment ago still arrives, at somebody who knew nothing yet too.
    app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(late.verifies().await, [old_orders, new_orders, new_rules]);
    let takes = |appliance: &Appliance| {
        appliance.identity.server_keys.verify(KeyRole::Rules, RULES_PAYLOAD_TYPE, &on_its_way).is_ok()
    };
    assert!(takes(awake) && takes(late));
    assert_eq!(states(&app).await, both(&["current", "earlier"]));
    let mut staff = app.staff(Role::StaffAdmin).await;
    let fresh = Appliance::of(app.enrolled(&mut staff, &site).await, &app);
    order(&app, &[&fresh]).await;
    let of_new = vec![new_orders, new_orders, new_rules];
    assert_eq!(fresh.verifies().await, of_new);

    // The keys before are gone, and whoever slept through it all follows.
    app.clock.advance(hours(24));
    order(&app, &[awake, late, asleep, &fresh]).await;
    for appliance in [awake, late, asleep, &fresh] {
        assert_eq!(appliance.verifies().await, of_new);
        assert!(!takes(appliance));
    }
    assert_eq!(states(&app).await, both(&["current", "retired"]));
}

#[tokio::test]
async fn a_key_has_one_successor_and_the_audit_log_says_which() {
    let app = TestApp::start().await;
    register(&app).await;
    let (first, second) = (successor(&app, KeyRole::Orders, 1), successor(&app, KeyRole::Orders, 2));
    take(&app, KeyRole::Orders, &first, 1).await.expect("taken");
    let again = take(&app, KeyRole::Orders, &second, 2).await;
    assert!(matches!(again, Err(SuccessionError::NotCurrent)), "{again:?}");
    let stranger = (SigningKey::from_seed(&[8; 32]), second.1);
    let unknown = take(&app, KeyRole::Orders, &stranger, 3).await;
    assert!(matches!(unknown, Err(SuccessionError::NotCurrent)), "{unknown:?}");

    let audit = app.admin().await.get("/api/audit?action=key.rotate").await.expect(200);
    let rows = audit["items"].as_array().expect("rows");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["resource"], json!(format!("orders key {}", first.1.key.id())));
    assert_eq!(rows[0]["detail"]["predecessor"], json!(first.0.id()));
}

#[tokio::test]
async fn a_successor_that_cannot_be_kept_is_not_taken() {
    let app = TestApp::start().await;
    register(&app).await;
    let (before, link) = successor(&app, KeyRole::Rules, 1);
    let id = ask_for(&app, KeyRole::Rules, &before.id().to_string(), 9).await.expect("asked");
    approve(&app, id).await;
    let (at, entropy) = (app.clock.now(), SeededEntropy::new(9_100));
    let failed: Result<(), SuccessionError> =
        succeed(&app.store, (KeyRole::Rules, &before), &link, (at, &entropy), || {
            Err(SuccessionError::NotCurrent)
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(states(&app).await, both(&["current"]));
    take(&app, KeyRole::Rules, &(before, link), 1).await.expect("taken now");
}
