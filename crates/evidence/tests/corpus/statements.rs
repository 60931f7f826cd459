//! Statements of every kind, and each with one defect.

use proofline_core::{ApplianceId, Entropy, IncidentId, SeededEntropy, Verdict};
use proofline_evidence::statement::{
    Attestation, Body, CheckRun, Gap, Heal, HealOutcome, HealStep, Heartbeat, IncidentChange, KeyAction,
    KeyEvent, KeyRole, MAX_RESULTS, MAX_STATEMENT_BYTES, MAX_STEPS, ServerFact, Statement, StepOutcome,
    cut_text, rules,
};
use proofline_evidence::{Digest, Reason, SigningKey};
use serde::Serialize;

use crate::log::{Signer, SiteLog, finding, full_run, moment};

#[derive(Serialize)]
#[serde(untagged)]
enum Case {
    /// A sound statement, other cases' starting point.
    Sound { name: String, text: String, broken_rules: Vec<&'static str> },
    /// `base` with the first occurrence of each left text replaced by the right one.
    Changed {
        name: String,
        base: String,
        replace: Vec<[String; 2]>,
        reason: Option<&'static str>,
        broken_rules: Vec<&'static str>,
    },
}

/// A body of every kind.
pub(crate) fn bodies() -> Vec<Body> {
    let entropy = SeededEntropy::new(9);
    let entropy: &dyn Entropy = &entropy;
    let incident = IncidentId::new(moment(5), entropy);
    let run = full_run(&[
        ("linux.ssh.root_login", Verdict::Pass, "no"),
        ("linux.time.sync", Verdict::Error, "é \"x\"\n"),
    ]);
    let state = run.state.expect("full");
    let key = SigningKey::from_seed(&[5; 32]).public_key().clone();
    vec![
        Body::CheckRun(run),
        Body::Heal(Heal {
            incident,
            check: "linux.x".into(),
            rule: Some("linux.x.fix@3#0123".into()),
            runbook: "linux.sysctl.set".into(),
            plan_digest: Digest::of("plan"),
            actor: "l1".into(),
            mode: "enforce".into(),
            before: finding("linux.x", Verdict::Fail, "1"),
            steps: vec![HealStep { step: "set".into(), outcome: StepOutcome::Ok, detail: "was 1".into() }],
            after: finding("linux.x", Verdict::Pass, "0"),
            outcome: HealOutcome::Resolved,
            rollback: Some("backup:1".into()),
        }),
        Body::Heartbeat(Heartbeat { unchanged_since: 1, state }),
        Body::Gap(Gap {
            first_seq: 2,
            last_seq: 4,
            from: moment(1),
            to: moment(2),
            reason: "the disk was replaced".into(),
        }),
        Body::Attestation(Attestation {
            statement: "Backups were restored.".into(),
            by: "role:owner".into(),
        }),
        Body::Incident(IncidentChange {
            incident,
            check: "linux.x".into(),
            from: Some("open".into()),
            to: "escalated".into(),
            actor: "agent".into(),
            cause: "no rule".into(),
        }),
        Body::Key(KeyEvent::new(
            KeyAction::Enrolled,
            KeyRole::Appliance,
            key,
            Some(ApplianceId::new(moment(1), entropy)),
            "claimed",
        )),
        Body::ServerFact(ServerFact {
            fact: "mode_changed".into(),
            subject_id: "app_1".into(),
            actor: "user_1".into(),
            detail: "audit → enforce".into(),
        }),
    ]
}

/// A sound statement of that body, fifth of its signer.
pub(crate) fn statement(body: Body) -> Statement {
    let mut log = SiteLog::new(21, 1);
    let server = matches!(body, Body::Key(_) | Body::ServerFact(_));
    let mut header = log.next_header(if server { Signer::Server } else { Signer::Appliance(0) });
    header.seq = 5;
    Statement::new(header, body)
}

fn broken(text: &str) -> Vec<&'static str> {
    Statement::parse(text.as_bytes())
        .map(|statement| rules::broken(&statement))
        .unwrap_or_default()
        .into_iter()
        .map(Reason::code)
        .collect()
}

