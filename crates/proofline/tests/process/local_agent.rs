//! `run`: the agent beside the server. A script is in its place, and writes down what it is told.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Home, read, wait_for};

const AGENT: &str = r#"#!/bin/sh
echo "$*" >>"$0.calls"
case $1 in
enroll) mkdir -p "$7" && touch "$7/identity.json" ;;
run) exec sleep 1000 ;;
esac
"#;

#[test]
fn the_local_agent_is_told_the_address_of_each_start() {
    let home = Home::new();
    let agent = home.path().join("proofline-agent");
    fs::write(&agent, AGENT).expect("written");
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).expect("made executable");
    let calls = || read(&home.path().join("proofline-agent.calls"));
    for start in [&home, &home.neighbour()] {
        let mut server = start.start(&["run", "--agent", &agent.display().to_string()], |_| {});
        let address = format!("--server http://{}", start.listen);
        wait_for("the agent", || {
            calls().lines().any(|call| call.starts_with("run ") && call.ends_with(&address))
        });
        server.terminate();
        assert_eq!(server.wait().code(), Some(0), "{}", read(&home.log()));
    }
    let enrolled: Vec<_> =
        calls().lines().filter(|call| call.starts_with("enroll ")).map(str::to_owned).collect();
    assert_eq!(enrolled.len(), 1, "one enrolment: {enrolled:?}");
    assert!(enrolled[0].contains(&format!("--server http://{} ", home.listen)), "{enrolled:?}");
}
