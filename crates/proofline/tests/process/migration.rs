//! `proofline migrate up`, killed in the middle of a file.

use std::process::{Child, Command};

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};

use crate::external::{Elsewhere, connection, words};
use crate::support::{Ended, Home, PATIENCE};

/// Makes the statement of a migration that has this number wait for a lock: whatever the files are, each can be stopped
/// inside. Only statements that define something count, and what waits is PostgreSQL, not the program.
const GATE: &str = "
    CREATE SCHEMA gate;
    CREATE TABLE gate.at (statement bigint NOT NULL);
    CREATE SEQUENCE gate.statement;
    CREATE FUNCTION gate.wait() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF nextval('gate.statement') = (SELECT statement FROM gate.at) THEN
            PERFORM pg_advisory_xact_lock_shared(4711);
        END IF;
    END $$;
    CREATE EVENT TRIGGER gate ON ddl_command_start EXECUTE FUNCTION gate.wait()";

/// The schema as `pg_dump` writes it, and the runner's record: what a migration is for.
fn dump(elsewhere: &Elsewhere) -> String {
    let output = Command::new("pg_dump")
        .args(["--schema=public", "--schema-only", "--dbname", &elsewhere.superuser_url])
        .output()
        .expect("pg_dump is installed with the server");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n")
}

/// Starts anew before the first migration, and closes the gate in front of this statement.
async fn close_gate(superuser: &mut PgConnection, elsewhere: &Elsewhere, home: &Home, statement: i64) {
    superuser.execute("DELETE FROM gate.at").await.expect("runs");
    let down = elsewhere.as_owner(home, &["migrate", "down", "--to", "0", "--yes"]);
    assert_eq!(down.code, 0, "{}", down.err);
    sqlx::query("INSERT INTO gate.at VALUES ($1)")
        .bind(statement)
        .execute(&mut *superuser)
        .await
        .expect("runs");
    superuser
        .execute("SELECT setval('gate.statement', 1, false), pg_advisory_lock(4711)")
        .await
        .expect("runs");
}

/// The server process that waits for an advisory lock: at the gate, or for another runner. Looked for until there is one.
async fn waiting(superuser: &mut PgConnection, at_the_gate: bool) -> i32 {
    let looking = async {
        loop {
            let found: Option<i32> = sqlx::query_scalar(
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                    AND (classid = 0 AND objid = 4711) = $1",
            )
            .bind(at_the_gate)
            .fetch_optional(&mut *superuser)
            .await
            .expect("answers");
            match found {
                Some(pid) => return pid,
                None => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("somebody waits")
}

fn migrating(home: &Home, elsewhere: &Elsewhere) -> Child {
    let mut command = home.command(&["migrate", "up"]);
    command
        .env("PROOFLINE_DATABASE_URL", &elsewhere.runtime_url)
        .env("PROOFLINE_OWNER_DATABASE_URL", &elsewhere.owner_url)
        .spawn()
        .expect("runs")
}

#[tokio::test]
async fn a_migration_killed_in_the_middle_of_a_file_is_run_anew() {
    let home = Home::new();
    let elsewhere = Elsewhere::start(&home).await;
    // What each version looks like when nobody is killed.
    let up = elsewhere.as_owner(&home, &["migrate", "up"]);
    assert_eq!(up.code, 0, "{}", up.err);
    let versions = words(&up.out).len();
    let mut whole = vec![dump(&elsewhere)];
    for version in (0..versions).rev() {
        let down = elsewhere.as_owner(&home, &["migrate", "down", "--to", &version.to_string(), "--yes"]);
        assert_eq!(down.code, 0, "{}", down.err);
        whole.push(dump(&elsewhere));
    }
    whole.reverse();
    let mut superuser = connection(&elsewhere.superuser_url).await;
    superuser.execute(GATE).await.expect("runs");
    let up = elsewhere.as_owner(&home, &["migrate", "up"]);
    assert_eq!(up.code, 0, "{}", up.err);
    let statements: i64 = sqlx::query_scalar("SELECT last_value FROM gate.statement")
        .fetch_one(&mut superuser)
        .await
        .expect("answers");
    assert!(statements > 100, "{statements}");

    let mut stopped_in = Vec::new();
    for (n, part) in [2, 17, 38, 55, 71, 99].into_iter().enumerate() {
        close_gate(&mut superuser, &elsewhere, &home, statements * part / 100).await;
        let mut killed = migrating(&home, &elsewhere);
        let orphan = waiting(&mut superuser, true).await;
        killed.kill().expect("killed");
        killed.wait().expect("reaped");
        // PostgreSQL does not know yet that nobody waits for the file, and holds the lock of the runner that is gone.
        let early = (n % 2 == 0).then(|| migrating(&home, &elsewhere));
        if early.is_some() {
            waiting(&mut superuser, false).await;
        }
        superuser.execute("SELECT pg_advisory_unlock(4711)").await.expect("runs");
        if let Some(rerun) = early {
            let ended = rerun.wait_with_output().expect("ends");
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        } else {
            gone(&mut superuser, orphan).await;
            let status = elsewhere.as_owner(&home, &["migrate", "status"]);
            let applied = words(&status.out).iter().filter(|word| **word == "applied").count();
            assert!(applied < versions, "stopped before the end: {}", status.out);
            assert_eq!(dump(&elsewhere), whole[applied], "half of migration {} is there", applied + 1);
            stopped_in.push(applied + 1);
        }
        let rerun: Ended = elsewhere.as_owner(&home, &["migrate", "up"]);
        assert_eq!((rerun.code, words(&rerun.out)), (0, vec!["applied"; versions]), "{}", rerun.err);
        assert_eq!(dump(&elsewhere), whole[versions], "killed at {part} %");
    }
    assert!(stopped_in.windows(2).all(|pair| pair[0] < pair[1]), "in different files: {stopped_in:?}");
    superuser.close().await.expect("closes");
}

/// Waits until a server process has ended.
async fn gone(superuser: &mut PgConnection, pid: i32) {
    let looking = async {
        while sqlx::query_scalar::<_, bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)")
            .bind(pid)
            .fetch_one(&mut *superuser)
            .await
            .expect("answers")
        {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("it notices that its client is gone");
}
