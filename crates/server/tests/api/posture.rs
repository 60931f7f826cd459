//! How sites stand: one resolver behind the site page, the list, the overview and any day in the past.

use chrono::TimeDelta;
use proofline_catalog::Catalog;
use proofline_core::{Verdict, format_rfc3339};
use proofline_evidence::statement::{Body, CheckRun};
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

/// The control's state, and the checks behind it.
fn control<'a>(posture: &'a Value, id: &str) -> &'a Value {
    posture["controls"].as_array().expect("controls").iter().find(|c| c["id"] == id).expect("a control")
}

fn check<'a>(posture: &'a Value, check: &str) -> &'a Value {
    let controls = posture["controls"].as_array().expect("controls");
    let mut checks = controls.iter().flat_map(|c| c["checks"].as_array().expect("checks"));
    checks.find(|c| c["check_id"] == check).expect("a check")
}

/// A control that the root login check speaks for.
fn its_control() -> &'static str {
    &Catalog::embedded().check(ROOT_LOGIN).expect("in the catalogue").controls[0].control
}

async fn posture(admin: &mut Browser, site: &TestSite) -> Value {
    admin.get(&format!("/api/sites/{}/posture", site.id)).await.expect(200)
}

#[tokio::test]
async fn a_site_goes_from_nothing_through_unmeasured_to_measured() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let site = app.site(&mut admin, "Main Street").await;
    let empty = posture(&mut admin, &site).await;
    assert_eq!((&empty["score"], empty["coverage"].as_f64()), (&Value::Null, Some(0.0)));
    assert_eq!(control(&empty, its_control())["state"], "not_assessed", "nobody looks");
    assert_eq!(admin.get("/api/overview").await.expect(200)["posture"]["score"], Value::Null);
    let agent = app.enrolled(&mut admin, &site).await;
    let mut desk = Desk::of(agent, &app.clock);
    let unmeasured = posture(&mut admin, &site).await;
    assert_eq!((unmeasured["score"].as_f64(), unmeasured["coverage"].as_f64()), (Some(0.0), Some(0.0)));
    assert_eq!(check(&unmeasured, ROOT_LOGIN)["verdict"], "unknown");
    assert_eq!(control(&unmeasured, its_control())["state"], "not_assessed");

    let run = desk.run_all(Verdict::Pass);
    desk.submit_all(vec![run]).await;
    let measured = posture(&mut admin, &site).await;
    let cell = check(&measured, ROOT_LOGIN);
    assert_eq!((&cell["verdict"], &cell["freshness"]), (&Value::from("pass"), &Value::from("fresh")));
    assert_eq!(cell["entry_index"], 3, "every green cell points to its evidence");
    assert_eq!(control(&measured, its_control())["state"], "pass");
    // What only a person can vouch for is not assessed, so the score cannot be full.
    assert_eq!(control(&measured, "164.308(a)(1)(ii)(A)")["state"], "not_assessed");
    assert_eq!(control(&measured, "164.314(b)(2)(i)")["state"], "not_covered");
    let (score, coverage) = (measured["score"].as_f64().expect("a score"), measured["coverage"].as_f64());
    assert!(score > 30.0 && score < 100.0, "{score}");
    assert!(coverage.is_some_and(|c| c > 0.3 && c < 1.0), "{coverage:?}");
}

