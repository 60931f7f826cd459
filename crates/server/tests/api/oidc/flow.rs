//! The way there and back: whose browser, which provider, once, in time, and to a page of ours.

use chrono::TimeDelta;
use proofline_core::{Role, SessionId};
use proofline_testkit::logs;
use serde_json::json;

use super::{Provider, Visitor, app, app_with_pool, begin, come_back, count, sent_to, sign_in};

#[tokio::test]
async fn whoever_is_linked_signs_in_and_their_earlier_session_ends() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let offered = app.anonymous().get("/api/auth/providers").await.expect(200);
    assert_eq!(offered["items"][0]["id"], provider.id.as_str());
    assert_eq!(offered["items"][0].as_object().map(serde_json::Map::len), Some(3), "and nothing else of it");
    let email = app.person(Role::StaffOperator).await;
    let mut browser = app.sign_in(&email).await;
    let visitor = Visitor::new("ada");
    provider.link(&mut browser, &visitor).await;
    let before = browser.clone();
    assert_eq!(sign_in(&mut browser, &provider, &visitor).await, "/signed-in");
    let session = browser.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["role"], "staff_operator");
    assert_ne!(before.cookies["__Host-session"], browser.cookies["__Host-session"]);
    before.clone().get("/api/auth/session").await.expect_problem(401, "no_session");
    // The new session is as good as any: it writes.
    browser.post_empty("/api/auth/logout").await.expect(204);
    let audit = admin.get("/api/audit?action=auth.oidc_login").await.expect(200);
    let rows = audit["items"].as_array().expect("rows");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["outcome"], "done");
    assert_eq!(rows[0]["actor_name"], "Test staff_operator");
    let started = rows[0]["resource"].as_str().expect("a session");
    assert!(started.parse::<SessionId>().is_ok(), "{started}");
}

#[tokio::test]
async fn it_works_with_one_connection_to_the_database() {
    let app = app_with_pool(1).await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    provider.link(&mut admin, &Visitor::new("ada")).await;
    assert_eq!(sign_in(&mut app.anonymous(), &provider, &Visitor::new("ada")).await, "/signed-in");
    provider.waiting(&mut admin, &Visitor::new("eve")).await;
}

#[tokio::test]
async fn a_state_is_good_once_in_its_browser_and_for_ten_minutes() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let visitor = Visitor::new("ada");
    provider.link(&mut admin, &visitor).await;
    let unknown = "/login?problem=flow_unknown";

    let mut browser = app.anonymous();
    let back = provider.consent(&begin(&mut browser, &provider, json!({})).await, &visitor, |_| {});
    // Sent to somebody else, who is to end up in the account of whoever sent it.
    let mut other = app.anonymous();
    assert_eq!(sent_to(&other.get(&back).await), unknown);
    begin(&mut other, &provider, json!({})).await;
    assert_eq!(sent_to(&come_back(&mut other, &back).await), unknown, "nor with a flow of their own");
    // That took nothing away; the second time does.
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/signed-in");
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), unknown);
    for made_up in ["", "?code=x", "?state=abc&code=x", &format!("?state={}&code=x", "0".repeat(64))] {
        let path = format!("/api/auth/oidc/callback{made_up}");
        assert_eq!(sent_to(&come_back(&mut browser, &path).await), unknown, "{made_up}");
    }
    let back = provider.consent(&begin(&mut browser, &provider, json!({})).await, &visitor, |_| {});
    app.clock.advance(TimeDelta::minutes(10));
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), unknown);
    assert!(count(&app, "SELECT count(*) FROM oidc_flow").await > 0);
    app.run_job("openid").await;
    assert_eq!(count(&app, "SELECT count(*) FROM oidc_flow").await, 0);
}

#[tokio::test]
async fn of_twenty_returns_at_once_one_is_let_in() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let visitor = Visitor::new("ada");
    provider.link(&mut admin, &visitor).await;
    let mut browser = app.anonymous();
    let back = provider.consent(&begin(&mut browser, &provider, json!({})).await, &visitor, |_| {});
    let sessions = count(&app, "SELECT count(*) FROM session").await;
    let returns = (0..20).map(|_| {
        let (mut browser, back) = (browser.clone(), back.clone());
        async move { sent_to(&browser.get(&back).await) }
    });
    let ends = futures_util::future::join_all(returns).await;
    assert_eq!(ends.iter().filter(|end| *end == "/signed-in").count(), 1, "{ends:?}");
    assert_eq!(count(&app, "SELECT count(*) FROM session").await, sessions + 1);
}

