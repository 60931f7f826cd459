//! `proofline admin rotate-key` and whoever decides about it: what the command does while it waits, and with what was decided.

use std::thread;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::postgres::types::PgInterval;

use crate::external::{Elsewhere, connection};
use crate::support::{Ended, Home};

const ASK: [&str; 5] = ["admin", "rotate-key", "rules", "--reason", "the disk was replaced"];

/// How often the database is looked at, and how often that is tried.
const LOOK: (Duration, u32) = (Duration::from_millis(100), 300);

/// Decides the request that waits, once there is one, as the console does.
async fn decide(superuser: &mut PgConnection, approved: bool) {
    for _ in 0..LOOK.1 {
        let decided = sqlx::query(
            "UPDATE key_rotation SET approved = $1, decided_by = gen_random_uuid(), decided_by_name = 'Ada',
                decided_at = now() WHERE approved IS NULL",
        )
        .bind(approved)
        .execute(&mut *superuser)
        .await
        .expect("decides");
        if decided.rows_affected() == 1 {
            return;
        }
        tokio::time::sleep(LOOK.0).await;
    }
    panic!("nobody asked");
}

/// Runs the command until it ends, while somebody decides.
async fn waited(
    (home, elsewhere): (&Home, &Elsewhere),
    superuser: &mut PgConnection,
    more: &[&str],
    approved: bool,
) -> Ended {
    let mut command = home.command(&[&ASK, more].concat());
    command.env("PROOFLINE_DATABASE_URL", &elsewhere.runtime_url);
    let ends = thread::spawn(move || Ended::of(&mut command));
    decide(superuser, approved).await;
    ends.join().expect("ends")
}

#[tokio::test]
async fn the_command_waits_for_the_decision_and_keeps_to_what_was_approved() {
    let home = Home::new();
    let elsewhere = Elsewhere::start(&home).await;
    assert_eq!(elsewhere.as_owner(&home, &["migrate", "up"]).code, 0);
    let mut server = home.serve(|command| {
        command.env("PROOFLINE_DATABASE_URL", &elsewhere.runtime_url);
    });
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    let mut superuser = connection(&elsewhere.superuser_url).await;
    let place = (&home, &elsewhere);
    let made = || home.data().join("keys/rules.2.ed25519").exists();

    for reason in ["too short", "in\ntwo lines of text"] {
        let refused = elsewhere.as_runtime(&home, &["admin", "rotate-key", "rules", "--reason", reason]);
        assert_eq!(refused.code, 78, "{}", refused.err);
    }
    let turned_down = waited(place, &mut superuser, &["--wait"], false).await;
    assert_eq!(turned_down.code, 1, "{}", turned_down.out);
    assert!(turned_down.err.contains("turned down"), "{}", turned_down.err);
    assert!(!made());

    // What was asked for first is what an administrator reads, and what they approve.
    let asked = elsewhere.as_runtime(&home, &[&ASK[..], &["--overlap-hours", "3"]].concat());
    assert_eq!(asked.code, 0, "{}", asked.err);
    let begun = waited(place, &mut superuser, &["--wait", "--overlap-hours", "9"], true).await;
    assert_eq!(begun.code, 0, "{}", begun.err);
    assert!(begun.out.contains("has begun") && made(), "{}", begun.out);
    let span: PgInterval =
        sqlx::query_scalar("SELECT max(retired_at) - max(created_at) FROM server_key WHERE role = 'rules'")
            .fetch_one(&mut superuser)
            .await
            .expect("reads");
    assert_eq!((span.days, span.microseconds), (0, 3 * 3_600_000_000));
}
