//! What cannot work says so in one sentence, with a way out.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Home, query};
use proofline_embedded_postgres::{Cluster, Error, Options, Origin, Search};

/// A folder that looks like an installation of this version.
fn pretend_installation(folder: &Path, version: &str) -> Search {
    fs::create_dir_all(folder).expect("created");
    for program in ["postgres", "initdb"] {
        let path = folder.join(program);
        fs::write(&path, format!("#!/bin/sh\necho \"{program} (PostgreSQL) {version}\"\n")).expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("made executable");
    }
    Search::Only(vec![folder.to_owned()])
}

fn refusal(options: &Options) -> Error {
    Cluster::start(options).expect_err("this cannot work")
}

#[test]
fn missing_binaries_are_named_with_the_way_to_get_them() {
    let home = Home::new();
    let options = Options { search: Search::Only(vec![home.path().to_owned()]), ..home.options() };
    let said = refusal(&options).to_string();
    assert!(said.starts_with(
        "PostgreSQL 15 or newer was not found on this machine: install it with `apt-get install postgresql`"
    ));
    assert!(said.contains("PROOFLINE_DATABASE_URL") && !said.contains('\n'), "{said}");

    let old = Options {
        search: pretend_installation(&home.path().join("bin"), "13.4 (Debian 13.4-1)"),
        ..home.options()
    };
    let said = refusal(&old).to_string();
    assert!(said.contains("(only 13.4 in "), "{said}");
}

#[test]
fn a_cluster_of_another_major_version_is_not_touched() {
    let home = Home::new();
    fs::create_dir(home.data_dir()).expect("created");
    fs::write(home.data_dir().join("PG_VERSION"), "16\n").expect("written");
    let options =
        Options { search: pretend_installation(&home.path().join("bin"), "17.2"), ..home.options() };
    let said = refusal(&options).to_string();
    assert!(
        said.contains("holds a PostgreSQL 16 cluster but only 17 is installed: install version 16"),
        "{said}"
    );
}

#[test]
fn a_folder_with_other_things_is_not_touched() {
    let home = Home::new();
    fs::create_dir(home.data_dir()).expect("created");
    fs::write(home.data_dir().join("letter.txt"), "dear").expect("written");
    assert!(matches!(refusal(&home.options()), Error::NotACluster { .. }));
    fs::remove_dir_all(home.data_dir()).expect("removed");
    fs::write(home.data_dir(), "dear").expect("written");
    assert!(matches!(refusal(&home.options()), Error::NotACluster { .. }), "a file");
    fs::remove_file(home.data_dir()).expect("removed");
    fs::create_dir(home.data_dir()).expect("created");
    let cluster = Cluster::start(&home.options().for_tests()).expect("an empty folder will do");
    assert_eq!(cluster.origin(), Origin::Created);
}

#[test]
fn a_socket_path_that_the_system_would_cut_is_refused() {
    let home = Home::new();
    let options = Options { run_dir: Some(home.path().join("r".repeat(90))), ..home.options().for_tests() };
    assert!(matches!(refusal(&options), Error::SocketPathTooLong { limit: 93, .. }));
}

#[test]
fn a_server_that_dies_at_once_is_quoted() {
    let home = Home::new();
    let bad = ("shared_buffers".to_owned(), "a lot".to_owned());
    let options = Options { settings: vec![bad], ..home.options().for_tests() };
    let said = refusal(&options).to_string();
    assert!(said.contains("invalid value for parameter \"shared_buffers\""), "{said}");
    assert!(said.contains("postgres.log"), "{said}");
}

/// Only root has to change the user, and so only root can meet a closed folder.
#[test]
fn root_is_told_about_a_closed_folder_or_goes_elsewhere() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (home, elsewhere) = (Home::new(), Home::new());
    let closed = home.path().join("closed");
    fs::create_dir(&closed).expect("created");
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("closed");
    let wanted = closed.join("postgres");
    let options = Options { data_dir: wanted.clone(), ..home.options().for_tests() };
    let said = refusal(&options).to_string();
    assert!(said.contains(&format!("cannot enter {}: choose a data directory", closed.display())), "{said}");

    let base = elsewhere.path().join("base");
    let options = Options { relocate_to: Some(base.clone()), ..options };
    let cluster = Cluster::start(&options).expect("starts");
    assert_eq!(cluster.data_dir(), base.join("postgres-1/data"));
    query(&cluster, "create table kept (n int)");
    cluster.stop();
    assert_eq!(fs::read_link(&wanted).expect("a link is left"), base.join("postgres-1/data"));

    let cluster = Cluster::start(&options).expect("starts");
    assert_eq!((cluster.origin(), query(&cluster, "select * from kept").as_str()), (Origin::Started, ""));
    cluster.stop();

    fs::remove_file(&wanted).expect("removed");
    let cluster = Cluster::start(&options).expect("starts");
    assert_eq!(
        cluster.data_dir(),
        base.join("postgres-2/data"),
        "data that nobody points to is not taken over"
    );
}

#[test]
fn root_needs_an_unprivileged_user() {
    if rustix::process::geteuid().is_root() {
        let home = Home::new();
        let options = Options { os_user: Some("nobody-of-that-name".to_owned()), ..home.options() };
        assert!(matches!(refusal(&options), Error::NoSuchUser { name } if name == "nobody-of-that-name"));
    }
}

/// What a supervisor such as systemd should give up on, and what it should try again.
#[test]
fn what_does_not_pass_by_itself_is_told_apart_from_what_may() {
    let home = Home::new();
    let nowhere = Options { search: Search::Only(vec![home.path().to_owned()]), ..home.options() };
    assert!(refusal(&nowhere).is_lasting(), "no binaries");

    let bad = ("shared_buffers".to_owned(), "a lot".to_owned());
    let dies = Options { settings: vec![bad], ..home.options().for_tests() };
    assert!(!refusal(&dies).is_lasting(), "a server that dies at its start");
    let first = Cluster::start(&home.options().for_tests()).expect("starts");
    assert!(!refusal(&home.options().for_tests()).is_lasting(), "a predecessor that has not ended yet");
    first.stop();

    // An initdb that fails, as on a full disk.
    let other = Home::new();
    let broken =
        Options { search: pretend_installation(&other.path().join("bin"), "17.2"), ..other.options() };
    fs::write(
        other.path().join("bin/initdb"),
        "#!/bin/sh\necho 'initdb: error: no space left' >&2\nexit 1\n",
    )
    .expect("written");
    let refused = refusal(&broken);
    assert!(
        matches!(&refused, Error::Initdb { reason, .. } if reason.contains("no space left")),
        "{refused}"
    );
    assert!(!refused.is_lasting());
}
