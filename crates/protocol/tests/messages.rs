//! Requests are strict, answers are tolerant, signed payloads mean exactly what their digest says.

use proofline_core::{
    ApplianceId, IncidentId, InstallationId, Mode, OrderId, SeededEntropy, SiteId, Timestamp,
};
use proofline_protocol::{
    CheckInRequest, CheckInResponse, ClaimRequest, Digest, Instruction, LocalOverride, MAX_ENVELOPES, Order,
    OrderError, OrderOutcome, RejectCode, RuleSet, SubmitRequest, SubmitResponse, Text,
};
use serde_json::{Value, json};

fn at(seconds: i64) -> Timestamp {
    chrono::DateTime::from_timestamp(seconds, 0).expect("in range")
}

fn check_in() -> Value {
    json!({
        "agent_version": "0.1.0", "catalogue": "ab".repeat(32), "mode": "audit", "local_override": null,
        "outbox_depth": 0, "outbox_oldest": null,
        "last_cycle": {"started": "2026-11-22T02:50:00Z", "duration_ms": 900, "checks": 44, "errors": 0},
        "rules_version": 3,
        "orders_done": [{"order": "ord_01h455vb4pex5vsknk084sn02q", "outcome": "done", "detail": ""}],
        "checkpoint_size": 17, "uptime_s": 60
    })
}

fn claim() -> Value {
    json!({
        "code": "PL-1234", "public_key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "hostname": "front-desk",
        "machine_id_digest": "00".repeat(32), "platform": "Debian 13", "agent_version": "0.1.0"
    })
}

fn refused<T: serde::de::DeserializeOwned>(message: &Value) -> bool {
    serde_json::from_str::<T>(&message.to_string()).is_err()
}

fn with(message: &Value, member: &str, value: Value) -> Value {
    let mut changed = message.clone();
    changed[member] = value;
    changed
}

#[test]
fn requests_read_and_keep_their_spelling() {
    let read: CheckInRequest = serde_json::from_value(check_in()).expect("reads");
    assert_eq!(serde_json::to_value(&read).expect("writes"), check_in());
    let read: ClaimRequest = serde_json::from_value(claim()).expect("reads");
    assert_eq!(serde_json::to_value(&read).expect("writes"), claim());
    assert!(!format!("{read:?}").contains("PL-1234"), "the code is a secret");
}

