//! A server with somebody else's PostgreSQL: who migrates, what is checked, and what happens when it is gone.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use proofline_embedded_postgres::{APP_ROLE, Cluster, OWNER_ROLE, Options};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::support::{Ended, Home, PATIENCE, get, wait_for};

/// A PostgreSQL server that is not Proofline's, with the database and the two roles.
pub(crate) struct Elsewhere {
    options: Options,
    cluster: Option<Cluster>,
    pub(crate) runtime_url: String,
    pub(crate) owner_url: String,
    pub(crate) superuser_url: String,
}

impl Elsewhere {
    pub(crate) async fn start(home: &Home) -> Self {
        let options = Options {
            run_dir: Some(home.path().join("elsewhere-run")),
            ..Options::new(home.path().join("elsewhere")).for_tests()
        };
        let cluster = Cluster::start(&options).expect("starts");
        let endpoint = cluster.endpoint();
        let mut superuser = connection(&endpoint.superuser_url("postgres")).await;
        for sql in [
            "CREATE ROLE proofline_owner LOGIN",
            "CREATE ROLE proofline_app LOGIN",
            "CREATE DATABASE proofline OWNER proofline_owner",
        ] {
            superuser.execute(sql).await.expect("runs");
        }
        superuser.close().await.expect("closes");
        let (runtime_url, owner_url) =
            (endpoint.url(APP_ROLE, "proofline"), endpoint.url(OWNER_ROLE, "proofline"));
        let superuser_url = endpoint.superuser_url("proofline");
        Self { options, cluster: Some(cluster), runtime_url, owner_url, superuser_url }
    }

    pub(crate) fn stop(&mut self) {
        self.cluster.take().expect("runs").stop();
    }

    pub(crate) fn start_again(&mut self) {
        self.cluster = Some(Cluster::start(&self.options).expect("starts again"));
    }

    /// Runs a command as an operator who knows both roles.
    pub(crate) fn as_owner(&self, home: &Home, arguments: &[&str]) -> Ended {
        let mut command = home.command(arguments);
        command.env("PROOFLINE_DATABASE_URL", &self.runtime_url);
        Ended::of(command.env("PROOFLINE_OWNER_DATABASE_URL", &self.owner_url))
    }

    /// Runs a command as the server, which knows only its own.
    pub(crate) fn as_runtime(&self, home: &Home, arguments: &[&str]) -> Ended {
        Ended::of(home.command(arguments).env("PROOFLINE_DATABASE_URL", &self.runtime_url))
    }
}

pub(crate) async fn connection(url: &str) -> PgConnection {
    url.parse::<PgConnectOptions>().expect("a URL").connect().await.expect("answers")
}

/// The last word of each line of `migrate status`.
pub(crate) fn words(listing: &str) -> Vec<&str> {
    listing.lines().filter_map(|line| line.split_whitespace().last()).collect()
}

