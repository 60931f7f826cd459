//! Rules are taken from the pinned key only, and never for older ones.

mod support;

use proofline_core::{SeededEntropy, SiteId};
use proofline_protocol::KeyRole;
use support::central::server_key;
use support::rig::Rig;

fn version(rig: &Rig) -> u64 {
    rig.check_in().expect("checks in");
    rig.parts().rules.version()
}

#[test]
fn newer_rules_replace_older_ones_and_survive_a_restart() {
    let mut rig = Rig::new();
    let key = server_key(KeyRole::Rules);
    assert_eq!(version(&rig), 0);
    for offered in [3, 7] {
        rig.central.offer_rules(offered, None, &key);
        assert_eq!(version(&rig), offered);
    }
    rig.restart();
    assert_eq!(rig.parts().rules.version(), 7);
    let asked = rig.central.lock().requests.iter().filter(|request| request.starts_with("GET")).count();
    version(&rig);
    let now = rig.central.lock().requests.iter().filter(|request| request.starts_with("GET")).count();
    assert_eq!(asked, now, "what is there is not fetched again");
}

#[test]
fn older_rules_are_refused_from_the_server_and_from_the_disk() {
    let mut rig = Rig::new();
    let key = server_key(KeyRole::Rules);
    rig.central.offer_rules(3, None, &key);
    assert_eq!(version(&rig), 3);
    let older = std::fs::read(rig.state().rules()).expect("reads");
    rig.central.offer_rules(7, None, &key);
    assert_eq!(version(&rig), 7);
    assert!(rig.parts().rules.accept(&older).is_err());
    rig.parts = None;
    std::fs::write(rig.state().rules(), &older).expect("writes");
    rig.start();
    assert_eq!(rig.parts().rules.version(), 0, "an older file is not taken");
    assert_eq!(version(&rig), 7, "the server sends the right one again");
}

#[test]
fn rules_that_are_not_genuine_or_not_ours_are_refused() {
    let rig = Rig::new();
    rig.central.offer_rules(1, None, &server_key(KeyRole::Rules));
    assert_eq!(version(&rig), 1);
    rig.central.offer_rules(2, None, &server_key(KeyRole::Orders));
    assert_eq!(version(&rig), 1, "another key");
    let elsewhere = SiteId::new(rig.central.lock().now(), &SeededEntropy::new(5));
    rig.central.offer_rules(3, Some(elsewhere), &server_key(KeyRole::Rules));
    assert_eq!(version(&rig), 1, "another site");
    let here = rig.central.lock().ids.site;
    rig.central.offer_rules(4, Some(here), &server_key(KeyRole::Rules));
    assert_eq!(version(&rig), 4);
}

#[test]
fn a_damaged_file_is_fetched_again() {
    let mut rig = Rig::new();
    rig.central.offer_rules(2, None, &server_key(KeyRole::Rules));
    assert_eq!(version(&rig), 2);
    rig.parts = None;
    std::fs::write(rig.state().rules(), "{\"payload\":").expect("writes");
    rig.start();
    assert_eq!(rig.parts().rules.version(), 0);
    assert_eq!(version(&rig), 2);
}
