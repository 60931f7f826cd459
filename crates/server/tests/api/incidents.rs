//! Incidents: opened by evidence, healed by evidence, decided by people.

use chrono::TimeDelta;
use proofline_core::{Clock, Entropy, IncidentId, Role, SeededEntropy, Verdict};
use proofline_evidence::statement::{Body, IncidentChange};
use proofline_evidence::{Digest, dsse::Envelope};
use proofline_protocol::{Instruction, KeyRole, ORDER_PAYLOAD_TYPE, Order};
use proofline_testkit::{Browser, TestApp, TestSite};
use serde_json::{Value, json};

use crate::desk::{Desk, ROOT_LOGIN, result};

async fn enrolled(app: &TestApp) -> (Browser, TestSite, Desk) {
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let agent = app.enrolled(&mut admin, &site).await;
    let desk = Desk::of(agent, &app.clock);
    (admin, site, desk)
}

fn id(app: &TestApp) -> IncidentId {
    let entropy: &dyn Entropy = &SeededEntropy::new(77);
    IncidentId::new(app.clock.now(), entropy)
}

async fn only(admin: &mut Browser) -> Value {
    let listed = admin.get("/api/incidents?state=all").await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    let id = listed["items"][0]["id"].as_str().expect("an id");
    admin.get(&format!("/api/incidents/{id}")).await.expect(200)
}

async fn broken(app: &TestApp) -> (Browser, Desk, Value) {
    let (mut admin, _, mut desk) = enrolled(app).await;
    let run = desk.run(vec![result(ROOT_LOGIN, Verdict::Pass, "no")]);
    desk.submit_all(vec![run]).await;
    app.clock.advance(TimeDelta::minutes(5));
    let run = desk.run(vec![result(ROOT_LOGIN, Verdict::Fail, "yes")]);
    desk.submit_all(vec![run]).await;
    let incident = only(&mut admin).await;
    (admin, desk, incident)
}