#[tokio::test]
async fn without_the_owner_the_schema_is_checked_and_with_it_migrated() {
    let home = Home::new();
    let mut elsewhere = Elsewhere::start(&home).await;

    let status = elsewhere.as_owner(&home, &["migrate", "status"]);
    let all = words(&status.out).len();
    assert_eq!((status.code, words(&status.out)), (0, vec!["missing"; all]), "{}", status.err);
    let refused = elsewhere.as_runtime(&home, &["serve"]);
    assert_eq!(refused.code, 78, "without the owner's URL it does not pass by itself: {}", refused.err);
    assert!(
        refused.err.contains("migration 1 is not applied: run `proofline migrate up`"),
        "{}",
        refused.err
    );
    let cannot = elsewhere.as_runtime(&home, &["migrate", "up"]);
    assert_eq!(cannot.code, 78, "{}", cannot.err);
    assert!(cannot.err.contains("PROOFLINE_OWNER_DATABASE_URL is not set"), "{}", cannot.err);

    let up = elsewhere.as_owner(&home, &["migrate", "up"]);
    assert_eq!((up.code, words(&up.out)), (0, vec!["applied"; all]), "{}", up.err);
    let asked = elsewhere.as_owner(&home, &["migrate", "down", "--to", "4"]);
    assert_eq!((asked.code, asked.out.as_str()), (78, ""), "{}", asked.err);
    assert!(asked.err.contains("undoes the migrations 5 (operations), 6 ("), "{}", asked.err);
    assert!(asked.err.contains("say --yes; nothing was changed"), "{}", asked.err);
    let status = elsewhere.as_owner(&home, &["migrate", "status"]);
    assert_eq!(words(&status.out), vec!["applied"; all]);
    let down = elsewhere.as_owner(&home, &["migrate", "down", "--to", "4", "--yes"]);
    let expected = [vec!["applied"; 4], vec!["missing"; all - 4]].concat();
    assert_eq!((down.code, words(&down.out)), (0, expected), "{}", down.err);
    let older = elsewhere.as_runtime(&home, &["serve"]);
    assert_eq!(older.code, 78, "{}", older.err);
    assert!(older.err.contains("run `proofline migrate up`"), "{}", older.err);
    let up = elsewhere.as_owner(&home, &["migrate", "up"]);
    assert_eq!((up.code, words(&up.out)), (0, vec!["applied"; all]), "{}", up.err);

    // One connection is enough, the listener's own not counted.
    let mut server = home.serve(|command| {
        command
            .env("PROOFLINE_DATABASE_URL", &elsewhere.runtime_url)
            .env("PROOFLINE_DATABASE_CONNECTIONS", "1");
    });
    let doctor = elsewhere.as_runtime(&home, &["doctor"]);
    assert_eq!(doctor.code, 0, "{}{}", doctor.out, doctor.err);
    assert!(doctor.out.contains(&format!("{all} migrations, all applied and unchanged")), "{}", doctor.out);

    let under_it = elsewhere.as_owner(&home, &["migrate", "down", "--to", "4", "--yes"]);
    assert_eq!(under_it.code, 78, "{}", under_it.err);
    assert!(under_it.err.contains("a server works with this database"), "{}", under_it.err);
    // What a server of another version leaves behind is no database to work with.
    let mut owner = connection(&elsewhere.owner_url).await;
    for (step, expected) in [(1, 503), (-1, 200)] {
        let moved = sqlx::query(
            "UPDATE _sqlx_migrations SET version = version + $1
             WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
        );
        moved.bind(step).execute(&mut owner).await.expect("runs");
        assert_eq!(get(home.listen, "/ready").expect("listens").status, expected);
    }
    owner.close().await.expect("closes");

    elsewhere.stop();
    wait_for("the server to notice", || {
        get(home.listen, "/ready").is_some_and(|reply| {
            let names_it = reply.body.contains(r#""database":"unavailable""#);
            let names_no_other = reply.body.contains(r#""evidence_store":"ok""#);
            reply.status == 503 && names_it && names_no_other
        })
    });
    assert_eq!(get(home.listen, "/health").expect("listens").status, 200, "the process itself is well");
    let doctor = elsewhere.as_runtime(&home, &["doctor"]);
    assert_eq!(doctor.code, 1, "{}", doctor.out);
    assert!(doctor.out.contains("FAIL  schema"), "{}", doctor.out);
    assert!(doctor.out.contains("but is not ready"), "{}", doctor.out);
    elsewhere.start_again();
    wait_for("the server to recover", || get(home.listen, "/ready").is_some_and(|reply| reply.status == 200));
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(elsewhere.cluster.as_ref().is_some_and(|cluster| cluster.pid() > 0), "it is not ours to stop");

    let mut owner = connection(&elsewhere.owner_url).await;
    let flip = "UPDATE _sqlx_migrations SET checksum = set_byte(checksum, 0, get_byte(checksum, 0) # 1) WHERE version = 2";
    owner.execute(flip).await.expect("runs");
    owner.close().await.expect("closes");
    for refused in [elsewhere.as_runtime(&home, &["serve"]), elsewhere.as_owner(&home, &["serve"])] {
        assert_eq!(refused.code, 78, "{}", refused.err);
        assert!(refused.err.contains("migration 2 was changed after it was applied"), "{}", refused.err);
    }
    let status = elsewhere.as_owner(&home, &["migrate", "status"]);
    assert!(
        status.out.lines().nth(1).is_some_and(|line| line.ends_with("CHANGED SINCE APPLIED")),
        "{}",
        status.out
    );
    let doctor = elsewhere.as_runtime(&home, &["doctor"]);
    assert!(doctor.out.contains("FAIL  schema             migration 2 was changed"), "{}", doctor.out);
}

#[tokio::test]
async fn a_restart_of_postgresql_under_load_is_over_within_ten_seconds() {
    let home = Home::new();
    let mut elsewhere = Elsewhere::start(&home).await;
    assert_eq!(elsewhere.as_owner(&home, &["migrate", "up"]).code, 0);
    let _server = home.serve(|command| {
        command.env("PROOFLINE_DATABASE_URL", &elsewhere.runtime_url).env("PROOFLINE_RATE_SCALE", "100000");
    });
    // Each asks for what only the database knows, again and again; how many good answers in a row it had.
    let rows: Arc<[AtomicU32; 8]> = Arc::default();
    let (wrong, slowest) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU64::new(0)));
    for place in 0..rows.len() {
        let (rows, wrong, slowest, address) = (rows.clone(), wrong.clone(), slowest.clone(), home.listen);
        std::thread::spawn(move || {
            loop {
                let began = Instant::now();
                let status = get(address, "/api/auth/status").map_or(0, |reply| reply.status);
                slowest.fetch_max(
                    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                    Ordering::Relaxed,
                );
                match status {
                    200 => drop(rows[place].fetch_add(1, Ordering::Relaxed)),
                    503 => rows[place].store(0, Ordering::Relaxed),
                    other => drop(wrong.fetch_max(u32::from(other).max(1), Ordering::Relaxed)),
                }
            }
        });
    }
    let all_have = |many: u32| rows.iter().all(|row| row.load(Ordering::Relaxed) >= many);
    wait_for("the load", || all_have(20));
    elsewhere.stop();
    wait_for("the load to notice", || rows.iter().any(|row| row.load(Ordering::Relaxed) == 0));
    elsewhere.start_again();
    let began = Instant::now();
    rows.iter().for_each(|row| row.store(0, Ordering::Relaxed));
    wait_for("everybody to be answered again", || all_have(20));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(wrong.load(Ordering::Relaxed), 0, "the answer is never anything but good or 'come back'");
    assert!(slowest.load(Ordering::Relaxed) < 10_000, "{} ms", slowest.load(Ordering::Relaxed));
}

