//! The server's keys are followed from the pinned ones, link by link, and never elsewhere.

mod support;

use chrono::TimeDelta;
use proofline_agent::sync::Drained;
use proofline_agent::sync::alarm::AlarmKind;
use proofline_core::{InstallationId, SeededEntropy};
use proofline_evidence::{SigningKey, dsse};
use proofline_protocol::{KeyRole, KeySuccessor, SUCCESSOR_PAYLOAD_TYPE};
use support::central::server_key;
use support::rig::Rig;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// `before` names `after`; an hour later `before` is retired.
fn statement(
    rig: &Rig,
    role: KeyRole,
    before: &SigningKey,
    after: &SigningKey,
    change: impl FnOnce(&mut KeySuccessor),
) -> String {
    let central = rig.central.lock();
    let mut said = KeySuccessor {
        installation: central.ids.installation,
        role,
        predecessor: before.id(),
        successor: *after.public_key().as_bytes(),
        not_before: central.now(),
        predecessor_until: central.now() + TimeDelta::hours(1),
    };
    change(&mut said);
    let payload = serde_json::to_vec(&said).expect("writes");
    String::from_utf8(dsse::sign(SUCCESSOR_PAYLOAD_TYPE, &payload, before)).expect("text")
}

fn say(rig: &Rig, statements: Vec<String>) {
    rig.central.lock().successors = statements;
}

/// Whether an order under this key begins.
fn obeys(rig: &Rig, key: &SigningKey) -> bool {
    let (_, order) = rig.central.make_order(key, |_| {});
    rig.central.lock().orders = vec![order];
    !rig.check_in().expect("checks in").orders.is_empty()
}

fn orders_key() -> SigningKey {
    server_key(KeyRole::Orders)
}

#[test]
fn both_keys_count_until_the_older_one_is_retired() {
    let mut rig = Rig::new();
    assert!(!obeys(&rig, &key(1)), "not known yet");
    say(&rig, vec![statement(&rig, KeyRole::Orders, &orders_key(), &key(1), |_| {})]);
    assert!(obeys(&rig, &key(1)) && obeys(&rig, &orders_key()));
    rig.advance(3_600);
    assert!(obeys(&rig, &key(1)) && !obeys(&rig, &orders_key()));
    say(&rig, Vec::new());
    rig.restart();
    assert!(obeys(&rig, &key(1)) && !obeys(&rig, &orders_key()), "what was learnt is kept");
}

#[test]
fn an_appliance_that_slept_through_two_changes_follows_both() {
    let rig = Rig::new();
    let first = statement(&rig, KeyRole::Orders, &orders_key(), &key(1), |_| {});
    let second = statement(&rig, KeyRole::Orders, &key(1), &key(2), |_| {});
    say(&rig, vec![second.clone()]);
    assert!(!obeys(&rig, &key(2)), "a chain that is cut leads nowhere");
    say(&rig, vec![second, first]);
    assert!(obeys(&rig, &key(2)));
    assert!(!obeys(&rig, &server_key(KeyRole::Rules)));
}

#[test]
fn rules_are_taken_from_the_successor_and_kept_ones_stay() {
    let mut rig = Rig::new();
    let pinned = server_key(KeyRole::Rules);
    rig.central.offer_rules(1, None, &pinned);
    say(&rig, vec![statement(&rig, KeyRole::Rules, &pinned, &key(1), |_| {})]);
    rig.check_in().expect("checks in");
    rig.advance(3_600);
    rig.restart();
    assert_eq!(rig.parts().rules.version(), 1, "accepted in its time");
    rig.central.offer_rules(2, None, &pinned);
    rig.check_in().expect("checks in");
    assert_eq!(rig.parts().rules.version(), 1, "the key is retired");
    rig.central.offer_rules(2, None, &key(1));
    rig.check_in().expect("checks in");
    assert_eq!(rig.parts().rules.version(), 2);
}

#[test]
fn what_the_key_before_did_not_say_is_refused() {
    let rig = Rig::new();
    let (orders, elsewhere) =
        (orders_key(), InstallationId::new(rig.central.lock().now(), &SeededEntropy::new(5)));
    let says = |change: fn(&mut KeySuccessor)| statement(&rig, KeyRole::Orders, &orders, &key(1), change);
    let forged = says(|_| {}).replace(&orders.id().to_string(), &key(1).id().to_string());
    let stolen =
        statement(&rig, KeyRole::Orders, &key(1), &key(1), |said| said.predecessor = orders_key().id());
    let renamed = stolen.replace(&key(1).id().to_string(), &orders.id().to_string());
    for (what, wrong) in [
        ("another signer's name", forged),
        ("another signer", stolen),
        ("another signer under the key's name", renamed),
        ("another role", says(|said| said.role = KeyRole::Rules)),
        (
            "the rules key for orders",
            statement(&rig, KeyRole::Orders, &server_key(KeyRole::Rules), &key(1), |_| {}),
        ),
        (
            "another installation",
            statement(&rig, KeyRole::Orders, &orders, &key(1), |said| said.installation = elsewhere),
        ),
        ("another predecessor", says(|said| said.predecessor = key(9).id())),
        ("a gap", says(|said| said.predecessor_until = said.not_before)),
        ("a weak key", says(|said| said.successor = [0; 32])),
    ] {
        say(&rig, vec![wrong]);
        assert!(!obeys(&rig, &key(1)), "{what}");
        assert!(obeys(&rig, &orders), "{what} changes nothing");
    }
    for reused in [orders_key(), server_key(KeyRole::Rules), server_key(KeyRole::Checkpoint)] {
        say(&rig, vec![statement(&rig, KeyRole::Orders, &orders, &reused, |_| {})]);
        rig.advance(3_600);
        assert!(obeys(&rig, &orders), "a key that was used before retires nothing");
    }
}

