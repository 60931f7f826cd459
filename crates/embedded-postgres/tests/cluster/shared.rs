//! The test run's cluster: found by many processes at once, started by one, gone when nobody needs it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::support::{Home, processes_under, query_as, wait_for};
use proofline_embedded_postgres::{Origin, TestCluster};

const CHILD_HOME: &str = "PROOFLINE_TEST_SHARED";

fn cluster_in(home: &Path) -> TestCluster {
    TestCluster { home: home.to_owned(), look_every: 1, idle_for: 0 }
}

/// Not a test by itself: one of the processes of the next test.
#[test]
fn child_that_joins() {
    let Some(home) = std::env::var_os(CHILD_HOME) else { return };
    let began = Instant::now();
    let cluster = cluster_in(Path::new(&home)).join().expect("joins");
    let answer =
        query_as(cluster.endpoint(), "postgres", "select pg_postmaster_start_time()").expect("answers");
    println!("\njoined {:?} {:?} {answer}", cluster.origin(), began.elapsed());
    // Stays until it is let go: with nobody there, the server would end before the next one comes.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("reads");
}

#[test]
fn many_processes_share_one_server_which_ends_when_idle() {
    let home = Home::new();
    let join = || -> Child {
        let mut command = Command::new(std::env::current_exe().expect("known"));
        command.args(["shared::child_that_joins", "--exact", "--nocapture"]).env(CHILD_HOME, home.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("runs")
    };
    // One user stays, so that the reaper, which looks every second, has to keep away.
    let ours = cluster_in(home.path());
    let children: Vec<_> = std::iter::repeat_with(join).take(8).collect();
    let stays = ours.join().expect("joins");
    let said: Vec<String> = children
        .into_iter()
        .map(|child| String::from_utf8_lossy(&child.wait_with_output().expect("ends").stdout).into_owned())
        .map(|text| {
            text.lines().find_map(|line| line.strip_prefix("joined ").map(str::to_owned)).expect("joined")
        })
        .collect();
    println!("{said:#?}");
    let created = said.iter().filter(|line| line.starts_with("Created")).count();
    assert_eq!(created + usize::from(stays.origin() == Origin::Created), 1, "one starts it");
    let since: std::collections::BTreeSet<_> =
        said.iter().map(|line| line.split_once("s ").expect("three parts").1).collect();
    assert_eq!(since.len(), 1, "all reach the same server");

    assert_eq!(query_as(stays.endpoint(), "postgres", "select 1"), Ok("1".to_owned()));
    drop(stays);
    wait_for("the reaper", || processes_under(home.path()).is_empty());
    assert!(!home.path().join("data").exists());
    assert_eq!(ours.join().expect("joins").origin(), Origin::Created, "and it can be had again");
    assert!(ours.stop().expect("stops"));
    assert!(!ours.stop().expect("nothing to stop"));
}