#[tokio::test]
async fn revoking_the_only_appliance_leaves_the_site_in_the_denominator() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    let kept = app.site(&mut admin, "Kept").await;
    let mut desk = Desk::of(app.enrolled(&mut admin, &kept).await, &app.clock);
    let run = desk.run_all(Verdict::Pass);
    desk.submit_all(vec![run]).await;
    let failing = app.site(&mut admin, "Failing").await;
    let mut desk = Desk::of(app.enrolled(&mut admin, &failing).await, &app.clock);
    let run = desk.run_all(Verdict::Fail);
    desk.submit_all(vec![run]).await;
    let before = admin.get("/api/overview").await.expect(200)["posture"].clone();
    let failed = before["fail"].as_u64().expect("a number");
    assert!(failed > 0, "{before}");

    let revoke = format!("/api/appliances/{}/revoke", desk.agent.identity().appliance);
    admin.post(&revoke, json!({ "reason": "stolen from the car" })).await.expect(200);
    let page = posture(&mut admin, &failing).await;
    assert_eq!((&page["score"], page["coverage"].as_f64()), (&Value::Null, Some(0.0)));
    let states = page["controls"].as_array().expect("controls").iter();
    let states: Vec<_> = states.map(|control| control["state"].clone()).collect();
    assert!(states.iter().all(|state| state == "not_assessed" || state == "not_covered"), "{states:?}");
    let listed = admin.get("/api/sites?q=Failing").await.expect(200)["items"][0].clone();
    assert_eq!((&listed["strip"], &listed["score"]), (&Value::Array(states), &Value::Null));
    assert_eq!((&listed["controls"]["not_applicable"], &listed["controls"]["fail"]), (&json!(0), &json!(0)));

    let after = admin.get("/api/overview").await.expect(200)["posture"].clone();
    assert_eq!(after["fail"], 0);
    let not_assessed = |posture: &Value| posture["not_assessed"].as_u64().expect("a number");
    assert!(not_assessed(&after) >= not_assessed(&before) + failed, "{before} {after}");
    let score = |posture: &Value| posture["score"].as_f64().expect("a score");
    assert!(score(&after) <= score(&before), "nothing got better: {before} {after}");
    let alone = posture(&mut admin, &kept).await;
    assert!(score(&after) < score(&alone), "both sites count: {after}");
}

#[tokio::test]
async fn every_screen_says_the_same() {
    let app = TestApp::start().await;
    let (_, site, mut desk) = enrolled(&app).await;
    let run = desk.run_all(Verdict::Pass);
    let change = desk.run(vec![result(ROOT_LOGIN, Verdict::Fail, "yes")]);
    desk.submit_all(vec![run, change]).await;
    for hours in [0, 1, 1, 3] {
        app.clock.advance(TimeDelta::hours(hours));
        let mut admin = app.admin().await;
        let page = posture(&mut admin, &site).await;
        let states: Vec<_> =
            page["controls"].as_array().expect("controls").iter().map(|c| c["state"].clone()).collect();
        let detail = admin.get(&format!("/api/sites/{}", site.id)).await.expect(200);
        let list = admin.get("/api/sites").await.expect(200);
        let overview = admin.get("/api/overview").await.expect(200);
        for summary in [&detail, &list["items"][0], &overview["sites"][0]] {
            assert_eq!(summary["strip"], Value::Array(states.clone()));
            assert_eq!((&summary["score"], &summary["coverage"]), (&page["score"], &page["coverage"]));
        }
        for field in ["score", "coverage"] {
            assert_eq!(overview["posture"][field], page[field], "one site is the fleet");
        }
        let fails = states.iter().filter(|state| *state == "fail").count();
        assert_eq!(detail["controls"]["fail"], fails);
        assert_eq!(fails == 0, hours == 3, "a fail that is too old is stale");
    }
}

#[tokio::test]
async fn silence_makes_stale_and_a_heartbeat_makes_fresh() {
    let app = TestApp::start().await;
    let (_, site, mut desk) = enrolled(&app).await;
    let run = desk.run_all(Verdict::Pass);
    desk.submit_all(vec![run]).await;
    app.clock.advance(TimeDelta::hours(3));
    let mut admin = app.admin().await;
    app.run_job("posture").await;
    let stale = posture(&mut admin, &site).await;
    assert_eq!(check(&stale, ROOT_LOGIN)["freshness"], "stale");
    assert_eq!(control(&stale, its_control())["state"], "stale");
    assert_eq!(stale["score"].as_f64(), Some(0.0));
    let heartbeat = desk.heartbeat();
    desk.submit_all(vec![heartbeat]).await;
    let fresh = posture(&mut admin, &site).await;
    assert_eq!(control(&fresh, its_control())["state"], "pass");
    let listed = admin.get("/api/sites").await.expect(200);
    assert_eq!(listed["items"][0]["controls"]["stale"], 0);
    assert_eq!(listed["items"][0]["score"], fresh["score"]);
    // The heartbeat confirmed the whole state; the entry behind the cell is still the one that named the check.
    assert_eq!(check(&fresh, ROOT_LOGIN)["entry_index"], 3);
    let assets = admin.get(&format!("/api/sites/{}/assets", site.id)).await.expect(200);
    assert_eq!(assets["items"][0]["checks"]["stale"], 0);
    assert_eq!(assets["items"][0]["checks"]["pass"], Catalog::embedded().checks().len());
}