struct Cases(Vec<Case>);

impl Cases {
    fn text(&self, base: &str) -> &str {
        let sound = |case: &Case| matches!(case, Case::Sound { name, .. } if name == base);
        match self.0.iter().find(|case| sound(case)) {
            Some(Case::Sound { text, .. }) => text,
            _ => panic!("no base {base}"),
        }
    }

    fn change(&mut self, name: &str, base: &str, from: &str, to: &str, expected: Option<Reason>) {
        self.changes(name, base, &[(from, to)], expected);
    }

    fn changes(&mut self, name: &str, base: &str, replace: &[(&str, &str)], expected: Option<Reason>) {
        let mut text = self.text(base).to_owned();
        for (from, to) in replace {
            assert!(text.contains(from), "{name}: {from} is not in {text}");
            text = text.replacen(from, to, 1);
        }
        let reason = super::expect(name, &Statement::parse(text.as_bytes()), expected);
        let replace = replace.iter().map(|(from, to)| [(*from).to_owned(), (*to).to_owned()]).collect();
        self.0.push(Case::Changed {
            name: name.into(),
            base: base.into(),
            replace,
            reason,
            broken_rules: broken(&text),
        });
    }

    /// Every key of every base, renamed: either it is missed or the new one is not known.
    fn rename_every_key(&mut self) {
        let bases: Vec<_> = bodies().iter().map(Body::kind).collect();
        for base in bases {
            let text = self.text(base).to_owned();
            for (end, _) in text.match_indices("\":") {
                let start = text[..end].rfind('"').expect("a key has two quotes");
                let key = &text[start + 1..end];
                let before = text[..start].rfind(['{', ',']).expect("a key is in an object");
                let (from, renamed) =
                    (&text[before..end + 2], format!("{}\"{key}_\":", &text[before..start]));
                let unique = text.find(from) == Some(before);
                if unique {
                    self.change(
                        &format!("{base}: {key} renamed"),
                        base,
                        from,
                        &renamed,
                        Some(Reason::FieldMissing),
                    );
                    let extra = format!("{}\"{key}_\":null,\"{key}\":", &text[before..start]);
                    self.change(
                        &format!("{base}: {key} has company"),
                        base,
                        from,
                        &extra,
                        Some(Reason::FieldUnknown),
                    );
                    let twice = format!("{}\"{key}\":null,\"{key}\":", &text[before..start]);
                    self.change(
                        &format!("{base}: {key} twice"),
                        base,
                        from,
                        &twice,
                        Some(Reason::JsonDuplicateKey),
                    );
                }
            }
        }
    }
}

#[test]
fn statements() {
    let mut cases = Cases(Vec::new());
    for body in bodies() {
        let name = body.kind().to_owned();
        let text = String::from_utf8(statement(body).to_bytes().expect("sound")).expect("UTF-8");
        cases.0.push(Case::Sound { name, broken_rules: broken(&text), text });
    }
    cases.rename_every_key();
    form(&mut cases);
    values(&mut cases);
    times(&mut cases);
    bounds(&mut cases);
    rule_breakers(&mut cases);
    let about = "Statements as JSON text. `replace`: in the text of `base`, the first occurrence of the left is replaced by the right, \
                 in order. `reason` is null where the result is well-formed; `broken_rules` are those that it then breaks, in order.";
    super::hold("statements.json", about, &cases.0);
}