#[test]
fn requests_refuse_what_they_do_not_know() {
    for bad in [
        with(&check_in(), "site", json!("site_01h455vb4pex5vsknk084sn02q")),
        with(&check_in(), "agent_version", json!("")),
        with(&check_in(), "agent_version", json!("0.1\u{0}")),
        with(&check_in(), "agent_version", json!("x".repeat(61))),
        with(&check_in(), "catalogue", json!("AB".repeat(32))),
        with(&check_in(), "mode", json!("auto")),
        with(&check_in(), "outbox_depth", json!(-1)),
        with(&check_in(), "outbox_oldest", json!("-9000-01-01T00:00:00Z")),
        with(&check_in(), "outbox_oldest", json!("2026-11-22")),
        with(
            &check_in(),
            "last_cycle",
            json!({ "started": "+99999-01-01T00:00:00Z", "duration_ms": 900, "checks": 44, "errors": 0 }),
        ),
        with(&check_in(), "local_override", json!({"mode": "audit", "paused_until": null, "by": "me"})),
        // A list is no object, even one with a value for each of its members.
        with(&check_in(), "local_override", json!(["audit", null])),
        with(&check_in(), "last_cycle", json!(["2026-11-22T02:50:00Z", 900, 44, 0])),
        with(&check_in(), "orders_done", json!([["ord_01h455vb4pex5vsknk084sn02q", "done", ""]])),
        with(&check_in(), "orders_done", Value::Array(vec![check_in()["orders_done"][0].clone(); 101])),
    ] {
        assert!(refused::<CheckInRequest>(&bad), "{bad}");
    }
    for bad in [
        with(&claim(), "extra", json!(1)),
        with(&claim(), "hostname", json!("a\nb")),
        with(&claim(), "public_key", json!("AAAA")),
        with(&claim(), "public_key", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=")),
    ] {
        assert!(refused::<ClaimRequest>(&bad), "{bad}");
    }
}

#[test]
fn a_repeated_member_is_refused() {
    let text = check_in().to_string().replacen('{', r#"{"uptime_s":1,"#, 1);
    assert!(serde_json::from_str::<CheckInRequest>(&text).is_err());
}

#[test]
fn a_submission_is_bounded() {
    let of = |count: usize, size: usize| {
        let envelope =
            SubmitRequest { from_size: 0, envelopes: vec![proofline_protocol::Base64(vec![0; size]); count] };
        serde_json::from_slice::<SubmitRequest>(&serde_json::to_vec(&envelope).expect("writes"))
    };
    assert!(of(MAX_ENVELOPES, 10).is_ok());
    assert!(of(1, 32 * 1024).is_ok());
    assert!(of(MAX_ENVELOPES + 1, 10).is_err());
    assert!(of(1, 32 * 1024 + 1).is_err());
}

#[test]
fn answers_may_say_more_than_is_understood() {
    let answer: CheckInResponse = serde_json::from_value(json!({
        "server_time": "2026-11-22T02:50:00Z", "next_check_in_s": 61, "mode": "ask", "rules_version": 4,
        "orders": [{"payload": "e30="}], "schedule_version": 1, "resync": false, "motd": "hello"
    }))
    .expect("reads");
    assert_eq!(answer.orders[0].get(), r#"{"payload":"e30="}"#);
    let answer: SubmitResponse = serde_json::from_value(json!({
        "checkpoint": "…", "consistency": [], "entries": [{"seq": 1, "index": 0, "proof": [], "x": 1}],
        "rejected": [{"seq": 2, "code": "moon_phase", "detail": ""}], "next_seq": 2, "last_digest": "ab".repeat(32),
        "y": 2
    }))
    .expect("reads");
    assert_eq!(answer.rejected[0].code, RejectCode::Other);
}

#[test]
fn reject_codes_are_spelled_as_serialised() {
    use RejectCode::{Malformed, NotReached, PrevMismatch, SeqConflict, SeqGap, SignatureInvalid, WrongSite};
    for code in [SeqGap, SeqConflict, PrevMismatch, Malformed, SignatureInvalid, WrongSite, NotReached] {
        assert_eq!(serde_json::to_value(code).expect("writes"), code.as_str());
    }
    assert_eq!(serde_json::to_value(OrderOutcome::Refused).expect("writes"), OrderOutcome::Refused.as_str());
}

#[test]
fn the_override_reads_as_a_sentence() {
    let until = Some(at(1_800_000_000));
    let shown = |mode, paused_until| LocalOverride { mode, paused_until }.to_string();
    assert_eq!(shown(Some(Mode::Audit), None), "audit");
    assert_eq!(shown(None, until), "paused until 2027-01-15T08:00:00Z");
    assert_eq!(shown(Some(Mode::Ask), until), "ask, paused until 2027-01-15T08:00:00Z");
}

fn order() -> Order {
    let entropy = SeededEntropy::new(1);
    Order {
        order: OrderId::new(at(1), &entropy),
        installation: InstallationId::new(at(1), &entropy),
        appliance: ApplianceId::new(at(1), &entropy),
        site: SiteId::new(at(1), &entropy),
        instruction: Instruction::ApprovePlan {
            incident: IncidentId::new(at(1), &entropy),
            plan_digest: Digest::of(b"plan"),
        },
        nonce: Text::new("0123456789abcdef").expect("a nonce"),
        issued: at(1_000),
        expires: at(1_900),
    }
}

#[test]
fn an_order_is_what_its_payload_says() {
    let order = order();
    assert_eq!(Order::from_payload(&order.to_payload()).expect("reads"), order);
    let run = Order { instruction: Instruction::RunChecks, ..order };
    assert_eq!(Order::from_payload(&run.to_payload()).expect("reads"), run);
    assert_eq!(run.instruction.params_digest(), Digest::of(b"{}"));
}

#[test]
fn an_order_with_other_parameters_is_refused() {
    let text = String::from_utf8(order().to_payload()).expect("JSON");
    let changed = text.replacen("\"plan_digest\":\"", "\"plan_digest\": \"", 1);
    assert!(matches!(Order::from_payload(changed.as_bytes()), Err(OrderError::ParamsDigest)));
    let kind = text.replacen("approve_plan", "run_checks", 1);
    assert!(matches!(Order::from_payload(kind.as_bytes()), Err(OrderError::Malformed(_))));
    let unknown = text.replacen("approve_plan", "reboot", 1);
    assert!(matches!(Order::from_payload(unknown.as_bytes()), Err(OrderError::Malformed(_))));
    let more = text.replacen('{', "{\"site_2\":1,", 1);
    assert!(matches!(Order::from_payload(more.as_bytes()), Err(OrderError::Malformed(_))));
    let never = Order { expires: at(1_000), ..order() };
    assert!(matches!(Order::from_payload(&never.to_payload()), Err(OrderError::Never)));
}

#[test]
fn a_rule_set_is_strict() {
    let set = json!({
        "version": 7, "installation": "inst_01h455vb4pex5vsknk084sn02q", "site": null,
        "issued": "2026-11-22T02:50:00Z", "catalogue": "ab".repeat(32), "mode": "ask",
        "asset_roles": {"asset_01h455vb4pex5vsknk084sn02q": ["ehr"]}, "maintenance_windows": [],
        "paused_until": null, "rules": []
    });
    assert!(!refused::<RuleSet<Value, Value>>(&set));
    assert!(refused::<RuleSet<Value, Value>>(&with(&set, "force", json!(true))));
}