#[test]
fn a_key_has_one_successor_and_none_before_it_comes_back() {
    let rig = Rig::new();
    let to =
        |before: &SigningKey, after: &SigningKey| statement(&rig, KeyRole::Orders, before, after, |_| {});
    say(&rig, vec![to(&orders_key(), &key(1)), to(&orders_key(), &key(2))]);
    assert!(!obeys(&rig, &key(1)) && !obeys(&rig, &key(2)), "two at once: neither");
    say(&rig, vec![to(&orders_key(), &key(1))]);
    assert!(obeys(&rig, &key(1)));
    say(&rig, vec![to(&orders_key(), &key(2))]);
    assert!(!obeys(&rig, &key(2)) && obeys(&rig, &key(1)), "the first one stays");
    say(&rig, vec![to(&key(1), &orders_key())]);
    rig.advance(3_600);
    assert!(obeys(&rig, &key(1)) && !obeys(&rig, &orders_key()), "no way back");
}

/// Whether a checkpoint under this key acknowledges what is new.
fn believes(rig: &Rig, key: &SigningKey) -> bool {
    rig.central.lock().checkpoint_key = key.clone();
    rig.change(1);
    rig.drain() == Drained::Empty
}

fn checkpoint_key() -> SigningKey {
    server_key(KeyRole::Checkpoint)
}

#[test]
fn checkpoints_are_taken_from_the_key_whose_time_it_is() {
    let mut rig = Rig::new();
    assert!(believes(&rig, &checkpoint_key()) && !believes(&rig, &key(1)));
    assert_eq!(rig.alarms(), [AlarmKind::HeadForged]);
    let later = rig.central.lock().now() + TimeDelta::hours(1);
    let said = statement(&rig, KeyRole::Checkpoint, &checkpoint_key(), &key(1), |said| {
        (said.not_before, said.predecessor_until) = (later, later + TimeDelta::hours(1));
    });
    say(&rig, vec![said]);
    rig.check_in().expect("checks in");
    assert!(!believes(&rig, &key(1)), "before its time");
    assert!(believes(&rig, &checkpoint_key()));
    assert_eq!(rig.alarms(), [], "an honest answer settles it");
    rig.advance(3_600);
    assert!(believes(&rig, &key(1)) && believes(&rig, &checkpoint_key()), "both, for another hour");
    rig.advance(3_600);
    assert!(!believes(&rig, &checkpoint_key()), "after its end");
    rig.restart();
    assert!(!believes(&rig, &checkpoint_key()) && believes(&rig, &key(1)), "what was learnt is kept");
    rig.central.lock().checkpoint_key = key(1);
    rig.assert_sound_log();
}

#[test]
fn an_appliance_that_was_away_for_two_changes_learns_of_them_with_the_answer() {
    let rig = Rig::new();
    assert!(believes(&rig, &checkpoint_key()));
    let first = statement(&rig, KeyRole::Checkpoint, &checkpoint_key(), &key(1), |_| {});
    rig.advance(7_200);
    let second = statement(&rig, KeyRole::Checkpoint, &key(1), &key(2), |_| {});
    say(&rig, vec![second.clone()]);
    assert!(!believes(&rig, &key(2)), "a chain that is cut leads nowhere");
    say(&rig, vec![first.clone(), second]);
    assert!(believes(&rig, &key(2)));
    assert_eq!(rig.alarms(), []);
    assert!(!believes(&rig, &checkpoint_key()), "its end has passed");
    let rival = statement(&rig, KeyRole::Checkpoint, &checkpoint_key(), &key(3), |_| {});
    say(&rig, vec![first, rival]);
    assert!(!believes(&rig, &key(3)), "a key has one successor");
    assert!(believes(&rig, &key(2)));
}

#[test]
fn a_retired_checkpoint_key_cannot_date_a_head_back() {
    let rig = Rig::new();
    let said = statement(&rig, KeyRole::Checkpoint, &checkpoint_key(), &key(1), |_| {});
    say(&rig, vec![said]);
    assert!(believes(&rig, &key(1)));
    rig.advance(3_600);
    rig.check_in().expect("checks in");
    rig.central.lock().dated_back = TimeDelta::minutes(30);
    assert!(!believes(&rig, &checkpoint_key()));
    rig.central.lock().dated_back = TimeDelta::zero();
    assert!(believes(&rig, &key(1)));
}
