//! A database and its secrets belong together; and a rotation that is killed at any instant goes on where it was.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use proofline_core::{Clock as _, Secret, SystemClock};
use proofline_evidence::{PublicKey, SigningKey};
use proofline_protocol::signature::{self, Request};
use proofline_protocol::{CheckInResponse, Digest as Sum, paths};
use proofline_testkit::ordinary_check_in;
use proofline_vault::{Cell, Sealed, Vault};
use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use sqlx::{Connection as _, Executor as _};

use crate::external::{Elsewhere, connection};
use crate::support::{Ended, Home, MASTER_KEY, PEPPER, Reply, connect, wait_for};

const NEW_KEY: &str = "0f8e2d6c4b1a93875e7d9c0b2a4f6183d5e1c7b9a3f0284669d8b7c5a1e3f042";
const CREDENTIALS: u128 = 4_000;

fn key(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// One sentence that names the variable and no value, and a status that says not to try again.
fn refused_naming(ended: &Ended, variable: &str) {
    assert_eq!(ended.code, 78, "{}{}", ended.out, ended.err);
    assert!(ended.err.contains(variable) && ended.err.lines().count() == 1, "{}", ended.err);
    for value in [MASTER_KEY, NEW_KEY, PEPPER] {
        assert!(!ended.err.contains(&value[..16]) && !ended.out.contains(&value[..16]), "{}", ended.err);
    }
}

#[test]
fn a_database_starts_with_its_own_secrets_only() {
    let home = Home::new();
    let starts_with = |change: &dyn Fn(&mut Command)| {
        let mut server = home.serve(change);
        server.terminate();
        assert_eq!(server.wait().code(), Some(0));
    };
    let refused_with = |variable: &str, change: &dyn Fn(&mut Command)| {
        let mut command = home.command(&["serve"]);
        change(&mut command);
        refused_naming(&Ended::of(&mut command), variable);
    };
    starts_with(&|_| {});
    refused_with("PROOFLINE_MASTER_KEY", &|command| {
        command.env("PROOFLINE_MASTER_KEY", NEW_KEY);
    });
    refused_with("PROOFLINE_PASSWORD_PEPPER", &|command| {
        command.env("PROOFLINE_PASSWORD_PEPPER", NEW_KEY);
    });
    let mut server = home.serve(|command| {
        command.env("PROOFLINE_MASTER_KEY", NEW_KEY).env("PROOFLINE_EARLIER_MASTER_KEYS", MASTER_KEY);
    });
    // Beside the running server, and its private database.
    let mut rotate = home.command(&["admin", "rotate-key", "master"]);
    let rotated = Ended::of(
        rotate.env("PROOFLINE_MASTER_KEY", NEW_KEY).env("PROOFLINE_EARLIER_MASTER_KEYS", MASTER_KEY),
    );
    assert_eq!(rotated.code, 0, "{}{}", rotated.out, rotated.err);
    let (old, new) = (Vault::new(&key(MASTER_KEY), &[]), Vault::new(&key(NEW_KEY), &[]));
    let said = format!("Nothing is under master key {} any more", old.current_key());
    assert!(rotated.out.contains(&said), "{}", rotated.out);
    let mut doctor = home.command(&["doctor"]);
    let doctor = Ended::of(doctor.env("PROOFLINE_MASTER_KEY", NEW_KEY));
    assert_eq!(doctor.code, 0, "{}", doctor.out);
    assert!(doctor.out.contains(&format!("{} seals", new.current_key())), "{}", doctor.out);
    let doctor = home.run(&["doctor"]);
    assert_eq!(doctor.code, 1, "{}", doctor.out);
    assert!(doctor.out.contains("FAIL  master key"), "{}", doctor.out);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    refused_with("PROOFLINE_MASTER_KEY", &|_| {});
    starts_with(&|command| {
        command.env("PROOFLINE_MASTER_KEY", NEW_KEY);
    });

    let pepper = home.run(&["admin", "rotate-key", "password-pepper"]);
    refused_naming(&pepper, "PROOFLINE_PASSWORD_PEPPER can never change");
    assert_eq!(home.run(&["admin", "rotate-key", "csrf"]).code, 0);
}

#[test]
fn development_never_invents_a_key_in_the_place_of_a_lost_one() {
    let home = Home::new();
    let develop = |command: &mut Command| {
        command.env("PROOFLINE_DEV", "1").env_remove("PROOFLINE_PUBLIC_URL");
        for name in ["PROOFLINE_CSRF_KEY", "PROOFLINE_PASSWORD_PEPPER", "PROOFLINE_MASTER_KEY"] {
            command.env_remove(name);
        }
    };
    let serve = || {
        let mut command = home.command(&["serve"]);
        develop(&mut command);
        Ended::of(&mut command)
    };
    let mut server = home.serve(develop);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    for (name, variable) in [
        ("proofline_master_key", "PROOFLINE_MASTER_KEY"),
        ("proofline_password_pepper", "PROOFLINE_PASSWORD_PEPPER"),
    ] {
        let path = home.data().join("secrets").join(name);
        let kept = fs::read(&path).expect("made at the first start");
        fs::remove_file(&path).expect("removed");
        let lost = serve();
        refused_naming(&lost, variable);
        assert!(lost.err.contains("is missing") && !path.exists(), "nothing is invented: {}", lost.err);
        fs::write(&path, &kept[..40]).expect("written");
        let damaged = serve();
        assert_eq!(damaged.code, 78, "{}", damaged.err);
        assert!(damaged.err.contains(name) && damaged.err.contains("is damaged"), "{}", damaged.err);
        fs::write(&path, "0".repeat(64)).expect("written");
        refused_naming(&serve(), variable);
        fs::write(&path, kept).expect("restored");
    }
    let mut server = home.serve(develop);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

/// A site with an appliance that has this key; all of them have one id.
async fn enrol(superuser: &mut PgConnection, key: &PublicKey) -> Uuid {
    let org = Uuid::from_u128(2);
    for sql in [
        "INSERT INTO partner VALUES ($1, 'Northgate', now())",
        "INSERT INTO organisation VALUES ($1, $1, 'Cedar', now())",
        "INSERT INTO site VALUES ($1, $1, 'Main Street', 'UTC', now())",
    ] {
        sqlx::query(sql).bind(org).execute(&mut *superuser).await.expect("inserts");
    }
    sqlx::query(
        "INSERT INTO appliance (org_id, id, site_id, hostname, platform, public_key, key_id, mode, mode_changed_at,
            enrolled_at) VALUES ($1, $1, $1, 'h', 'p', $2, $3, 'audit', now(), now())",
    )
    .bind(org)
    .bind(key.as_bytes())
    .bind(key.id().to_string())
    .execute(superuser)
    .await
    .expect("inserts");
    org
}

/// An appliance, and credentials that a server with [`MASTER_KEY`] sealed; what is in them, by row.
async fn fill(superuser: &mut PgConnection, vault: &Vault) -> BTreeMap<Uuid, String> {
    let org = enrol(superuser, SigningKey::from_seed(&[1; 32]).public_key()).await;
    let mut secrets = BTreeMap::new();
    let mut tokens = Vec::new();
    for number in 0..CREDENTIALS {
        let (row, secret) = (Uuid::from_u128(1_000_000 + number), format!("envelope {number}"));
        tokens.push(vault.seal(&cell(row), &Secret::new(&secret)).token);
        secrets.insert(row, secret);
    }
    let rows: Vec<Uuid> = secrets.keys().copied().collect();
    sqlx::query(
        "INSERT INTO appliance_credential (org_id, id, site_id, appliance_id, name, version, envelope_sealed, envelope_key,
            set_by, set_at)
         SELECT $1, n.row_id, $1, $1, n.row_id::text, 1, n.token, $4, 'somebody', now()
         FROM unnest($2::uuid[], $3::text[]) AS n (row_id, token)",
    )
    .bind(org)
    .bind(rows)
    .bind(tokens)
    .bind(vault.current_key())
    .execute(superuser)
    .await
    .expect("inserts");
    secrets
}