#[tokio::test]
async fn a_heartbeat_that_does_not_add_up_confirms_nothing() {
    let app = TestApp::start().await;
    let (_, site, mut desk) = enrolled(&app).await;
    let run = desk.run_all(Verdict::Pass);
    desk.submit_all(vec![run]).await;
    assert!(!desk.agent.check_in().await.resync);
    app.clock.advance(TimeDelta::hours(1));
    // The agent saw a change that it never stated.
    let unstated = desk.run(vec![result(ROOT_LOGIN, Verdict::Fail, "yes")]);
    (desk.seq, desk.prev) = (1, proofline_evidence::Digest::of(desk_first(&desk)));
    drop(unstated);
    let heartbeat = desk.heartbeat();
    desk.submit_all(vec![heartbeat]).await;
    assert!(desk.agent.check_in().await.resync, "the whole state is wanted");
    assert!(!desk.agent.check_in().await.resync, "once");
    let mut admin = app.admin().await;
    let health = admin.get("/api/system/health").await.expect(200);
    assert_eq!(health["alarms"][0]["kind"], "state_mismatch");
    app.clock.advance(TimeDelta::hours(1) + TimeDelta::seconds(1));
    admin = app.admin().await;
    assert_eq!(check(&posture(&mut admin, &site).await, ROOT_LOGIN)["freshness"], "stale");
    // The whole state, one check fewer than before: what is no longer measured is gone.
    desk.forget("linux.disk.space");
    let whole = desk.run_whole();
    desk.submit_all(vec![whole]).await;
    let now = posture(&mut admin, &site).await;
    assert_eq!(check(&now, ROOT_LOGIN)["verdict"], "fail");
    assert_eq!(check(&now, "linux.disk.space")["entry_index"], Value::Null);
    app.clock.advance(TimeDelta::minutes(30));
    let heartbeat = desk.heartbeat();
    desk.submit_all(vec![heartbeat]).await;
    assert!(!desk.agent.check_in().await.resync);
}

/// The bytes of the desk's first statement, as the log has them.
fn desk_first(desk: &Desk) -> Vec<u8> {
    let mut again =
        Desk::of(desk.agent.clone(), &proofline_core::FixedClock::at(desk.now() - TimeDelta::hours(1)));
    again.run_all(Verdict::Pass)
}

#[tokio::test]
async fn a_run_in_parts_over_two_submissions_is_one_whole() {
    let app = TestApp::start().await;
    let (mut admin, site, mut desk) = enrolled(&app).await;
    let run = desk.run_all(Verdict::Pass);
    desk.submit_all(vec![run]).await;
    app.clock.advance(TimeDelta::minutes(5));
    // A whole run of two checks less, in two statements that arrive apart.
    let mut results: Vec<_> =
        Catalog::embedded().checks().iter().map(|check| result(&check.id, Verdict::Pass, "new")).collect();
    let dropped: Vec<_> = results.drain(..2).map(|r| r.check).collect();
    let second = results.split_off(results.len() / 2);
    for check in &dropped {
        desk.forget(check);
    }
    let part = desk.state(Body::CheckRun(CheckRun { results: results.clone(), state: None }));
    desk.submit_all(vec![part]).await;
    for known in results {
        desk.remember(known);
    }
    let rest = desk.run(second);
    desk.submit_all(vec![rest]).await;
    assert!(!desk.agent.check_in().await.resync);
    let assets = admin.get(&format!("/api/sites/{}/assets", site.id)).await.expect(200);
    assert_eq!(assets["items"][0]["checks"]["pass"], Catalog::embedded().checks().len() - 2);
}