fn form(cases: &mut Cases) {
    let unknown = Some(Reason::FieldValue);
    cases.change("white space is free", "heartbeat", "{\"_type\":", "\n{ \"_type\" :\t", None);
    cases.changes(
        "the order of keys is free",
        "gap",
        &[("\"kind\":\"gap\",", ""), ("\"first_seq\":2", "\"first_seq\":2,\"kind\":\"gap\"")],
        None,
    );
    cases.change("escapes are free", "attestation", "Backups", "\\u0042ackups", None);
    cases.change("another statement type", "gap", "Statement/v1", "Statement/v0.1", unknown);
    cases.change("another predicate type", "gap", "evidence:v1", "evidence:v2", unknown);
    cases.change("an unknown kind", "gap", "\"kind\":\"gap\"", "\"kind\":\"Gap\"", unknown);
    cases.change(
        "an array in place of an object",
        "gap",
        "\"predicate\":{",
        "\"predicate\":[{",
        Some(Reason::JsonSyntax),
    );
    cases.change("the statement in a list", "gap", "{\"_type\"", "[{\"_type\"", Some(Reason::JsonSyntax));
    cases.change("no subject", "gap", "\"subject\":[", "\"subject\":[],\"x\":[", unknown);
    cases.change(
        "a subject that is text",
        "gap",
        "\"subject\":[",
        "\"subject\":[\"a\",",
        Some(Reason::FieldType),
    );
    cases.change("something behind", "gap", "}}}", "}}} {}", Some(Reason::JsonTrailingBytes));
    cases.change("a NUL in a text", "attestation", "Backups", "Back\\u0000ups", unknown);
    cases.change(
        "a digest with another algorithm beside it",
        "gap",
        "\"sha256\":",
        "\"sha512\":\"\",\"sha256\":",
        Some(Reason::FieldUnknown),
    );
}

fn values(cases: &mut Cases) {
    let (kind, value) = (Some(Reason::FieldType), Some(Reason::FieldValue));
    cases.change("seq is text", "gap", "\"seq\":5", "\"seq\":\"5\"", kind);
    cases.change("seq is null", "gap", "\"seq\":5", "\"seq\":null", kind);
    cases.change("seq is zero", "gap", "\"seq\":5", "\"seq\":0", value);
    cases.change("seq is negative", "gap", "\"seq\":5", "\"seq\":-5", value);
    cases.change("seq is a float", "gap", "\"seq\":5", "\"seq\":5.0", Some(Reason::JsonNumber));
    cases.change("seq is huge", "gap", "\"seq\":5", "\"seq\":9007199254740992", Some(Reason::JsonNumber));
    cases.change(
        "the clock offset is null",
        "gap",
        "\"clock_offset_ms\":-12",
        "\"clock_offset_ms\":null",
        None,
    );
    cases.change(
        "the clock offset is text",
        "gap",
        "\"clock_offset_ms\":-12",
        "\"clock_offset_ms\":\"-12\"",
        kind,
    );
    cases.change("no asset", "gap", "\"asset\":\"", "\"asset\":null,\"x\":\"", Some(Reason::FieldUnknown));
    cases.change("an id of another kind", "gap", "\"site\":\"site_", "\"site\":\"inst_", value);
    cases.change("an id in capitals", "gap", "\"site\":\"site_", "\"site\":\"SITE_", value);
    cases.change("an id too short", "gap", "\"site\":\"site_0", "\"site\":\"site_", value);
    cases.change("an id beyond 128 bits", "gap", "\"site\":\"site_0", "\"site\":\"site_8", value);
    cases.change(
        "an id with a letter outside its alphabet",
        "gap",
        "\"site\":\"site_0",
        "\"site\":\"site_l",
        value,
    );
    cases.change("a digest in capitals", "gap", "\"prev\":\"0", "\"prev\":\"A", value);
    cases.change("a digest too long", "gap", "\"prev\":\"0", "\"prev\":\"00", value);
    cases.change("an unknown verdict", "check_run", "\"verdict\":\"pass\"", "\"verdict\":\"warning\"", value);
    cases.change("a verdict in capitals", "check_run", "\"verdict\":\"pass\"", "\"verdict\":\"Pass\"", value);
    cases.change(
        "an observed value that is a number",
        "check_run",
        "\"observed\":\"no\"",
        "\"observed\":0",
        kind,
    );
    cases.change("a check twice", "check_run", "linux.time.sync", "linux.ssh.root_login", value);
    cases.change("a check with a space", "check_run", "linux.time.sync", "linux time", value);
    cases.change("a check that is not ASCII", "check_run", "linux.time.sync", "linux.é", value);
    cases.change("an empty check", "check_run", "linux.time.sync", "", value);
    cases.change("an unknown outcome", "heal", "\"outcome\":\"resolved\"", "\"outcome\":\"fixed\"", value);
    cases.change("an unknown step outcome", "heal", "\"outcome\":\"ok\"", "\"outcome\":\"done\"", value);
    cases.change("no rule", "heal", "\"rule\":\"linux.x.fix@3#0123\"", "\"rule\":null", None);
    cases.change("no rollback", "heal", "\"rollback\":\"backup:1\"", "\"rollback\":null", None);
    cases.change("no second observation", "heal", "\"after\":{", "\"after\":null,\"x\":{", kind);
    cases.change("a heartbeat without a state", "heartbeat", "\"state\":\"", "\"state\":null,\"x\":\"", kind);
    cases.change("since nothing", "heartbeat", "\"unchanged_since\":1", "\"unchanged_since\":0", value);
    cases.change("an incident that was opened", "incident", "\"from\":\"open\"", "\"from\":null", None);
    cases.change("an unknown key action", "key", "\"action\":\"enrolled\"", "\"action\":\"created\"", value);
    cases.change("an unknown key role", "key", "\"role\":\"appliance\"", "\"role\":\"root\"", value);
    let id = SigningKey::from_seed(&[5; 32]).id().to_string();
    let other = SigningKey::from_seed(&[6; 32]).id().to_string();
    cases.changes(
        "the name of another key",
        "key",
        &[(&format!("\"key_id\":\"{id}"), &format!("\"key_id\":\"{other}"))],
        value,
    );
    let key = SigningKey::from_seed(&[5; 32]).public_key().to_base64();
    let url_safe = key.replace('+', "-").replace('/', "_");
    assert_ne!(key, url_safe, "choose a key whose base64 has + or /");
    cases.change("a key in another base64", "key", &key, &url_safe, Some(Reason::Base64));
    cases.change("a key without padding", "key", &key, key.trim_end_matches('='), Some(Reason::Base64));
    let weak = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    cases.change("a weak key", "key", &key, weak, Some(Reason::KeyWeak));
    cases.change("a short key", "key", &key, "AQAA", Some(Reason::KeyMalformed));
}