fn cell(row: Uuid) -> Cell {
    Cell { table: "appliance_credential", column: "envelope", tenant: Some(Uuid::from_u128(2)), row }
}

/// Opens everything with these keys, and answers how many values are under the sealing one.
async fn all_readable(
    superuser: &mut PgConnection,
    vault: &Vault,
    secrets: &BTreeMap<Uuid, String>,
) -> usize {
    let stored: Vec<(Uuid, String, String)> =
        sqlx::query_as("SELECT id, envelope_sealed, envelope_key FROM appliance_credential")
            .fetch_all(superuser)
            .await
            .expect("reads");
    assert_eq!(stored.len(), secrets.len());
    let mut current = 0;
    for (row, token, key) in stored {
        current += usize::from(key == vault.current_key());
        let opened = vault.open(&cell(row), &Sealed { key, token }).expect("opens");
        assert_eq!(opened.expose(), secrets[&row]);
    }
    current
}

async fn moved(superuser: &mut PgConnection, key: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM appliance_credential WHERE envelope_key = $1")
        .bind(key)
        .fetch_one(superuser)
        .await
        .expect("counts")
}

#[tokio::test]
async fn a_rotation_that_is_killed_goes_on_and_leaves_no_row_on_the_old_key() {
    let home = Home::new();
    let elsewhere = Elsewhere::start(&home).await;
    let up = elsewhere.as_owner(&home, &["migrate", "up"]);
    assert_eq!(up.code, 0, "{}", up.err);
    let mut superuser = connection(&elsewhere.superuser_url).await;
    let old = Vault::new(&key(MASTER_KEY), &[]);
    let secrets = fill(&mut superuser, &old).await;
    let at_the_database = |command: &mut Command| {
        command.env("PROOFLINE_DATABASE_URL", &elsewhere.runtime_url);
    };
    let with_both = |command: &mut Command| {
        at_the_database(command);
        command.env("PROOFLINE_MASTER_KEY", NEW_KEY).env("PROOFLINE_EARLIER_MASTER_KEYS", MASTER_KEY);
    };
    // It was the current one once; then every server is started with both.
    home.serve(at_the_database).kill();
    let mut server = home.serve(with_both);

    let both = Vault::new(&key(NEW_KEY), &[key(MASTER_KEY)]);
    let total = i64::try_from(CREDENTIALS).expect("small");
    let mut last = 0;
    for kill in 1..=3 {
        // However late the kill comes, it has not got past a row that somebody else holds.
        let mut held = superuser.begin().await.expect("begins");
        sqlx::query("SELECT id FROM appliance_credential WHERE id = $1 FOR UPDATE")
            .bind(Uuid::from_u128(1_000_000 + CREDENTIALS * kill / 4))
            .execute(&mut *held)
            .await
            .expect("locks");
        let mut command = home.command(&["admin", "rotate-key", "master"]);
        with_both(&mut command);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
        while moved(&mut held, both.current_key()).await == last {
            assert!(child.try_wait().expect("ours").is_none(), "it ended before it moved anything");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        child.kill().expect("killed");
        child.wait().expect("reaped");
        held.rollback().await.expect("ends");
        let now = i64::try_from(all_readable(&mut superuser, &both, &secrets).await).expect("small");
        assert!(last < now && now < total, "kill {kill} came between two batches: {last}, {now} of {total}");
        last = now;
    }
    let mut command = home.command(&["admin", "rotate-key", "master"]);
    with_both(&mut command);
    let rotated = Ended::of(&mut command);
    assert_eq!(rotated.code, 0, "{}{}", rotated.out, rotated.err);
    let said = format!("{total} are under master key {}", both.current_key());
    assert!(rotated.out.contains(&said), "{}", rotated.out);
    assert!(rotated.out.contains(&format!("Nothing is under master key {} any more", old.current_key())));
    let new = Vault::new(&key(NEW_KEY), &[]);
    assert_eq!(all_readable(&mut superuser, &new, &secrets).await, secrets.len());

    let mut doctor = home.command(&["doctor"]);
    with_both(&mut doctor);
    let doctor = Ended::of(&mut doctor);
    assert_eq!(doctor.code, 0, "{}", doctor.out);
    let advice = format!("{} is not needed any more: take it out", old.current_key());
    assert!(doctor.out.contains(&advice), "{}", doctor.out);
    assert!(doctor.out.contains(&format!("{} seals: {total} stored secrets", new.current_key())));
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    let mut command = home.command(&["serve"]);
    at_the_database(&mut command);
    refused_naming(&Ended::of(&mut command), "PROOFLINE_MASTER_KEY");
    let mut server = home.serve(|command| {
        at_the_database(command);
        command.env("PROOFLINE_MASTER_KEY", NEW_KEY);
    });
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

/// What the server answers to the appliance with this key.
fn check_in(home: &Home, key: &SigningKey, nonce: u8) -> CheckInResponse {
    let body = serde_json::to_vec(&ordinary_check_in(Sum::of(b"catalogue"))).expect("writes");
    let request = Request { method: "POST", path: paths::CHECK_IN, query: "", body: &body };
    let signed = signature::sign(&request, key, SystemClock.now(), [nonce; 16]).expect("signs");
    let mut stream = connect(home.listen).expect("listens");
    let (path, length) = (paths::CHECK_IN, body.len());
    write!(stream, "POST {path} HTTP/1.1\r\nHost: compliance.example\r\nConnection: close\r\n")
        .expect("sends");
    for (name, value) in signed.iter() {
        write!(stream, "{name}: {value}\r\n").expect("sends");
    }
    write!(stream, "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n").expect("sends");
    stream.write_all(&body).expect("sends");
    let reply = Reply::read(&stream).expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.body);
    serde_json::from_str(&reply.body).expect("an answer to a check-in")
}

async fn count(superuser: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(superuser).await.expect("counts")
}

const ROTATIONS: &str = "SELECT count(*) FROM audit_entry WHERE action = 'key.rotate'";

#[tokio::test]
async fn a_key_for_orders_gets_one_successor_however_often_its_rotation_is_killed() {
    is_rotated_once("orders", "orders").await;
}

#[tokio::test]
async fn a_key_for_facts_gets_one_successor_however_often_its_rotation_is_killed() {
    is_rotated_once("server_facts", "server-facts").await;
}

async fn keys_of(superuser: &mut PgConnection, role: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM server_key WHERE role = $1")
        .bind(role)
        .fetch_one(superuser)
        .await
        .expect("counts")
}

/// `argument` is how the command calls the role.
async fn is_rotated_once(role: &str, argument: &str) {
    let home = Home::new();
    let elsewhere = Elsewhere::start(&home).await;
    assert_eq!(elsewhere.as_owner(&home, &["migrate", "up"]).code, 0);
    let at_the_database = |command: &mut Command| {
        command.env("PROOFLINE_DATABASE_URL", &elsewhere.runtime_url);
    };
    let unused = elsewhere.as_runtime(&home, &["admin", "rotate-key", argument]);
    assert_eq!(unused.code, 78, "{}", unused.err);
    let mut server = home.serve(at_the_database);
    let mut superuser = connection(&elsewhere.superuser_url).await;
    let [key, statement] =
        ["ed25519", "statement"].map(|kind| home.data().join(format!("keys/{role}.2.{kind}")));
    let made = || [fs::read(&key).ok(), fs::read(&statement).ok()];

    let appliance = SigningKey::from_seed(&[1; 32]);
    enrol(&mut superuser, appliance.public_key()).await;
    assert_eq!(check_in(&home, &appliance, 0).successors.len(), 0);

    // Nothing is made before somebody gave a reason and an administrator approved it.
    let silent = elsewhere.as_runtime(&home, &["admin", "rotate-key", argument]);
    assert_eq!(silent.code, 78, "{}", silent.err);
    assert!(silent.err.contains("--reason"), "{}", silent.err);
    let reason = ["admin", "rotate-key", argument, "--reason", "the disk was replaced"];
    for _ in 0..2 {
        let asked = elsewhere.as_runtime(&home, &reason);
        assert_eq!(asked.code, 0, "{}", asked.err);
        assert!(asked.out.contains("An administrator has to approve"), "{}", asked.out);
    }
    assert_eq!((made(), keys_of(&mut superuser, role).await), ([None, None], 1));
    assert_eq!(count(&mut superuser, "SELECT count(*) FROM key_rotation").await, 1);
    superuser
        .execute(
            "UPDATE key_rotation SET approved = true, decided_by = gen_random_uuid(), decided_by_name = 'Ada',
                decided_at = now()",
        )
        .await
        .expect("approves");

    // Both files are on disk, and the transaction waits for the audit log.
    for _ in 0..2 {
        let mut lock = superuser.begin().await.expect("begins");
        lock.execute("LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE").await.expect("locks");
        let before = made();
        let mut command = home.command(&["admin", "rotate-key", argument]);
        at_the_database(&mut command);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
        wait_for("the transaction to wait", || statement.exists());
        tokio::time::sleep(Duration::from_millis(if before[0].is_some() { 2_000 } else { 0 })).await;
        child.kill().expect("killed");
        child.wait().expect("reaped");
        lock.rollback().await.expect("ends");
        assert!(before[0].is_none() || before == made(), "the second one goes on with what is there");
        assert_eq!(keys_of(&mut superuser, role).await, 1);
        let doctor = elsewhere.as_runtime(&home, &["doctor"]);
        assert!(doctor.out.contains("a rotation was interrupted"), "{}", doctor.out);
    }
    // Killed between the two files.
    let before = made();
    fs::remove_file(&statement).expect("removed");
    let rotated = elsewhere.as_runtime(&home, &["admin", "rotate-key", argument]);
    assert_eq!(rotated.code, 0, "{}", rotated.err);
    assert!(rotated.out.contains("has begun"), "{}", rotated.out);
    assert_eq!(made()[0], before[0], "the same key");
    let after = made();
    let again = elsewhere.as_runtime(&home, &["admin", "rotate-key", argument]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.out.contains("is under way already"), "{}", again.out);
    assert_eq!(made(), after);
    assert_eq!((keys_of(&mut superuser, role).await, count(&mut superuser, ROTATIONS).await), (2, 1));
    for path in [&key, &statement] {
        assert_eq!(fs::metadata(path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    let doctor = elsewhere.as_runtime(&home, &["doctor"]);
    assert_eq!(doctor.code, 0, "{}", doctor.out);
    assert!(doctor.out.contains("signs, and is refused from"), "{}", doctor.out);
    let mut nonces = 1..;
    wait_for("the running server to announce it", || {
        std::thread::sleep(Duration::from_millis(500));
        !check_in(&home, &appliance, nonces.next().expect("more")).successors.is_empty()
    });
    let announced = check_in(&home, &appliance, 255).successors;
    assert_eq!(announced[0].get().as_bytes(), after[1].as_deref().expect("read"));
    // A node without it serves on until the successor signs, and then says what to do.
    let kept = home.data().join("keys/elsewhere");
    fs::rename(&key, &kept).expect("moved");
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    let mut server = home.serve(at_the_database);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(elsewhere.as_runtime(&home, &["doctor"]).code, 1);
    let refused = elsewhere.as_runtime(&home, &["admin", "rotate-key", argument]);
    assert_eq!(refused.code, 78, "{}", refused.err);
    sqlx::query(
        "UPDATE server_key SET created_at = now() - interval '1 s' WHERE role = $1 AND retired_at IS NULL",
    )
    .bind(role)
    .execute(&mut superuser)
    .await
    .expect("time passes");
    let mut command = home.command(&["serve"]);
    at_the_database(&mut command);
    let refused = Ended::of(&mut command);
    assert_eq!(refused.code, 78, "{}", refused.err);
    assert!(refused.err.contains("copy the keys folder"), "{}", refused.err);
}
