//! Every way of dying: the supervisor, the postmaster, both, and what each leaves in the data directory.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::support::{self, Home, bystander, kill_all, processes_under, psql, query, signal, wait_for};
use proofline_embedded_postgres::{Cluster, Options, Origin};
use rustix::process::Signal;

const CHILD_HOME: &str = "PROOFLINE_TEST_SUPERVISE";

/// Not a test by itself: the process that the next test kills.
#[test]
fn child_that_supervises() {
    let Some(data_dir) = std::env::var_os(CHILD_HOME) else { return };
    let data_dir = PathBuf::from(data_dir);
    let run_dir = Some(data_dir.with_file_name("run"));
    let cluster =
        Cluster::start(&Options { run_dir, keep_running: false, ..Options::new(data_dir) }).expect("starts");
    println!("\nsupervising {}", cluster.pid());
    loop {
        std::thread::park();
    }
}

/// Starts the process above through a shell that has a lock in its descriptor 7, and waits until it supervises.
fn supervisor(home: &Home) -> (Child, i32) {
    let mut supervisor = Command::new("/bin/sh")
        .args(["-c", r#"exec 7>"$1"; flock 7; shift; exec "$@""#, "sh"])
        .arg(home.path().join("given.lock"))
        .arg(std::env::current_exe().expect("known"))
        .args(["crashes::child_that_supervises", "--exact", "--nocapture"])
        .env(CHILD_HOME, home.data_dir())
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    let lines = BufReader::new(supervisor.stdout.take().expect("piped")).lines();
    let said =
        lines.map_while(Result::ok).find_map(|line| line.strip_prefix("supervising ").map(str::to_owned));
    (supervisor, said.expect("it says so").parse().expect("a process id"))
}

#[test]
fn the_server_outlives_a_killed_supervisor_and_is_attached_to() {
    let home = Home::new();
    let (mut supervisor, pid) = supervisor(&home);
    let given = fs::File::open(home.path().join("given.lock")).expect("exists");
    assert!(given.try_lock().is_err(), "the supervisor has it");
    supervisor.kill().expect("killed");
    supervisor.wait().expect("reaped");
    given.try_lock().expect("the server does not keep what its supervisor was given");

    let cluster = Cluster::start(&home.options()).expect("attaches");
    println!("attach after kill -9 of the supervisor {:?}", cluster.took());
    assert_eq!((cluster.origin(), cluster.pid()), (Origin::Attached, pid));
    assert_eq!(query(&cluster, "select 1"), "1");
}

#[test]
fn a_killed_postmaster_is_started_again_with_everything_committed() {
    let home = Home::new();
    let cluster = Cluster::start(&home.options()).expect("starts");
    query(&cluster, "create table kept (n int)");
    for round in 1..=3 {
        query(&cluster, "insert into kept select count(*) from kept");
        let died = cluster.pid();
        signal(died, Signal::KILL);
        let began = Instant::now();
        while !cluster.ensure_running().expect("starts again") {} // until the kill has arrived
        println!("recovery after kill -9 of the postmaster {:?}", began.elapsed());
        assert_ne!(cluster.pid(), died);
        assert_eq!(query(&cluster, "select count(*) from kept"), round.to_string());
    }
}

#[test]
fn the_keeper_starts_a_killed_server_by_itself() {
    let home = Home::new();
    let cluster = Cluster::start(&Options { keep_running: true, ..home.options() }).expect("starts");
    let died = cluster.pid();
    signal(died, Signal::KILL);
    wait_for("the keeper", || cluster.pid() != died);
    assert_eq!(query(&cluster, "select 1"), "1");
    cluster.stop();
    assert_eq!(processes_under(home.path()), [] as [i32; 0], "and does not bring it back after a stop");
}

#[test]
fn a_pid_file_whose_process_is_now_somebody_else_does_not_stop_the_start() {
    let home = Home::new();
    let cluster = Cluster::start(&home.options()).expect("starts");
    query(&cluster, "create table kept (n int); insert into kept values (1)");
    cluster.leave_running();
    kill_all(home.path());

    let mut somebody = bystander(&home.data_dir());
    support::put_in_pid_file(&home.data_dir(), somebody.id());
    let cluster = Cluster::start(&home.options()).expect("starts");
    println!("start after kill -9 of everything {:?}", cluster.took());
    assert_eq!((cluster.origin(), query(&cluster, "select n from kept").as_str()), (Origin::Started, "1"));
    assert_eq!(somebody.try_wait().expect("ours"), None, "the other process was left alone");
    somebody.kill().expect("killed");
    somebody.wait().expect("reaped");
}

#[test]
fn a_server_of_another_cluster_is_not_mistaken_for_ours() {
    let (home, other_home) = (Home::new(), Home::new());
    let other = Cluster::start(&other_home.options().for_tests()).expect("starts");
    Cluster::start(&home.options().for_tests()).expect("starts").leave_running();
    kill_all(home.path());
    support::put_in_pid_file(&home.data_dir(), other.pid());

    let ours = Cluster::start(&home.options().for_tests()).expect("starts");
    assert_eq!(ours.origin(), Origin::Started);
    assert_ne!(ours.pid(), other.pid());
    assert_eq!(query(&other, "select 1"), "1");
}

#[test]
fn an_empty_pid_file_does_not_stop_the_start() {
    let home = Home::new();
    Cluster::start(&home.options().for_tests()).expect("starts").stop();
    fs::write(home.data_dir().join("postmaster.pid"), "").expect("written");
    let cluster = Cluster::start(&home.options().for_tests()).expect("starts");
    assert_eq!(query(&cluster, "select 1"), "1");
}

#[test]
fn a_backend_that_outlives_its_postmaster_only_delays_the_start() {
    let home = Home::new();
    let cluster = Cluster::start(&home.options()).expect("starts");
    // Long enough to be in the way, and over by itself where it cannot be found.
    let busy_loop = "do $$ begin while clock_timestamp() < now() + interval '5 s' loop end loop; end $$";
    let mut client =
        psql(&cluster.endpoint(), "postgres", busy_loop).stderr(Stdio::null()).spawn().expect("runs");
    let active = "select count(*) from pg_stat_activity where query like 'do %' and state = 'active'";
    wait_for("the loop to run", || query(&cluster, active) == "1");
    let died = cluster.pid();
    signal(died, Signal::KILL);
    let began = Instant::now();
    while !cluster.ensure_running().expect("starts again") {}
    println!("start beside a busy backend of the dead server {:?}", began.elapsed());
    assert_eq!(query(&cluster, active), "0");
    client.wait().expect("its connection ended");
}

#[test]
fn a_half_made_cluster_is_made_anew() {
    let home = Home::new();
    let unfinished = home.path().join("postgres.new-1");
    fs::create_dir(&unfinished).expect("created");
    fs::write(unfinished.join("PG_VERSION"), "15\n").expect("written");
    let cluster = Cluster::start(&home.options().for_tests()).expect("starts");
    assert_eq!(cluster.origin(), Origin::Created);
    assert!(!unfinished.exists());
}

#[test]
fn supervisors_killed_while_they_make_the_cluster_are_in_nobodys_way() {
    let home = Home::new();
    let unfinished = || -> Vec<PathBuf> {
        let entries = fs::read_dir(home.path()).expect("is there").flatten().map(|entry| entry.path());
        entries.filter(|path| path.to_string_lossy().contains("postgres.new")).collect()
    };
    for stage in ["", "pg_wal", "base/1", "base/1/PG_VERSION"] {
        let before = unfinished();
        let mut supervisor = Command::new(std::env::current_exe().expect("known"))
            .args(["crashes::child_that_supervises", "--exact", "--nocapture"])
            .env(CHILD_HOME, home.data_dir())
            .stdout(Stdio::null())
            .spawn()
            .expect("runs");
        wait_for(stage, || {
            unfinished().iter().any(|path| !before.contains(path) && path.join(stage).exists())
        });
        supervisor.kill().expect("killed");
        supervisor.wait().expect("reaped");
    }
    let cluster = Cluster::start(&home.options()).expect("starts beside what they left behind");
    assert_eq!((cluster.origin(), query(&cluster, "select 1").as_str()), (Origin::Created, "1"));
    cluster.stop();

    let name = home.path().join("postgres.new").display().to_string();
    let command_lines =
        || fs::read_dir("/proc").expect("is there").flatten().map(|it| it.path().join("cmdline"));
    wait_for("every initdb to end", || {
        !command_lines()
            .filter_map(|path| fs::read(path).ok())
            .any(|line| String::from_utf8_lossy(&line).contains(&name))
    });
    Cluster::start(&home.options()).expect("starts").stop();
    assert_eq!(unfinished(), [] as [PathBuf; 0]);
}

#[test]
fn the_keeper_is_as_quick_after_a_bad_time_as_before() {
    let home = Home::new();
    let cluster = Cluster::start(&Options { keep_running: true, ..home.options() }).expect("starts");
    // How long that takes on this machine.
    let usual = comes_back(&cluster);
    let conf = home.data_dir().join("postgresql.auto.conf");
    let good = fs::read(&conf).expect("there is one");
    fs::write(&conf, "shared_buffers = 'a lot'\n").expect("written");
    signal(cluster.pid(), Signal::KILL);
    let failures = || {
        let log = fs::read(cluster.log_path()).expect("there is a log");
        String::from_utf8_lossy(&log).matches("invalid value for parameter").count()
    };
    // Each failure makes the next pause four times longer: after the third it is 6.4 s.
    wait_for("three attempts in vain", || failures() >= 3);
    let died = cluster.pid();
    fs::write(&conf, good).expect("written");
    wait_for("the keeper", || cluster.pid() != died);

    let took = comes_back(&cluster);
    println!("start again after a bad time {took:?}, before it {usual:?}");
    assert!(
        took < usual + std::time::Duration::from_secs(4),
        "it still pauses as if nothing had worked: {took:?}"
    );
}

/// Kills the server and waits for the keeper; how long that took.
fn comes_back(cluster: &Cluster) -> std::time::Duration {
    let died = cluster.pid();
    signal(died, Signal::KILL);
    let began = Instant::now();
    wait_for("the keeper", || cluster.pid() != died);
    began.elapsed()
}