#[tokio::test]
async fn two_tabs_finish_by_themselves() {
    let app = app().await;
    let mut admin = app.admin().await;
    let (one, two) =
        (Provider::configured(&app, &mut admin).await, Provider::configured(&app, &mut admin).await);
    let visitor = Visitor::new("ada");
    one.link(&mut admin, &visitor).await;
    two.link(&mut admin, &visitor).await;
    let mut browser = app.anonymous();
    let first = begin(&mut browser, &one, json!({ "return_to": "/sites" })).await;
    let second = begin(&mut browser, &two, json!({ "return_to": "/audit" })).await;
    let second = two.consent(&second, &visitor, |_| {});
    assert_eq!(sent_to(&come_back(&mut browser, &second).await), "/audit");
    let first = one.consent(&first, &visitor, |_| {});
    assert_eq!(sent_to(&come_back(&mut browser, &first).await), "/sites");
    browser.get("/api/auth/session").await.expect(200);
}

#[tokio::test]
async fn one_providers_answer_is_not_taken_to_another() {
    let app = app().await;
    let mut admin = app.admin().await;
    let (honest, evil) =
        (Provider::configured(&app, &mut admin).await, Provider::configured(&app, &mut admin).await);
    let visitor = Visitor::new("ada");
    honest.link(&mut admin, &visitor).await;
    let refused = "/login?problem=token_refused";
    // The state of a flow to the evil one, with the honest one's code and name.
    let mut browser = app.anonymous();
    let to_evil = begin(&mut browser, &evil, json!({})).await;
    let to_honest = begin(&mut browser, &honest, json!({})).await;
    let state =
        |path: &str| path.split("state=").nth(1).and_then(|rest| rest.split('&').next()).map(str::to_owned);
    let back = honest.consent(&to_honest, &visitor, |_| {});
    let mixed = back.replace(&state(&back).expect("a state"), &state(&to_evil).expect("a state"));
    assert_eq!(sent_to(&come_back(&mut browser, &mixed).await), refused);
    app.clock.advance(TimeDelta::milliseconds(10));
    // Without a name, from one that says that it always gives it.
    let nameless = back.split("&iss=").next().expect("the rest").to_owned();
    assert_eq!(sent_to(&come_back(&mut browser, &nameless).await), refused);
    let audit = admin.get("/api/audit?action=auth.oidc_login").await.expect(200);
    let whys: Vec<_> =
        audit["items"].as_array().expect("rows").iter().map(|row| &row["detail"]["why"]).collect();
    assert_eq!(whys, ["sent by nobody", "sent by another issuer"]);
    assert!(audit["items"].as_array().expect("rows").iter().all(|row| row["outcome"] == "denied"));
}

#[tokio::test]
async fn whoever_changes_their_mind_or_is_refused_there_comes_back_with_a_reason() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let mut browser = app.anonymous();
    let back =
        provider.consent(&begin(&mut browser, &provider, json!({})).await, &Visitor::new("ada"), |_| {});
    let said = back.replace("?code=", "?error=access_denied&error_description=%3Cscript%3E&x=");
    assert_eq!(sent_to(&come_back(&mut browser, &said).await), "/login?problem=provider_refused");
    // A code that the provider does not know.
    let back =
        provider.consent(&begin(&mut browser, &provider, json!({})).await, &Visitor::new("ada"), |_| {});
    let guessed = back.replace("?code=", "?code=another-");
    assert_eq!(sent_to(&come_back(&mut browser, &guessed).await), "/login?problem=token_refused");
}

#[tokio::test]
async fn nobody_is_sent_out_of_here() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let visitor = Visitor::new("ada");
    provider.link(&mut admin, &visitor).await;
    let path = format!("/api/auth/providers/{}/start", provider.id);
    for evil in [
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/%09/evil.example",
        "/%5cevil.example",
        "https://evil.example/sites",
        "https://compliance.example/sites",
        "javascript:alert(1)",
        "/api/auth/logout",
        "evil",
        "",
    ] {
        let refused = app.anonymous().post(&path, json!({ "return_to": evil })).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], "return_to", "{evil:?}");
    }
    let mut browser = app.anonymous();
    let url = begin(&mut browser, &provider, json!({ "return_to": "/sites/../incidents?state=all#x" })).await;
    let back = provider.consent(&url, &visitor, |_| {});
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/incidents?state=all");
    // What was put into the database by somebody else is not followed either.
    let url = begin(&mut browser, &provider, json!({ "return_to": "/sites" })).await;
    let mut superuser = app.database.superuser().await;
    sqlx::query("UPDATE oidc_flow SET return_to = '//evil.example'")
        .execute(&mut superuser)
        .await
        .expect("runs");
    let back = provider.consent(&url, &visitor, |_| {});
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/signed-in");
}