fn steps(incident: &Value) -> Vec<(String, String)> {
    let transitions = incident["transitions"].as_array().expect("transitions").iter();
    transitions
        .map(|t| {
            (
                t["to"].as_str().unwrap_or_default().to_owned(),
                t["actor"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

fn pair(state: &str, actor: &str) -> (String, String) {
    (state.to_owned(), actor.to_owned())
}

#[tokio::test]
async fn a_fail_opens_one_incident_and_a_pass_resolves_it() {
    let app = TestApp::start().await;
    let (mut admin, mut desk, incident) = broken(&app).await;
    assert_eq!((&incident["state"], &incident["check_id"]), (&json!("open"), &json!(ROOT_LOGIN)));
    assert_eq!(incident["why"], "The appliance only observes (mode audit): nothing runs by itself.");
    assert_eq!(incident["transitions"][0]["entry_index"], 4);
    assert_eq!(incident["last_observation"]["observed"], "yes");
    assert!(incident["check"]["controls"].as_array().is_some_and(|c| !c.is_empty()));
    // Failing still: confirmed, not opened again.
    let again = desk.run(vec![result(ROOT_LOGIN, Verdict::Fail, "yes")]);
    let unclear = desk.run(vec![result(ROOT_LOGIN, Verdict::Unknown, "")]);
    desk.submit_all(vec![again, unclear]).await;
    assert_eq!(only(&mut admin).await["state"], "open", "unknown changes nothing for the better");
    app.clock.advance(TimeDelta::minutes(5));
    let fixed = desk.run(vec![result(ROOT_LOGIN, Verdict::Pass, "no")]);
    let relapse = desk.run(vec![result(ROOT_LOGIN, Verdict::Fail, "yes")]);
    desk.submit_all(vec![fixed]).await;
    let resolved = only(&mut admin).await;
    assert_eq!((&resolved["state"], resolved["resolved_at"].is_string()), (&json!("resolved"), true));
    assert_eq!(admin.get("/api/incidents").await.expect(200)["items"], json!([]));
    assert_eq!(admin.get("/api/overview").await.expect(200)["counts"]["resolved_24h"], 1);
    desk.submit_all(vec![relapse]).await;
    let reopened = only(&mut admin).await;
    assert_eq!((&reopened["state"], &reopened["recurrences"]), (&json!("open"), &json!(1)));
    assert_eq!(reopened["id"], resolved["id"], "the same incident came back");
    let overview = admin.get("/api/overview").await.expect(200);
    assert_eq!(overview["counts"]["open_incidents"], 1);
    assert_eq!(overview["attention"][0]["incident_id"], reopened["id"]);
    assert_eq!((&overview["attention_total"], &overview["attention_sites"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_heal_is_one_entry_with_both_observations() {
    let app = TestApp::start().await;
    let (mut admin, mut desk, _) = broken(&app).await;
    app.clock.advance(TimeDelta::minutes(1));
    let ours = id(&app);
    let vain = desk.heal(ours, Digest::of("plan"), "l1", Verdict::Fail);
    desk.submit_all(vec![vain]).await;
    let still = only(&mut admin).await;
    assert_eq!(still["state"], "open", "steps that went well prove nothing");
    assert_eq!(still["heals"][0]["outcome"], "not_effective");
    app.clock.advance(TimeDelta::minutes(1));
    let heal = desk.heal(ours, Digest::of("plan"), "l1", Verdict::Pass);
    desk.submit_all(vec![heal]).await;
    let healed = only(&mut admin).await;
    assert_eq!(healed["state"], "resolved");
    let expected = [
        pair("open", "agent"),
        pair("healing", "l1"),
        pair("verifying", "l1"),
        pair("open", "l1"),
        pair("healing", "l1"),
        pair("verifying", "l1"),
        pair("resolved", "l1"),
    ];
    assert_eq!(steps(&healed), expected);
    let newest = &healed["heals"][0];
    assert_eq!((&newest["before"]["observed"], &newest["after"]["observed"]), (&json!("yes"), &json!("no")));
    assert_eq!(newest["entry_index"], 6);
    assert_eq!(healed["last_observation"]["entry_index"], 6);
    let overview = admin.get("/api/overview").await.expect(200);
    assert_eq!(overview["healing_24h"]["l1_resolved"], 1);
    assert_eq!(overview["healing_24h"]["l1_not_effective"], 1);
    // The state after the heal is what a heartbeat confirms.
    let heartbeat = desk.heartbeat();
    desk.submit_all(vec![heartbeat]).await;
    assert!(!desk.agent.check_in().await.resync);
    // The agent's own name for the incident finds it too.
    let found = admin.get(&format!("/api/incidents/{ours}")).await.expect(200);
    assert_eq!(found["id"], healed["id"]);
}

#[tokio::test]
async fn the_agents_words_come_before_its_results() {
    let app = TestApp::start().await;
    let (mut admin, _, mut desk) = enrolled(&app).await;
    let ours = id(&app);
    let batch = vec![
        desk.change(ours, None, "open", "fail: observed \"yes\", expected \"no\""),
        desk.change(ours, Some("open"), "open", "no rule answers this check here"),
        desk.run(vec![result(ROOT_LOGIN, Verdict::Fail, "yes")]),
    ];
    desk.submit_all(batch).await;
    let incident = only(&mut admin).await;
    assert_eq!(steps(&incident), [pair("open", "agent"), pair("open", "agent")]);
    assert_eq!(incident["why"], "Nothing runs: no rule answers this check here.");
    let escalated = desk.change(ours, Some("open"), "escalated", "all 3 attempts are used");
    desk.submit_all(vec![escalated]).await;
    let incident = only(&mut admin).await;
    assert_eq!(incident["why"], "Handed to people: all 3 attempts are used.");
    let overview = admin.get("/api/overview").await.expect(200);
    assert_eq!(overview["attention"][0]["kind"], "escalated");
}

#[tokio::test]
async fn that_nothing_could_repair_it_is_said_before_the_agents_words() {
    let app = TestApp::start().await;
    let (mut admin, _, mut desk) = enrolled(&app).await;
    let mut checks = proofline_catalog::Catalog::embedded().checks().iter();
    let check = &checks.find(|check| check.runbook.is_none()).expect("a check that only people repair").id;
    let run = desk.run(vec![result(check, Verdict::Fail, "bad")]);
    desk.submit_all(vec![run]).await;
    let words = "No runbook repairs this: a person has to.";
    let incident = only(&mut admin).await;
    assert_eq!((&incident["why"], &incident["runbook"]), (&json!(words), &Value::Null));
    let said = desk.state(Body::Incident(IncidentChange {
        incident: id(&app),
        check: check.clone(),
        from: Some("open".into()),
        to: "open".into(),
        actor: "agent".into(),
        cause: "no rule answers this check here".into(),
    }));
    desk.submit_all(vec![said]).await;
    let incident = only(&mut admin).await;
    assert_eq!(incident["why"], words);
    assert_eq!(incident["transitions"][1]["cause"], "no rule answers this check here");
}

#[tokio::test]
async fn a_plan_is_shown_with_every_value_that_it_sets() {
    let app = TestApp::start().await;
    let (mut admin, _, mut desk) = enrolled(&app).await;
    let failing = ["linux.permissions.umask", "linux.kernel.pointer_exposure", "linux.audit.time_rules"];
    let run = desk.run(failing.map(|check| result(check, Verdict::Fail, "bad")).to_vec());
    desk.submit_all(vec![run]).await;
    let listed = admin.get("/api/incidents").await.expect(200);
    let mut runbooks = std::collections::HashMap::new();
    for incident in listed["items"].as_array().expect("incidents") {
        let (id, check) = (incident["id"].as_str(), incident["check_id"].as_str());
        let path = format!("/api/incidents/{}", id.expect("an id"));
        let runbook = admin.get(&path).await.expect(200)["runbook"].clone();
        runbooks.insert(check.expect("a check").to_owned(), runbook);
    }
    let texts = |check: &str| -> Vec<String> {
        let steps = runbooks[check]["steps"].as_array().expect("steps").iter();
        steps.map(|step| step["text"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(texts("linux.permissions.umask"), ["Set UMASK to 027 in /etc/login.defs"]);
    assert_eq!(
        texts("linux.kernel.pointer_exposure"),
        [
            "Set the kernel parameter kernel.kptr_restrict to 1",
            "Set the kernel parameter kernel.dmesg_restrict to 1",
        ]
    );
    let umask = &runbooks["linux.permissions.umask"];
    assert!(umask["description"].as_str().is_some_and(|text| text.starts_with("Sets UMASK")), "{umask}");
    assert_eq!(umask["disruptive"], false);
    assert!(umask["rollback"].as_str().is_some_and(|text| text.contains("put back by itself")), "{umask}");
    let audit = &runbooks["linux.audit.time_rules"];
    let rule = "-a always,exit -F arch=b64 -S adjtimex,settimeofday,clock_settime -k time";
    assert_eq!(audit["steps"][0]["lines"], json!([rule]));
    assert!(audit["rollback"].as_str().is_some_and(|text| text.ends_with("Then: load the audit rules.")));
}

/// An incident whose plan waits for a person: an administrator, the appliance, the incident, and what the appliance calls both.
pub(crate) async fn waiting(app: &TestApp) -> (Browser, Desk, Value, IncidentId, Digest) {
    let (mut admin, mut desk, _) = broken(app).await;
    let (ours, plan) = (id(app), Digest::of("plan"));
    let change =
        desk.change(ours, Some("open"), "awaiting_approval", &format!("plan {plan}: the site asks first"));
    desk.submit_all(vec![change]).await;
    let incident = only(&mut admin).await;
    assert_eq!(incident["state"], "awaiting_approval");
    assert_eq!(incident["plan_digest"], plan.to_string());
    (admin, desk, incident, ours, plan)
}

#[tokio::test]
async fn an_approval_binds_the_plan_and_is_carried_out_once() {
    let app = TestApp::start().await;
    let (mut admin, mut desk, incident, ours, plan) = waiting(&app).await;
    let path = format!("/api/incidents/{}/approve", incident["id"].as_str().expect("an id"));
    let other = json!({ "plan_digest": Digest::of("other plan").to_string() });
    admin.post(&path, other).await.expect_problem(409, "plan_changed");
    let (mut first, mut second) = (app.admin().await, app.admin().await);
    let body = json!({ "plan_digest": plan.to_string() });
    let (one, two) = tokio::join!(first.post(&path, body.clone()), second.post(&path, body));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409], "one winner");
    app.run_job("orders").await;
    let orders = desk.agent.check_in().await.orders;
    assert_eq!(orders.len(), 1);
    let envelope = Envelope::parse(orders[0].get().as_bytes()).expect("an envelope");
    let payload = envelope.verify(ORDER_PAYLOAD_TYPE, &desk.server_key(KeyRole::Orders)).expect("signed");
    let order = Order::from_payload(payload).expect("an order");
    let Instruction::ApprovePlan { incident: named, plan_digest } = order.instruction else {
        panic!("an approval")
    };
    assert_eq!((named, plan_digest), (ours, plan), "by the name that the agent gave it");
    let entries = admin
        .get(&format!("/api/sites/{}/evidence?kind=server_fact", desk.agent.identity().site))
        .await
        .expect(200);
    assert!(entries["items"][0]["summary"].as_str().is_some_and(|s| s.starts_with("plan approved")));
    app.clock.advance(TimeDelta::minutes(1));
    let heal = desk.heal(ours, plan, &format!("order:{}", order.order), Verdict::Pass);
    desk.submit_all(vec![heal]).await;
    let healed = only(&mut admin).await;
    assert_eq!(healed["state"], "resolved");
    let body = json!({ "plan_digest": plan.to_string() });
    admin.post(&path, body).await.expect_problem(409, "not_awaiting_approval");
}

#[tokio::test]
async fn an_approval_that_nobody_carried_out_lapses() {
    let app = TestApp::start().await;
    let (mut admin, mut desk, incident, ours, plan) = waiting(&app).await;
    let path = format!("/api/incidents/{}/approve", incident["id"].as_str().expect("an id"));
    let body = json!({ "plan_digest": plan.to_string() });
    admin.post(&path, body.clone()).await.expect(202);
    admin.post(&path, body.clone()).await.expect_problem(409, "already_approved");
    app.clock.advance(TimeDelta::minutes(14));
    admin.post(&path, body.clone()).await.expect_problem(409, "already_approved");
    app.clock.advance(TimeDelta::minutes(2));
    let mut admin = app.admin().await;
    admin.post(&path, body).await.expect(202);
    let lapsed = desk.change(ours, Some("awaiting_approval"), "open", &format!("nobody answered for {plan}"));
    desk.submit_all(vec![lapsed]).await;
    assert_eq!(only(&mut admin).await["state"], "open");
    let body = json!({ "plan_digest": plan.to_string() });
    admin.post(&path, body).await.expect_problem(409, "not_awaiting_approval");
}

#[tokio::test]
async fn a_person_can_take_an_incident_over() {
    let app = TestApp::start().await;
    let (mut admin, mut desk, incident) = broken(&app).await;
    let path = format!("/api/incidents/{}/escalate", incident["id"].as_str().expect("an id"));
    admin.post(&path, json!({ "reason": "short" })).await.expect(422);
    let reason = json!({ "reason": "The vendor has to change this." });
    app.staff(Role::StaffReadonly).await.post(&path, reason.clone()).await.expect(403);
    let escalated = admin.post(&path, reason.clone()).await.expect(200);
    assert_eq!(escalated["why"], "Handed to people: The vendor has to change this.");
    admin.post(&path, reason).await.expect_problem(409, "not_escalatable");
    let detail = only(&mut admin).await;
    let last = detail["transitions"].as_array().and_then(|t| t.last()).cloned().expect("a step");
    assert!(last["actor"].as_str().is_some_and(|actor| actor.starts_with("user:")));
    let session = admin.get("/api/auth/session").await.expect(200);
    assert_eq!(last["actor_name"], session["user"]["name"]);
    assert_eq!(detail["transitions"][0]["actor_name"], Value::Null, "a machine has none");
    assert!(last["entry_index"].is_u64(), "the decision is in the log");
    let fixed = desk.run(vec![result(ROOT_LOGIN, Verdict::Pass, "no")]);
    desk.submit_all(vec![fixed]).await;
    assert_eq!(only(&mut admin).await["state"], "resolved");
}

#[tokio::test]
async fn incidents_are_listed_by_state_severity_and_site() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let checks = proofline_catalog::Catalog::embedded().checks();
    let mut sites = Vec::new();
    for name in ["Alder", "Birch"] {
        let site = app.site(&mut admin, name).await;
        let mut desk = Desk::of(app.enrolled(&mut admin, &site).await, &app.clock);
        let failing = checks.iter().take(8).map(|check| result(&check.id, Verdict::Fail, "bad")).collect();
        let run = desk.run(failing);
        app.clock.advance(TimeDelta::seconds(1));
        let fixed = desk.run(vec![result(&checks[0].id, Verdict::Pass, "good")]);
        desk.submit_all(vec![run, fixed]).await;
        sites.push(site);
    }
    let count = |page: &Value| page["items"].as_array().map(Vec::len).unwrap_or_default();
    for (query, expected) in [
        ("", 14),
        ("?state=all", 16),
        ("?state=resolved", 2),
        ("?state=escalated", 0),
        (&format!("?site_id={}", sites[0].id), 7),
        (&format!("?site_id={}&state=all&sort=severity", sites[0].id), 8),
    ] {
        let reply = admin.get(&format!("/api/incidents{query}")).await;
        assert_eq!(count(&reply.expect(200)), expected, "{query}");
        assert!(reply.queries() <= 6, "{query}: {}", reply.queries());
    }
    for sort in ["newest", "severity"] {
        for site in ["", &format!("&site_id={}", sites[1].id)] {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let path = format!("/api/incidents?state=all&limit=3&sort={sort}{site}{cursor}");
                let page = admin.get(&path).await.expect(200);
                seen.extend(page["items"].as_array().cloned().unwrap_or_default());
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(seen.len(), if site.is_empty() { 16 } else { 8 }, "{sort}{site}");
            let mut ids: Vec<_> = seen.iter().map(|i| i["id"].to_string()).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), seen.len(), "none twice");
            if sort == "severity" {
                let rank = |i: &Value| {
                    ["low", "medium", "high", "critical"].iter().position(|s| i["severity"] == *s)
                };
                assert!(seen.windows(2).all(|pair| rank(&pair[0]) >= rank(&pair[1])));
            }
        }
    }
    let severity = checks[1].severity.as_str();
    let some = admin.get(&format!("/api/incidents?severity={severity}")).await.expect(200);
    assert!(
        count(&some) > 0
            && some["items"].as_array().is_some_and(|i| i.iter().all(|i| i["severity"] == severity))
    );
    for bad in ["?state=ope", "?sort=risk", "?severity=warning", "?site_id=x", "?limit=0", "?cursor=zz"] {
        admin.get(&format!("/api/incidents{bad}")).await.expect(422);
    }
}

#[tokio::test]
async fn an_approval_names_the_plan_that_was_read() {
    let app = TestApp::start().await;
    let (mut admin, _, incident, _, plan) = waiting(&app).await;
    let path = format!("/api/incidents/{}/approve", incident["id"].as_str().expect("an id"));
    for nothing in [json!({}), json!({ "plan_digest": null })] {
        admin.post(&path, nothing).await.expect(422);
    }
    admin.post(&path, json!({ "plan_digest": "" })).await.expect_problem(409, "plan_changed");
    assert_eq!(admin.get("/api/orders").await.expect(200)["items"], json!([]));
    admin.post(&path, json!({ "plan_digest": plan.to_string() })).await.expect(202);
}

#[tokio::test]
async fn a_revoked_appliance_takes_its_assets_and_incidents_along() {
    let app = TestApp::start().await;
    let (mut admin, desk, incident, _, plan) = waiting(&app).await;
    let identity = desk.agent.identity().clone();
    let site = format!("/api/sites/{}", identity.site);
    let before = admin.get(&site).await.expect(200);
    assert_eq!((&before["asset_count"], &before["open_incidents"]), (&json!(1), &json!(1)), "{before}");
    let revoke = format!("/api/appliances/{}/revoke", identity.appliance);
    admin.post(&revoke, json!({ "reason": "stolen from the car" })).await.expect(200);
    let closed = only(&mut admin).await;
    assert_eq!(closed["state"], "closed");
    let last = closed["transitions"].as_array().and_then(|steps| steps.last()).cloned().expect("steps");
    assert!(last["actor"].as_str().is_some_and(|actor| actor.starts_with("user:")), "{last}");
    assert!(last["cause"].as_str().is_some_and(|cause| cause.ends_with("was revoked")), "{last}");
    // The statement that it rests on is the one that revokes the key.
    let entry = format!("{site}/evidence/{}", last["entry_index"]);
    assert_eq!(admin.get(&entry).await.expect(200)["kind"], "key");
    let after = admin.get(&site).await.expect(200);
    assert_eq!((&after["asset_count"], &after["open_incidents"]), (&json!(0), &json!(0)), "{after}");
    assert_eq!(admin.get(&format!("{site}/assets")).await.expect(200)["items"], json!([]));
    assert_eq!(admin.get("/api/overview").await.expect(200)["attention"], json!([]));
    let approve = format!("/api/incidents/{}/approve", incident["id"].as_str().expect("an id"));
    let body = json!({ "plan_digest": plan.to_string() });
    admin.post(&approve, body).await.expect_problem(409, "not_awaiting_approval");
}

#[tokio::test]
async fn nothing_is_approved_for_an_appliance_that_was_revoked() {
    let app = TestApp::start().await;
    let (mut admin, desk, incident, _, plan) = waiting(&app).await;
    // As an earlier version left it: revoked, with its incident still waiting.
    let mut superuser = app.database.superuser().await;
    sqlx::query("UPDATE appliance SET revoked_at = now(), revoked_reason = 'stolen' WHERE id = $1")
        .bind(desk.agent.identity().appliance.uuid())
        .execute(&mut superuser)
        .await
        .expect("updates");
    let path = format!("/api/incidents/{}/approve", incident["id"].as_str().expect("an id"));
    let body = json!({ "plan_digest": plan.to_string() });
    admin.post(&path, body).await.expect_problem(409, "appliance_revoked");
}
