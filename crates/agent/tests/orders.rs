//! Orders are carried out only if they are genuine, ours, in time, and not carried out before.

mod support;

use chrono::TimeDelta;
use proofline_core::{ApplianceId, InstallationId, OrderId, SiteId};
use proofline_evidence::SigningKey;
use proofline_protocol::{Instruction, KeyRole, Order, OrderOutcome};
use support::central::server_key;
use support::rig::Rig;

fn orders_key() -> SigningKey {
    server_key(KeyRole::Orders)
}

/// Offers one order and checks in: the orders that begin.
fn offer(rig: &Rig, key: &SigningKey, change: impl FnOnce(&mut Order)) -> (OrderId, Vec<Order>) {
    let (id, envelope) = rig.central.make_order(key, change);
    rig.central.lock().orders = vec![envelope];
    (id, rig.check_in().expect("checks in").orders)
}

/// What the next check-in reports.
fn reported(rig: &Rig) -> Vec<(OrderId, OrderOutcome)> {
    rig.central.lock().orders.clear();
    rig.check_in().expect("checks in");
    let central = rig.central.lock();
    let last = central.check_ins.last().expect("there was one");
    last.orders_done.iter().map(|report| (report.order, report.outcome)).collect()
}

#[test]
fn an_order_begins_once_and_its_end_is_reported_once() {
    let rig = Rig::new();
    let (id, begun) = offer(&rig, &orders_key(), |_| {});
    assert_eq!(begun.iter().map(|order| order.order).collect::<Vec<_>>(), [id]);
    assert!(rig.check_in().expect("checks in").orders.is_empty(), "it has begun already");
    rig.parts().orders.finish(id, OrderOutcome::Done, "44 checks").expect("is written");
    assert_eq!(reported(&rig), [(id, OrderOutcome::Done)]);
    assert_eq!(reported(&rig), []);
}

#[test]
fn a_lost_answer_reports_again() {
    let rig = Rig::new();
    let (id, _) = offer(&rig, &orders_key(), |_| {});
    rig.parts().orders.finish(id, OrderOutcome::Failed, "no").expect("is written");
    rig.central.fail(proofline_protocol::paths::CHECK_IN, &[support::central::Fault::Mute]);
    rig.check_in().expect_err("the answer is lost");
    assert_eq!(reported(&rig), [(id, OrderOutcome::Failed)]);
}

#[test]
fn a_replayed_order_never_begins_again_not_even_after_a_kill() {
    let mut rig = Rig::new();
    let (id, begun) = offer(&rig, &orders_key(), |_| {});
    assert_eq!(begun.len(), 1);
    rig.restart();
    assert!(rig.check_in().expect("checks in").orders.is_empty(), "it may have been carried out");
    assert_eq!(reported(&rig), [(id, OrderOutcome::Failed)]);
    rig.restart();
    rig.advance(10);
    assert_eq!(reported(&rig), []);
}

#[test]
fn a_replayed_order_is_refused_after_its_memory_was_lost() {
    let mut rig = Rig::new();
    let (id, envelope) = rig.central.make_order(&orders_key(), |_| {});
    rig.central.lock().orders = vec![envelope];
    assert_eq!(rig.check_in().expect("checks in").orders.len(), 1);
    rig.parts().orders.finish(id, OrderOutcome::Done, "").expect("is written");
    rig.change(1);
    rig.parts = None;
    for file in ["queue.db", "queue.db-wal", "queue.db-shm"] {
        let _ = std::fs::remove_file(rig.state_path().join(file));
    }
    rig.start();
    assert!(rig.check_in().expect("checks in").orders.is_empty());
    assert_eq!(reported(&rig), [(id, OrderOutcome::Refused)]);
    rig.advance(1);
    assert_eq!(offer(&rig, &orders_key(), |_| {}).1.len(), 1, "new orders are taken");
}

#[test]
fn an_expired_order_is_refused_and_said_so() {
    let rig = Rig::new();
    let (id, begun) = offer(&rig, &orders_key(), |order| {
        order.issued -= TimeDelta::minutes(15);
        order.expires = order.issued + TimeDelta::minutes(15);
    });
    assert!(begun.is_empty());
    assert_eq!(reported(&rig), [(id, OrderOutcome::Expired)]);
}

#[test]
fn an_order_that_would_live_too_long_is_refused() {
    let rig = Rig::new();
    let (id, begun) = offer(&rig, &orders_key(), |order| order.expires += TimeDelta::days(8));
    assert!(begun.is_empty());
    assert_eq!(reported(&rig), [(id, OrderOutcome::Refused)]);
}

#[test]
fn an_order_of_the_future_waits_for_its_time() {
    let rig = Rig::new();
    let (_, begun) = offer(&rig, &orders_key(), |order| order.issued += TimeDelta::minutes(5));
    assert!(begun.is_empty());
    rig.advance(300);
    assert_eq!(rig.check_in().expect("checks in").orders.len(), 1);
}

#[test]
fn a_clock_that_is_set_back_revives_nothing() {
    let rig = Rig::new();
    let (_, envelope) = rig.central.make_order(&orders_key(), |_| {});
    rig.advance(16 * 60);
    // The server's clock went on; this machine's is set back. Both are one clock here, so say it as the server would.
    let begun = rig.parts().orders.begin(&envelope, rig.central.lock().now());
    assert!(begun.is_err());
}

#[test]
fn foreign_and_forged_orders_are_refused_and_not_reported() {
    let rig = Rig::new();
    let entropy = &*rig.entropy;
    let now = rig.central.lock().now();
    let elsewhere: [&dyn Fn(&mut Order); 3] = [
        &|order| order.appliance = ApplianceId::new(now, entropy),
        &|order| order.site = SiteId::new(now, entropy),
        &|order| order.installation = InstallationId::new(now, entropy),
    ];
    for change in elsewhere {
        assert!(offer(&rig, &orders_key(), change).1.is_empty(), "an order for somebody else");
    }
    for role in [KeyRole::Rules, KeyRole::Checkpoint, KeyRole::ServerFacts] {
        assert!(offer(&rig, &server_key(role), |_| {}).1.is_empty(), "the key of {role}");
    }
    let (_, envelope) = rig.central.make_order(&orders_key(), |_| {});
    for tampered in [
        envelope.replacen("order+json", "rules+json", 1),
        envelope.replacen("\"sig\":\"", "\"sig\":\"A", 1),
        envelope.replacen('{', "{\"x\":1,", 1),
    ] {
        rig.central.lock().orders = vec![tampered.clone()];
        assert!(rig.check_in().expect("checks in").orders.is_empty(), "{tampered}");
    }
    assert_eq!(reported(&rig), []);
}

#[test]
fn the_parameters_are_those_that_were_signed() {
    let rig = Rig::new();
    let (incident, plan_digest) = (rig.central.new_incident(), proofline_evidence::Digest::of("plan"));
    let approve = Instruction::ApprovePlan { incident, plan_digest };
    let (_, begun) = offer(&rig, &orders_key(), |order| order.instruction = approve.clone());
    assert_eq!(begun[0].instruction, approve);
}
