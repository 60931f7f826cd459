//! Which keys there are, that a database refuses those of another, and that everything sealed gets under a new one.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use proofline_core::{Clock, Role, SeededEntropy};
use proofline_server::background_permit;
use proofline_server::keys::{KeyMismatch, Keyring, ResealReport, admit, reseal};
use proofline_store::SEALED_COLUMNS;
use proofline_testkit::{Agent, MASTER_KEY, TestApp, totp_code};
use proofline_vault::Vault;
use serde_json::{Value, json};

use crate::credentials::{delivered, opened, set};

const PEPPER: [u8; 32] = [7; 32];
const NEW_KEY: [u8; 32] = [12; 32];

async fn start_with(app: &TestApp, vault: &Vault, pepper: [u8; 32]) -> Result<(), KeyMismatch> {
    let permit = background_permit("test").expect("permitted");
    let scope = app.store.scope(&permit).await.expect("opens");
    let keyring = Keyring { vault, password_pepper: &pepper };
    admit(scope, keyring, app.clock.now(), || Ok(())).await
}

async fn rotate(app: &TestApp, vault: &Vault) -> ResealReport {
    static SEED: AtomicU64 = AtomicU64::new(5_000);
    let entropy = SeededEntropy::new(SEED.fetch_add(1, Ordering::Relaxed));
    reseal(&app.store, vault, &app.clock, &entropy).await.expect("rotates")
}

/// Ids of the keys that credentials are sealed under.
async fn keys_in_use(app: &TestApp) -> Vec<String> {
    let mut superuser = app.database.superuser().await;
    sqlx::query_scalar("SELECT DISTINCT envelope_key FROM appliance_credential ORDER BY 1")
        .fetch_all(&mut superuser)
        .await
        .expect("reads")
}

async fn with_credentials(app: &TestApp, count: u32) -> Agent {
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    for number in 0..count {
        set(&mut admin, &agent, &format!("number {number:02}"), &format!("canary-{number}")).await;
    }
    agent
}

fn of<'a>(keys: &'a Value, purpose: &str) -> Vec<&'a Value> {
    let items = keys["items"].as_array().expect("items").iter();
    items.filter(|item| item["purpose"] == purpose).collect()
}

#[tokio::test]
async fn every_sealed_column_of_the_database_is_one_that_rotation_knows() {
    let app = TestApp::start().await;
    let mut owner = app.database.owner().await;
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
           AND NOT a.attisdropped AND a.atttypid = 'text'::regtype",
    )
    .fetch_all(&mut owner)
    .await
    .expect("reads the catalogue");
    let named = |suffix: &str| -> BTreeSet<(String, String)> {
        let stem = |(table, column): &(String, String)| {
            column.strip_suffix(suffix).map(|stem| (table.clone(), stem.to_owned()))
        };
        columns.iter().filter_map(stem).collect()
    };
    let known: BTreeSet<_> =
        SEALED_COLUMNS.iter().map(|column| (column.table.to_owned(), column.name.to_owned())).collect();
    assert_eq!(named("_sealed"), known, "write new ones down in SEALED_COLUMNS");
    assert_eq!(named("_key"), known, "<name>_key and <name>_sealed belong together");
    let mut superuser = app.database.superuser().await;
    for column in SEALED_COLUMNS {
        // Its context and its constraint are there: the functions of the rotation name them.
        let (uuids, checked): (i64, bool) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attname IN ($2, $3)
                AND a.atttypid = 'uuid'::regtype),
              EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = $1::regclass AND k.contype = 'c'
                AND pg_get_constraintdef(k.oid) LIKE '%' || $4 || '_key%[0-9a-f]{16}%')",
        )
        .bind(column.table)
        .bind(column.tenant)
        .bind(column.row)
        .bind(column.name)
        .fetch_one(&mut superuser)
        .await
        .expect("reads");
        assert_eq!(uuids, if column.tenant.is_some() { 2 } else { 1 }, "{column:?}");
        assert!(checked, "{column:?}: CHECK ({}_key ~ '^[0-9a-f]{{16}}$')", column.name);
    }
}

