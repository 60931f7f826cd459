//! Real clusters: made, started, stopped, refused twice. Each test prints how long its steps took.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Home, processes_under, query, query_as};
use proofline_embedded_postgres::{Cluster, Error, Options, Origin};

#[test]
fn a_cluster_is_made_then_started_again_and_leaves_nothing_behind() {
    let home = Home::new();
    let cold = Cluster::start(&home.options()).expect("starts");
    println!("cold start {:?}", cold.took());
    assert_eq!(cold.origin(), Origin::Created);
    let settings = "select current_setting('listen_addresses'), current_setting('fsync'), current_setting('full_page_writes'), \
                    current_setting('synchronous_commit'), current_setting('data_checksums'), current_setting('server_encoding')";
    assert_eq!(query(&cold, settings), "|on|on|on|on|UTF8");
    query(&cold, "create table kept (n int); insert into kept values (1)");
    let run_folder = fs::metadata(cold.endpoint().socket_dir()).expect("exists");
    assert_eq!(run_folder.permissions().mode() & 0o777, 0o700);
    assert!(!processes_under(&home.data_dir()).is_empty());
    cold.stop();
    assert_eq!(processes_under(home.path()), [] as [i32; 0]);

    let warm = Cluster::start(&home.options()).expect("starts again");
    println!("warm start {:?}", warm.took());
    assert_eq!((warm.origin(), query(&warm, "select n from kept").as_str()), (Origin::Started, "1"));
    drop(warm);
    assert_eq!(processes_under(home.path()), [] as [i32; 0], "dropping stops as well");
}

#[test]
fn a_second_supervisor_is_refused_and_told_who_is_first() {
    let home = Home::new();
    let first = Cluster::start(&home.options().for_tests()).expect("starts");
    let refused = Cluster::start(&home.options().for_tests()).expect_err("one at a time");
    assert!(
        matches!(&refused, Error::AlreadySupervised { holder, .. } if *holder == std::process::id().to_string())
    );
    first.stop();
    Cluster::start(&home.options().for_tests()).expect("the place is free again");
}

#[test]
fn a_server_left_running_is_taken_over_as_it_is() {
    let home = Home::new();
    let first = Cluster::start(&home.options()).expect("starts");
    let pid = first.pid();
    first.leave_running();
    let second = Cluster::start(&home.options()).expect("attaches");
    println!("attach {:?}", second.took());
    assert_eq!((second.origin(), second.pid()), (Origin::Attached, pid));
    second.stop();
    assert_eq!(processes_under(home.path()), [] as [i32; 0], "an adopted server is stopped like our own");
}

#[test]
fn a_server_with_other_settings_is_started_again_with_ours() {
    let home = Home::new();
    let unsafe_one = Cluster::start(&home.options().for_tests()).expect("starts");
    let pid = unsafe_one.pid();
    unsafe_one.leave_running();
    let safe = Cluster::start(&home.options()).expect("starts");
    assert_eq!((safe.origin(), safe.pid() == pid), (Origin::Started, false));
    assert_eq!(query(&safe, "show fsync"), "on");
}

#[test]
fn roles_in_the_map_may_log_in_and_no_others() {
    let home = Home::new();
    let cluster = Cluster::start(&home.options().for_tests()).expect("starts");
    query(&cluster, "create role proofline_app login; create role stranger login");
    assert_eq!(
        query_as(&cluster.endpoint(), "proofline_app", "select current_user"),
        Ok("proofline_app".to_owned())
    );
    let refused = query_as(&cluster.endpoint(), "stranger", "select 1").expect_err("not in the map");
    assert!(refused.contains("Peer authentication failed"), "{refused}");

    let more = Options { roles: vec!["stranger".to_owned()], ..home.options().for_tests() };
    cluster.leave_running();
    let cluster = Cluster::start(&more).expect("attaches");
    assert_eq!(cluster.origin(), Origin::Attached);
    crate::support::wait_for("the map to be read again", || {
        query_as(&cluster.endpoint(), "stranger", "select 1").is_ok()
    });
}

#[test]
fn a_role_that_would_be_a_pattern_is_refused() {
    let home = Home::new();
    for bad in ["/^.*$", "a\"b", "", "a b"] {
        let options = Options { roles: vec![bad.to_owned()], ..home.options().for_tests() };
        let refused = Cluster::start(&options).expect_err("not a plain name");
        assert!(matches!(refused, Error::BadName { name } if name == bad));
    }
}