#[tokio::test]
async fn what_a_provider_says_of_itself_is_remembered_until_it_signs_with_another_key() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let visitor = Visitor::new("ada");
    provider.link(&mut admin, &visitor).await;
    assert_eq!(sign_in(&mut app.anonymous(), &provider, &visitor).await, "/signed-in");
    assert_eq!(provider.discoveries(), 1);
    provider.rotate();
    assert_eq!(
        sign_in(&mut app.anonymous(), &provider, &visitor).await,
        "/login?problem=token_refused",
        "its keys were read a moment ago"
    );
    app.clock.advance(TimeDelta::seconds(31));
    assert_eq!(sign_in(&mut app.anonymous(), &provider, &visitor).await, "/signed-in");
    assert_eq!(provider.discoveries(), 2);
    app.clock.advance(TimeDelta::minutes(11));
    assert_eq!(sign_in(&mut app.anonymous(), &provider, &visitor).await, "/signed-in");
    assert_eq!(provider.discoveries(), 3);
}

#[tokio::test]
async fn the_database_holds_nothing_that_finishes_a_flow() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let mut browser = app.anonymous();
    let url = begin(&mut browser, &provider, json!({})).await;
    let mut superuser = app.database.superuser().await;
    let rows: String = sqlx::query_scalar(
        "SELECT string_agg(f::text, ' ') || ' ' || (SELECT string_agg(p::text, ' ') FROM oidc_provider p) FROM oidc_flow f",
    )
    .fetch_one(&mut superuser)
    .await
    .expect("reads");
    for (name, value) in url::Url::parse(&url).expect("an address").query_pairs() {
        if ["state", "nonce", "code_challenge"].contains(&&*name) {
            assert!(!rows.contains(&*value), "{name}");
        }
    }
    assert!(!rows.contains(&browser.cookies["__Host-oidc"]) && !rows.contains("melon ferry"), "{rows}");
}

#[tokio::test]
async fn a_provider_that_is_off_or_unreachable_says_so() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let visitor = Visitor::new("ada");
    provider.link(&mut admin, &visitor).await;
    let mut browser = app.anonymous();
    let back = provider.consent(&begin(&mut browser, &provider, json!({})).await, &visitor, |_| {});
    let path = format!("/api/oidc/providers/{}", provider.id);
    admin.patch(&path, json!({ "enabled": false })).await.expect(200);
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/login?problem=provider_gone");
    let start = format!("/api/auth/providers/{}/start", provider.id);
    app.anonymous().post(&start, json!({})).await.expect_problem(404, "not_found");
    assert_eq!(app.anonymous().get("/api/auth/providers").await.expect(200)["items"], json!([]));
    // Nobody listens on port 1.
    let body =
        json!({ "name": "Nobody", "kind": "openid", "issuer": "http://127.0.0.1:1", "client_id": "x" });
    let added = admin.post("/api/oidc/providers", body).await.expect(201);
    let start = format!("/api/auth/providers/{}/start", added["id"].as_str().expect("an id"));
    app.anonymous().post(&start, json!({})).await.expect_problem(503, "provider_unavailable");
}

/// What is secret in it is named where it is made; every test looks through its log at its end, and this one logs all.
#[tokio::test]
async fn nothing_of_a_flow_is_logged_whatever_is_turned_on() {
    logs::capture(logs::LOUD);
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let visitor = Visitor::new("ada");
    for secret in [&visitor.subject, &visitor.email, &visitor.name] {
        logs::must_not_hold(secret);
    }
    provider.reserve();
    provider.link(&mut admin, &visitor).await;
    assert_eq!(sign_in(&mut app.anonymous(), &provider, &visitor).await, "/signed-in");
    let mut browser = app.anonymous();
    let url = begin(&mut browser, &provider, json!({})).await;
    let back = provider.consent(&url, &visitor, |token| token.claims["nonce"] = json!("another"));
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/login?problem=token_refused");
    assert!(logs::text().contains("sign-in refused"));
}