#[tokio::test]
async fn staff_see_every_key_and_no_part_of_one() {
    let app = TestApp::start().await;
    let vault = Vault::new(&MASTER_KEY, &[]);
    start_with(&app, &vault, PEPPER).await.expect("the first start");
    with_credentials(&app, 2).await;
    let mut readonly = app.staff(Role::StaffReadonly).await;
    let keys = readonly.get("/api/system/keys").await.expect(200);
    let master = of(&keys, "master");
    assert_eq!(master.len(), 1);
    let master = master[0];
    assert_eq!((&master["id"], &master["state"]), (&json!(vault.current_key()), &json!("current")));
    assert_eq!((&master["rows_sealed"], &master["configured"]), (&json!(2), &json!(true)));
    assert_eq!(master["since"], json!(app.clock.now()));
    let pepper = of(&keys, "password_pepper");
    assert_eq!((pepper.len(), &pepper[0]["since"]), (1, &json!(app.clock.now())));
    assert_eq!(of(&keys, "csrf").len(), 1);
    let text = keys.to_string();
    for secret in [MASTER_KEY, PEPPER, [9; 32]] {
        let hexadecimal: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(&hexadecimal[..16]), "{text}");
    }
    let site = app.site(&mut app.admin().await, "Elsewhere").await;
    for role in [Role::PartnerAdmin, Role::PracticeOwner] {
        let mut person = app.member(role, site.place(role)).await;
        person.get("/api/system/keys").await.expect_problem(403, "not_permitted");
    }
}

#[tokio::test]
async fn a_database_refuses_the_keys_of_another() {
    let app = TestApp::start().await;
    let (right, wrong) = (Vault::new(&MASTER_KEY, &[]), Vault::new(&[99; 32], &[]));
    with_credentials(&app, 1).await;
    // Before the database knows any key, what is sealed in it tells.
    let refused = start_with(&app, &wrong, PEPPER).await.expect_err("another key");
    assert!(matches!(&refused, KeyMismatch::Master(ids) if ids == &[right.current_key()]), "{refused}");
    start_with(&app, &right, PEPPER).await.expect("the right one");
    start_with(&app, &right, PEPPER).await.expect("again");
    let refused = start_with(&app, &wrong, PEPPER).await.expect_err("another key");
    assert!(refused.to_string().contains(right.current_key()), "{refused}");
    let refused = start_with(&app, &right, [8; 32]).await.expect_err("another pepper");
    assert!(matches!(refused, KeyMismatch::PasswordPepper), "{refused}");

    // Announced on every node first, used then: both directions while nothing is retired.
    let announced = Vault::new(&MASTER_KEY, &[NEW_KEY]);
    let swapped = Vault::new(&NEW_KEY, &[MASTER_KEY]);
    for vault in [&announced, &swapped, &announced, &swapped] {
        start_with(&app, vault, PEPPER).await.expect("both are there");
    }
    let refused = start_with(&app, &right, PEPPER).await.expect_err("the new one seals already");
    assert!(refused.to_string().contains(swapped.current_key()), "{refused}");
    let report = rotate(&app, &swapped).await;
    assert_eq!((report.resealed, &report.retired[..]), (1, &[right.current_key().to_owned()][..]));
    let alone = Vault::new(&NEW_KEY, &[]);
    start_with(&app, &alone, PEPPER).await.expect("the old one is not needed");
    start_with(&app, &right, PEPPER).await.expect_err("it cannot come back alone");
    start_with(&app, &announced, PEPPER).await.expect("but beside its successor");
}

#[tokio::test]
async fn of_two_first_starts_with_different_keys_one_is_refused() {
    let app = TestApp::start().await;
    let vaults = [Vault::new(&[1; 32], &[]), Vault::new(&[2; 32], &[])];
    let (one, two) = tokio::join!(start_with(&app, &vaults[0], PEPPER), start_with(&app, &vaults[1], PEPPER));
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
}

#[tokio::test]
async fn rotation_leaves_nothing_under_the_old_key_and_everything_readable() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    let old = Vault::new(&MASTER_KEY, &[]);
    start_with(&app, &old, PEPPER).await.expect("the first start");
    let mut agent = with_credentials(&app, 12).await;
    let before = delivered(&agent).await;
    let vault = Vault::new(&NEW_KEY, &[MASTER_KEY]);
    start_with(&app, &vault, PEPPER).await.expect("both are there");
    let both = app.node_sealing_with(vault.clone());
    agent.reconnect_to(&both);
    assert_eq!(delivered(&agent).await.credentials, before.credentials, "read by a node with both keys");

    let report = rotate(&app, &vault).await;
    let retired = vec![old.current_key().to_owned()];
    assert_eq!(report, ResealReport { resealed: 12, rows: 12, retired, refused: 0, left: 0 });
    assert_eq!(keys_in_use(&app).await, [vault.current_key()]);
    let new_alone = app.node_sealing_with(Vault::new(&NEW_KEY, &[]));
    agent.reconnect_to(&new_alone);
    let after = delivered(&agent).await;
    assert_eq!(after.credentials, before.credentials, "the appliance's own envelopes are the same");
    assert_eq!(opened(&after, &agent.key).expect("its own").len(), 12);

    let again = rotate(&app, &vault).await;
    assert_eq!((again.resealed, again.retired.len(), again.rows), (0, 0, 12));
    let mut admin = app.admin().await;
    let audit = admin.get("/api/audit?action=key.rotate").await.expect(200);
    assert_eq!(audit["items"].as_array().expect("rows").len(), 2);
    admin.reconnect_to(&both);
    let keys = admin.get("/api/system/keys").await.expect(200);
    let states: Vec<_> = of(&keys, "master").iter().map(|key| (&key["state"], &key["rows_sealed"])).collect();
    assert_eq!(states, [(&json!("current"), &json!(12)), (&json!("retired"), &json!(0))]);
}

