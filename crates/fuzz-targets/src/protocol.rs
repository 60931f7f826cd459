//! What agent and server say to each other, and what is sealed at rest.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proofline_agent::sync::rules::Rules;
use proofline_core::{ApplianceId, InstallationId, OrderId, Secret, SeededEntropy, SiteId, Timestamp};
use proofline_evidence::SigningKey;
use proofline_protocol::signature::{self, Request};
use proofline_protocol::{
    CheckInRequest, CheckInResponse, ClaimRequest, ClaimResponse, CredentialSet, Instruction, KeySuccessor,
    Order, Problem, SubmitRequest, SubmitResponse, Text,
};
use proofline_vault::{Cell, Sealed, Vault};
use uuid::Uuid;

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn now() -> Timestamp {
    Timestamp::from_timestamp(1_795_334_400, 0).expect("in range")
}

const REQUEST: Request<'_> = Request { method: "POST", path: "/agent/v1/check-in", query: "", body: b"{}" };

/// Headers of RFC 9421 have one spelling, and none verifies another request than the one that was signed.
pub fn signature(bytes: &[u8]) {
    let headers: Vec<(&str, &[u8])> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let place = line.iter().position(|byte| *byte == b':')?;
            Some((std::str::from_utf8(&line[..place]).ok()?, line[place + 1..].trim_ascii_start()))
        })
        .collect();
    let Ok(presented) = signature::parse(headers.iter().copied()) else { return };
    let value = |name: &str| {
        headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    };
    let digest = format!("sha-256=:{}:", STANDARD.encode(presented.body_digest));
    assert_eq!(value("content-digest"), Some(digest.as_bytes()));
    let input = format!(
        r#"sig1=("@method" "@path" "@query" "content-digest");created={};nonce="{}";keyid="{}";alg="ed25519";tag="proofline-agent""#,
        presented.created,
        URL_SAFE_NO_PAD.encode(presented.nonce),
        presented.key_id,
    );
    assert_eq!(value("signature-input"), Some(input.as_bytes()));
    let verified = presented.verify(&REQUEST, key().public_key(), now()).is_ok();
    let signed = signature::sign(&REQUEST, &key(), now(), [3; 16]).expect("signs");
    let own = signed.iter().all(|(name, text)| value(name) == Some(text.as_bytes()));
    assert_eq!(verified, own, "what nobody signed verifies, or what was signed does not");
    let other = Request { body: b"{ }", ..REQUEST };
    assert!(presented.verify(&other, key().public_key(), now()).is_err());
}

/// The headers of one request.
pub fn signed_headers() -> Vec<Vec<u8>> {
    let signed = signature::sign(&REQUEST, &key(), now(), [3; 16]).expect("signs");
    vec![signed.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>().into_bytes()]
}

/// What is read of a message reads the same after it was written.
pub fn messages(bytes: &[u8]) {
    crate::reads_back::<CheckInRequest>(bytes);
    crate::reads_back::<CheckInResponse>(bytes);
    crate::reads_back::<ClaimRequest>(bytes);
    crate::reads_back::<ClaimResponse>(bytes);
    crate::reads_back::<SubmitRequest>(bytes);
    crate::reads_back::<SubmitResponse>(bytes);
    crate::reads_back::<CredentialSet>(bytes);
    crate::reads_back::<Problem>(bytes);
}