#[tokio::test]
async fn any_day_in_the_past_is_as_it_was() {
    let app = TestApp::start().await;
    let (_, site, mut desk) = enrolled(&app).await;
    let mut moments = Vec::new();
    let run = desk.run_all(Verdict::Pass);
    desk.submit_all(vec![run]).await;
    for (verdict, observed) in [(Verdict::Pass, "no"), (Verdict::Fail, "yes"), (Verdict::Error, "")] {
        app.clock.advance(TimeDelta::hours(1));
        let change = desk.run(vec![result(ROOT_LOGIN, verdict, observed)]);
        desk.submit_all(vec![change]).await;
        moments.push((app.clock.now_text(), verdict.as_str(), observed));
    }
    app.clock.advance(TimeDelta::hours(30));
    let mut admin = app.admin().await;
    for (at, verdict, observed) in &moments {
        let then = admin.get(&format!("/api/sites/{}/posture?as_of={at}", site.id)).await.expect(200);
        let cell = check(&then, ROOT_LOGIN);
        assert_eq!((&cell["verdict"], &cell["observed"]), (&Value::from(*verdict), &Value::from(*observed)));
        assert_eq!(cell["freshness"], "fresh", "it was, then");
    }
    let at = &moments[2].0;
    let later =
        admin.get(&format!("/api/sites/{}/posture?as_of={}", site.id, hours_after(at, 10))).await.expect(200);
    assert_eq!(check(&later, ROOT_LOGIN)["freshness"], "stale", "nothing had been heard for hours");
    let early =
        admin.get(&format!("/api/sites/{}/posture?as_of=2026-11-22T08:00:00Z", site.id)).await.expect(200);
    assert_eq!(early["score"], Value::Null, "there was no machine yet");
    let future = format!("/api/sites/{}/posture?as_of=2030-01-01T00:00:00Z", site.id);
    assert_eq!(admin.get(&future).await.expect(422)["errors"][0]["code"], "in_the_future");
    admin.get(&format!("/api/sites/{}/posture?as_of=yesterday", site.id)).await.expect(422);
    admin.get(&format!("/api/sites/{}/posture?asset_id={}", site.id, site.id)).await.expect(422);
}

fn hours_after(at: &str, hours: i64) -> String {
    let at: chrono::DateTime<chrono::Utc> = at.parse().expect("a time");
    format_rfc3339(at + TimeDelta::hours(hours))
}

trait NowText {
    fn now_text(&self) -> String;
}

impl NowText for proofline_core::FixedClock {
    fn now_text(&self) -> String {
        format_rfc3339(proofline_core::Clock::now(self))
    }
}

#[tokio::test]
async fn what_could_not_be_measured_never_counts_as_good() {
    let app = TestApp::start().await;
    let (mut admin, site, mut desk) = enrolled(&app).await;
    for verdict in [Verdict::Unknown, Verdict::Error] {
        let run = desk.run_all(verdict);
        desk.submit_all(vec![run]).await;
        let page = posture(&mut admin, &site).await;
        assert_eq!((page["score"].as_f64(), page["coverage"].as_f64()), (Some(0.0), Some(0.0)));
        assert_eq!(control(&page, its_control())["state"], "not_assessed");
    }
    let run = desk.run_all(Verdict::NotApplicable);
    desk.submit_all(vec![run]).await;
    let page = posture(&mut admin, &site).await;
    assert_eq!(control(&page, its_control())["state"], "not_applicable");
    let overview = admin.get("/api/overview").await.expect(200);
    assert_eq!(overview["posture"]["pass"], 0);
    assert_eq!(overview["attention"][0]["kind"], "unmeasured");
    assert_eq!((&overview["attention_total"], &overview["attention_sites"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn sites_are_listed_worst_first_or_by_name_in_few_queries() {
    let app = TestApp::start().await;
    let mut admin = app.admin().await;
    for (name, verdict) in [("Alder", Verdict::Pass), ("Birch", Verdict::Fail), ("Cedar 100%", Verdict::Pass)]
    {
        let site = app.site(&mut admin, name).await;
        let mut desk = Desk::of(app.enrolled(&mut admin, &site).await, &app.clock);
        let run = desk.run_all(verdict);
        desk.submit_all(vec![run]).await;
    }
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|site| site["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let worst = admin.get("/api/sites?limit=1").await.expect(200);
    assert_eq!(names(&worst), ["Birch"]);
    let cursor = worst["next_cursor"].as_str().expect("there is more");
    let rest = admin.get(&format!("/api/sites?cursor={cursor}")).await.expect(200);
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(names(&admin.get("/api/sites?sort=name").await.expect(200)), ["Alder", "Birch", "Cedar 100%"]);
    assert_eq!(
        names(&admin.get("/api/sites?q=0%25").await.expect(200)),
        ["Cedar 100%"],
        "% is a letter here"
    );
    assert_eq!(names(&admin.get("/api/sites?q=CEDAR").await.expect(200)), ["Cedar 100%"]);
    admin.get("/api/sites?sort=(select%20pg_sleep(3))").await.expect(422);
    admin.get(&format!("/api/sites?sort=name&cursor={cursor}")).await.expect_problem(422, "invalid");
    app.clock.advance(TimeDelta::hours(4));
    let mut admin = app.admin().await;
    for path in ["/api/sites", "/api/overview"] {
        let reply = admin.get(path).await;
        reply.expect(200);
        assert!(reply.queries() <= 13, "{path}: {}", reply.queries());
    }
}