fn times(cases: &mut Cases) {
    let ended = "\"ended\":\"2026-11-22T02:5";
    let change = |cases: &mut Cases, text: &str, expected| {
        let (name, to) = (format!("ended {text}"), format!("\"ended\":\"{text}\",\"clock"));
        let from = cases.text("attestation").to_owned();
        let begin = from.find(ended).expect("the base ends then");
        let end = begin + from[begin..].find("\"clock").expect("the next field");
        cases.change(&name, "attestation", &from[begin..end + 6], &to, expected);
    };
    for good in ["2033-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2028-02-29T00:00:00Z"] {
        change(cases, good, None);
    }
    for bad in [
        "2026-11-22T02:51:00+00:00",
        "2026-11-22T02:51:00",
        "2026-11-22 02:51:00Z",
        "2026-11-22t02:51:00z",
        "2026-11-22T02:51:60Z",
        "2026-11-22T24:00:00Z",
        "2026-11-31T00:00:00Z",
        "2027-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-22T02:51:00.000Z",
        "2026-11-22T02:51:00.5Z",
        "2026-11-22T02:51:00.12Z",
        "2026-11-22T02:51:00.120000Z",
        "2026-11-22T02:51:00.123456789Z",
        "1969-12-31T23:59:59Z",
        "12026-11-22T02:51:00Z",
        "2026-11-22T02:51:0٣Z",
    ] {
        change(cases, bad, Some(Reason::FieldValue));
    }
    for good in ["2026-11-22T02:53:00.123Z", "2026-11-22T02:53:00.123456Z"] {
        change(cases, good, None);
    }
    change(cases, "2026-11-22T02:50:00Z", None);
}