/// One of each, by hand.
pub fn messages_sent() -> Vec<Vec<u8>> {
    let (digest, key) = ("ab".repeat(32), STANDARD.encode([5; 32]));
    let ids = SeededEntropy::new(1);
    let (installation, site, appliance) =
        (InstallationId::new(now(), &ids), SiteId::new(now(), &ids), ApplianceId::new(now(), &ids));
    let order = OrderId::new(now(), &ids);
    let asset = proofline_core::AssetId::new(now(), &ids);
    let (org, time) = (proofline_core::OrgId::new(now(), &ids), "2026-11-22T08:00:00.5Z");
    [
        format!(
            r#"{{"agent_version":"0.1.0","catalogue":"{digest}","mode":"audit","local_override":{{"mode":"ask","paused_until":"{time}"}},"outbox_depth":3,"outbox_oldest":"{time}","last_cycle":{{"started":"{time}","duration_ms":5,"checks":4,"errors":0}},"rules_version":2,"orders_done":[{{"order":"{order}","outcome":"done","detail":"4 checks"}}],"checkpoint_size":9,"uptime_s":60}}"#
        ),
        format!(
            r#"{{"server_time":"{time}","next_check_in_s":60,"mode":"ask","rules_version":2,"orders":[{{"a":1}}],"schedule_version":1,"resync":false,"credentials_version":1,"successors":[{{}}]}}"#
        ),
        format!(
            r#"{{"code":"PL-1","public_key":"{key}","hostname":"front-desk","machine_id_digest":"{digest}","platform":"Debian 13","agent_version":"0.1.0"}}"#
        ),
        format!(
            r#"{{"installation":"{installation}","org":"{org}","site":"{site}","appliance":"{appliance}","asset":"{asset}","mode":"audit","server_keys":[{{"role":"orders","public_key":"{key}","key_id":"{digest}"}}],"check_in_seconds":60,"catalogue":"{digest}"}}"#
        ),
        r#"{"from_size":4,"envelopes":["e30=","e30="]}"#.to_owned(),
        format!(
            r#"{{"checkpoint":"x","consistency":["{key}"],"accepted":[{{"seq":1,"index":2,"proof":["{key}"]}}],"rejected":[],"next_seq":3,"last_digest":"{digest}"}}"#
        ),
        format!(r#"{{"installation":"{installation}","appliance":"{appliance}","version":2,"issued":"{time}","credentials":[]}}"#),
        r#"{"code":"not_found","detail":"x","status":404,"request_id":null}"#.to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

/// Orders, rule sets and successors that are accepted can be written, and read the same again.
pub fn orders(bytes: &[u8]) {
    if let Ok(order) = Order::from_payload(bytes) {
        assert!(order.issued < order.expires);
        let again = Order::from_payload(&order.to_payload()).expect("what was read can be written");
        assert_eq!(again, order);
    }
    crate::reads_back::<Rules>(bytes);
    crate::reads_back::<KeySuccessor>(bytes);
}

/// One of each.
pub fn orders_signed() -> Vec<Vec<u8>> {
    let ids = SeededEntropy::new(2);
    let (installation, site, appliance) =
        (InstallationId::new(now(), &ids), SiteId::new(now(), &ids), ApplianceId::new(now(), &ids));
    let order = |instruction| Order {
        order: OrderId::new(now(), &ids),
        installation,
        appliance,
        site,
        instruction,
        nonce: Text::new("0123456789abcdef").expect("a nonce"),
        issued: now(),
        expires: now() + std::time::Duration::from_secs(60),
    };
    let plan = proofline_evidence::Digest::of("plan");
    let incident = proofline_core::IncidentId::new(now(), &ids);
    let rules = serde_json::to_string(proofline_catalog::Catalog::embedded().rules()).expect("is JSON");
    let (digest, key) = ("ab".repeat(32), STANDARD.encode([5; 32]));
    let time = "2026-11-22T08:00:00Z";
    vec![
        order(Instruction::RunChecks).to_payload(),
        order(Instruction::ApprovePlan { incident, plan_digest: plan }).to_payload(),
        format!(
            r#"{{"version":1,"installation":"{installation}","site":"{site}","issued":"{time}","catalogue":"{digest}","mode":"ask","asset_roles":{{}},"maintenance_windows":[],"paused_until":null,"rules":{rules}}}"#
        )
        .into_bytes(),
        format!(
            r#"{{"installation":"{installation}","role":"orders","predecessor":"{digest}","successor":"{key}","not_before":"{time}","predecessor_until":"{time}"}}"#
        )
        .into_bytes(),
    ]
}

fn cell() -> Cell {
    Cell { table: "totp_factor", column: "secret", tenant: Some(Uuid::from_u128(1)), row: Uuid::from_u128(2) }
}

/// No token opens to anything but what was sealed for its cell.
pub fn sealed(bytes: &[u8]) {
    let vault = Vault::new(&[1; 32], &[[2; 32]]);
    let Ok(token) = std::str::from_utf8(bytes) else { return };
    let keys: Vec<String> =
        vault.key_ids().map(str::to_owned).chain([token.chars().take(16).collect()]).collect();
    for key in keys {
        let sealed = Sealed { key, token: token.to_owned() };
        if let Ok(secret) = vault.open(&cell(), &sealed) {
            assert_eq!(secret.expose(), "plum");
        }
        assert!(vault.open(&Cell { row: Uuid::from_u128(3), ..cell() }, &sealed).is_err());
    }
}

/// What was sealed.
pub fn sealed_tokens() -> Vec<Vec<u8>> {
    let vault = Vault::new(&[1; 32], &[]);
    vec![vault.seal(&cell(), &Secret::new("plum")).token.into_bytes()]
}