#[tokio::test]
async fn no_server_starts_beside_one_that_does_not_count_it_in() {
    let home = Home::new();
    let mut elsewhere = Elsewhere::start(&home).await;
    assert_eq!(elsewhere.as_owner(&home, &["migrate", "up"]).code, 0);
    let url = elsewhere.runtime_url.clone();
    let alone = |command: &mut Command| {
        command.env("PROOFLINE_DATABASE_URL", &url);
    };
    let of_two = |command: &mut Command| {
        alone(command);
        command.env("PROOFLINE_NODES", "2").env("PROOFLINE_REDIS_URL", "redis://127.0.0.1:1");
    };
    let refused = |home: &Home, configure: &dyn Fn(&mut Command), why: &str| {
        let mut command = home.command(&["serve"]);
        configure(&mut command);
        let ended = Ended::of(&mut command);
        assert_eq!(ended.code, 1, "what is in the way may end by itself: {}", ended.err);
        assert!(ended.err.contains(why), "{}", ended.err);
    };
    let other = home.neighbour();

    let first = home.serve(alone);
    refused(&other, &alone, "another server uses this database");
    refused(&other, &of_two, "takes itself for the only one");

    // A PostgreSQL that was away gave the lock to nobody, and gets it back.
    elsewhere.stop();
    elsewhere.start_again();
    let mut superuser = connection(&elsewhere.superuser_url).await;
    let mut is_held = false;
    let until = Instant::now() + PATIENCE;
    while !is_held && Instant::now() < until {
        is_held = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted)",
        )
        .fetch_one(&mut superuser)
        .await
        .expect("answers");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(is_held);

    // Whoever was killed is in nobody's way.
    drop(first);
    let mut second = other.serve(of_two);
    let _third = home.serve(of_two);
    refused(&other.neighbour(), &alone, "another server uses this database");
    second.terminate();
    assert_eq!(second.wait().code(), Some(0));
}