#[tokio::test]
async fn a_second_factor_outlives_the_key_that_it_was_sealed_under() {
    let app = TestApp::start().await;
    start_with(&app, &Vault::new(&MASTER_KEY, &[]), PEPPER).await.expect("the first start");
    let email = app.person(Role::StaffAdmin).await;
    let mut browser = app.sign_in(&email).await;
    let begun = browser.post("/api/auth/factors/totp", json!({})).await.expect(201);
    let secret = begun["secret"].as_str().expect("a secret").to_owned();
    let code = || json!({ "code": totp_code(&secret, app.clock.now()) });
    browser.post("/api/auth/factors/totp/confirm", code()).await.expect(200);
    let vault = Vault::new(&NEW_KEY, &[MASTER_KEY]);
    start_with(&app, &vault, PEPPER).await.expect("both are there");
    // The secret, and the mail that tells of it.
    assert_eq!(rotate(&app, &vault).await.resealed, 2);
    app.clock.advance(TimeDelta::seconds(60));
    let mut again = app.with_password(&email).await;
    again.reconnect_to(&app.node_sealing_with(Vault::new(&NEW_KEY, &[])));
    again.post("/api/auth/second-factor/totp", code()).await.expect(200);
}

#[tokio::test]
async fn what_does_not_open_stays_and_keeps_its_key_from_retiring() {
    let app = TestApp::start().await;
    let old = Vault::new(&MASTER_KEY, &[]);
    start_with(&app, &old, PEPPER).await.expect("the first start");
    with_credentials(&app, 5).await;
    let mut hostile = app.database.superuser().await;
    let swapped = sqlx::query(
        "UPDATE appliance_credential c SET envelope_sealed = o.envelope_sealed FROM appliance_credential o
         WHERE (c.name, o.name) IN (('number 01', 'number 02'), ('number 02', 'number 01'))",
    )
    .execute(&mut hostile)
    .await
    .expect("swaps");
    assert_eq!(swapped.rows_affected(), 2);
    let vault = Vault::new(&NEW_KEY, &[MASTER_KEY]);
    start_with(&app, &vault, PEPPER).await.expect("both are there");
    let report = rotate(&app, &vault).await;
    assert_eq!(report, ResealReport { resealed: 3, rows: 3, retired: Vec::new(), refused: 2, left: 2 });
    assert_eq!(keys_in_use(&app).await.len(), 2);
    let refused = start_with(&app, &Vault::new(&NEW_KEY, &[]), PEPPER).await.expect_err("still needed");
    assert!(refused.to_string().contains(old.current_key()), "{refused}");
}

#[tokio::test]
async fn a_row_that_changes_while_it_is_rotated_keeps_the_change() {
    let app = TestApp::start_with(5, |s| s.rate_scale = 1_000).await;
    start_with(&app, &Vault::new(&MASTER_KEY, &[]), PEPPER).await.expect("the first start");
    let agent = with_credentials(&app, 10).await;
    let vault = Vault::new(&NEW_KEY, &[MASTER_KEY]);
    start_with(&app, &vault, PEPPER).await.expect("both are there");
    let mut admin = app.admin().await;
    let changes = async {
        for number in 0..10 {
            set(&mut admin, &agent, &format!("number {number:02}"), "canary-changed").await;
        }
    };
    // The node of `admin` still seals under the old key: what it writes behind the rotation's back is found by the next one.
    let (_, ()) = tokio::join!(rotate(&app, &vault), changes);
    let report = rotate(&app, &vault).await;
    assert_eq!((report.rows, report.left), (10, 0));
    let mut agent = agent;
    agent.reconnect_to(&app.node_sealing_with(Vault::new(&NEW_KEY, &[])));
    let logins = opened(&delivered(&agent).await, &agent.key).expect("its own");
    assert!(logins.iter().all(|(_, login)| login.secret.expose() == "canary-changed"));
}
