//! A machine becomes an appliance once, whatever is lost on the way.

mod support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::{Barrier, mpsc};
use std::time::Duration;

use proofline_agent::client::CallError;
use proofline_agent::enroll::EnrollError;
use proofline_agent::identity::{Identity, IdentityError, StateDir};
use proofline_agent::probes;
use proofline_protocol::{KeyRole, paths};
use sha2::Digest as _;
use support::central::{CODE, Fault};
use support::rig::Rig;

#[test]
fn it_is_what_the_server_said_afterwards() {
    let rig = Rig::bare();
    assert!(matches!(Identity::load(&rig.state()), Err(IdentityError::NotEnrolled)));
    let identity = rig.enroll(CODE).expect("enrols");
    let (loaded, key) = Identity::load(&rig.state()).expect("loads");
    assert_eq!((loaded.appliance, loaded.site), (identity.appliance, rig.central.lock().ids.site));
    assert_eq!(rig.central.statements().len(), 1, "the key is in the log");
    for file in [rig.state().key(), rig.state().identity()] {
        let mode = std::fs::metadata(&file).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    assert!(!format!("{loaded:?}{key:?}").contains("agent-key"), "keys do not print");
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let rig = Rig::bare();
    rig.central.fail(paths::CLAIM, &[Fault::Mute, Fault::Deaf, Fault::Busy(5)]);
    for _ in 0..3 {
        assert!(matches!(rig.enroll(CODE), Err(EnrollError::Call(_))));
    }
    rig.enroll(CODE).expect("enrols");
    assert_eq!(rig.central.statements().len(), 1, "one appliance came of it");
}

#[test]
fn enrolment_writes_down_which_program_it_was() {
    let rig = Rig::bare();
    rig.enroll(CODE).expect("enrols");
    let recorded = std::fs::read(rig.state().path().join(probes::RECORDED_DIGEST)).expect("reads");
    let program = std::fs::read("/proc/self/exe").expect("reads");
    let digest = hex::encode(sha2::Sha256::digest(program));
    assert!(String::from_utf8_lossy(&recorded).starts_with(&digest), "{recorded:?}");
}

#[test]
fn of_two_machines_one_wins() {
    let rig = Rig::bare();
    let states = ["a", "b"].map(|name| StateDir::new(rig.folder.path().join(name)));
    let start = Barrier::new(2);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads = states.each_ref().map(|state| {
            let (rig, start) = (&rig, &start);
            scope.spawn(move || {
                start.wait();
                rig.enroll_in(state, CODE)
            })
        });
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let lost: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    let [EnrollError::Refused { code, .. }] = lost.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!(code, "code_claimed");
}

#[test]
fn an_identity_is_never_overwritten() {
    let rig = Rig::bare();
    rig.enroll(CODE).expect("enrols");
    rig.central.add_code("another");
    let before = std::fs::read(rig.state().identity()).expect("reads");
    assert!(matches!(rig.enroll("another"), Err(EnrollError::AlreadyEnrolled { .. })));
    assert_eq!(std::fs::read(rig.state().identity()).expect("reads"), before);
}

#[test]
fn a_wrong_code_is_refused_and_the_right_one_works_later() {
    let rig = Rig::bare();
    let refused = rig.enroll("wrong");
    assert!(
        matches!(&refused, Err(EnrollError::Refused { code, .. }) if code == "code_unknown"),
        "{refused:?}"
    );
    rig.enroll(CODE).expect("enrols");
}

#[test]
fn a_key_that_others_may_read_or_that_is_damaged_is_not_used() {
    let rig = Rig::bare();
    rig.enroll(CODE).expect("enrols");
    let key = rig.state().key();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).expect("changes");
    assert!(matches!(Identity::load(&rig.state()), Err(IdentityError::KeyExposed { mode: 0o640, .. })));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("changes");
    std::fs::write(&key, "proofline-agent-key-v1 AAAA\n").expect("writes");
    assert!(matches!(Identity::load(&rig.state()), Err(IdentityError::KeyDamaged(_))));
    std::fs::remove_file(&key).expect("removes");
    assert!(matches!(Identity::load(&rig.state()), Err(IdentityError::KeyMissing(_))));
}

#[test]
fn a_server_that_is_not_there_is_said_so() {
    let mut rig = Rig::bare();
    rig.central.url = "http://127.0.0.1:9".into();
    let refused = rig.enroll(CODE);
    assert!(matches!(refused, Err(EnrollError::Call(CallError::NoAnswer(_)))), "{refused:?}");
    rig.central.url = "http://192.0.2.1".into();
    let refused = rig.enroll(CODE).expect_err("plain HTTP").to_string();
    assert!(refused.contains("unencrypted") && refused.contains("--allow-plain-http"), "{refused}");
}

#[test]
fn an_agent_asks_where_its_server_is_now_and_still_believes_the_same_keys() {
    let rig = Rig::bare();
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", elsewhere.local_addr().expect("is bound"));
    let moved = |server: &str| Identity::move_server(&rig.state(), server.parse().expect("an address"));
    assert!(matches!(moved(&address), Err(IdentityError::NotEnrolled)));
    let enrolled = rig.enroll(CODE).expect("enrols");
    assert!(matches!(moved("http://192.0.2.1"), Err(IdentityError::Server(_))), "plain HTTP stays at home");

    let (tell, asked) = mpsc::channel();
    std::thread::spawn(move || tell.send(elsewhere.accept().is_ok()));
    let mut agent = Command::new(env!("CARGO_BIN_EXE_proofline-agent"))
        .args(["run", "--server", &address, "--root"])
        .arg(rig.folder.path())
        .arg("--state-dir")
        .arg(rig.state_path())
        .env("PROOFLINE_AGENT_LOG", "no=such=level")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the agent starts");
    let asked = asked.recv_timeout(Duration::from_secs(30));
    agent.kill().expect("kill -9");
    let said = agent.wait_with_output().expect("reaped").stderr;
    assert_eq!(asked, Ok(true), "a mistake in the filter of its log stops no agent");
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("PROOFLINE_AGENT_LOG is \"no=such=level\""), "{said}");

    let (loaded, _) = Identity::load(&rig.state()).expect("loads");
    assert_eq!((loaded.route.server.to_string(), loaded.appliance), (address, enrolled.appliance));
    for role in KeyRole::ALL {
        assert_eq!(loaded.server_keys.current(role), enrolled.server_keys.current(role), "{role}");
    }
}