fn bounds(cases: &mut Cases) {
    let value = Some(Reason::FieldValue);
    let text = |bytes: usize| "é".repeat(bytes / 2) + &"x".repeat(bytes % 2);
    cases.change("a text as long as allowed", "attestation", "Backups were restored.", &text(2_048), None);
    cases.change("a text one byte too long", "attestation", "Backups were restored.", &text(2_049), value);
    cases.change("a cut text", "attestation", "Backups were restored.", &cut_text(&text(5_000)), None);
    cases.change("a name as long as allowed", "incident", "escalated", &"x".repeat(256), None);
    cases.change("a name one byte too long", "incident", "escalated", &"x".repeat(257), value);
    let step = "{\"step\":\"set\",\"outcome\":\"ok\",\"detail\":\"was 1\"}";
    cases.change("as many steps as allowed", "heal", step, &vec![step; MAX_STEPS].join(","), None);
    cases.change("one step too many", "heal", step, &vec![step; MAX_STEPS + 1].join(","), value);
    let result = |n| {
        format!(
            "{{\"check\":\"c{n}\",\"verdict\":\"pass\",\"expected\":\"\",\"observed\":\"\",\"reason\":\"\",\"location\":\"\"}}"
        )
    };
    let results = |count: usize| (0..count).map(result).collect::<Vec<_>>().join(",");
    let whole = serde_json::to_string(&bodies()[0]).expect("serialises");
    let run = |count| format!("{{\"kind\":\"check_run\",\"results\":[{}],\"state\":null}}", results(count));
    cases.change("as many results as allowed", "check_run", &whole, &run(MAX_RESULTS), None);
    cases.change("one result too many", "check_run", &whole, &run(MAX_RESULTS + 1), value);
    let length = cases.text("gap").len();
    let padding = |to: usize| format!("{}}}}}}}", " ".repeat(to - length));
    cases.change("as large as allowed", "gap", "}}}", &padding(MAX_STATEMENT_BYTES), None);
    cases.change(
        "one byte too large",
        "gap",
        "}}}",
        &padding(MAX_STATEMENT_BYTES + 1),
        Some(Reason::JsonTooLarge),
    );
    let empty = CheckRun { results: vec![], state: None };
    let empty = serde_json::to_string(&Body::CheckRun(empty)).expect("serialises");
    cases.change("a run without results", "check_run", &whole, &empty, None);
}

fn rule_breakers(cases: &mut Cases) {
    let appliance = |cases: &Cases| {
        let text = cases.text("gap").to_owned();
        let begin = text.find("\"appliance\":").expect("there");
        let end = begin + text[begin..].find(",\"asset\"").expect("next");
        text[begin..end].to_owned()
    };
    let appliance = appliance(cases);
    for base in ["check_run", "heal", "heartbeat", "incident", "gap", "attestation"] {
        cases.change(&format!("{base} by the server"), base, &appliance, "\"appliance\":null", None);
    }
    for base in ["key", "server_fact"] {
        cases.change(&format!("{base} by an appliance"), base, "\"appliance\":null", &appliance, None);
    }
    cases.change("a heal that did not look", "heal", "\"verdict\":\"pass\"", "\"verdict\":\"unknown\"", None);
    cases.changes(
        "a heal of another check",
        "heal",
        &[("\"check\":\"linux.x\",\"rule\"", "\"check\":\"linux.y\",\"rule\"")],
        None,
    );
    cases.change(
        "a heartbeat about itself",
        "heartbeat",
        "\"unchanged_since\":1",
        "\"unchanged_since\":5",
        None,
    );
    cases.change("a gap of nothing", "gap", "\"first_seq\":2", "\"first_seq\":5", None);
    cases.change("a gap that leaves one out", "gap", "\"last_seq\":4", "\"last_seq\":3", None);
    cases.changes(
        "a gap that ends before it starts",
        "gap",
        &[("\"to\":\"2026-11-22T02:50:02Z", "\"to\":\"2026-11-22T02:50:00Z")],
        None,
    );
    cases.change("a server key with a holder", "key", "\"role\":\"appliance\"", "\"role\":\"orders\"", None);
}
