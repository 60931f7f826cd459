//! Looking at a cluster in every state, and that it is only looking.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::support::{Home, kill_all, query, query_as};
use proofline_embedded_postgres::{Cluster, Error, Origin, Search, Sighting};

/// Every file below a folder with its inode, its size and its times.
fn traces(folder: &Path) -> BTreeMap<PathBuf, (u64, u64, i64, i64)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let about = entry.metadata().expect("it is there");
        found.insert(entry.path(), (about.ino(), about.size(), about.mtime(), about.mtime_nsec()));
        if about.is_dir() {
            found.extend(traces(&entry.path()));
        }
    }
    found
}

#[test]
fn a_place_without_a_cluster_is_left_as_it_is() {
    let home = Home::new();
    let seen = Sighting::of(&home.options()).expect("sees");
    assert!(!seen.exists && seen.server.is_none() && seen.supervisor.is_none());
    assert_eq!(traces(home.path()), BTreeMap::new());
    let nowhere = proofline_embedded_postgres::Options {
        search: Search::Only(vec![home.path().to_owned()]),
        ..home.options()
    };
    assert!(matches!(Sighting::of(&nowhere), Err(Error::NoBinaries { .. })), "as a start would say");
}

#[test]
fn a_running_a_stopped_and_an_orphaned_server_are_told_apart() {
    let home = Home::new();
    let cluster = Cluster::start(&home.options()).expect("starts");
    query(&cluster, "checkpoint");
    let seen = Sighting::of(&home.options()).expect("sees");
    let ours = i32::try_from(std::process::id()).ok();
    assert_eq!((seen.exists, seen.supervisor), (true, ours));
    let server = seen.server.expect("runs");
    assert_eq!((server.pid, server.is_ready), (cluster.pid(), true));
    assert_eq!(query_as(&server.endpoint, "postgres", "select 1"), Ok("1".to_owned()));

    let pid = cluster.pid();
    cluster.leave_running();
    let seen = Sighting::of(&home.options()).expect("sees");
    assert_eq!((seen.supervisor, seen.server.map(|server| server.pid)), (None, Some(pid)));
    let cluster = Cluster::start(&home.options()).expect("attaches");
    assert_eq!((cluster.origin(), cluster.pid()), (Origin::Attached, pid), "looking left it alone");

    cluster.stop();
    let before = traces(home.path());
    let seen = Sighting::of(&home.options()).expect("sees");
    assert_eq!((seen.exists, seen.server, seen.supervisor), (true, None, None));
    assert_eq!(traces(home.path()), before);

    Cluster::start(&home.options()).expect("starts").leave_running();
    kill_all(home.path());
    let before = traces(home.path());
    assert_eq!(Sighting::of(&home.options()).expect("sees").server, None, "its pid file is not believed");
    assert_eq!(traces(home.path()), before);
}
