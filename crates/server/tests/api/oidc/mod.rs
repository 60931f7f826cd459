//! Signing in with OpenID providers: against one that says whatever a test has it say, and against a certified one.

mod approvals;
mod certified;
mod flow;
mod forged;
mod links;
mod manage;
mod provider;

pub(crate) use provider::{Provider, Signed, Token, Visitor};

use proofline_server::Stage;
use proofline_testkit::{Browser, Reply, TestApp};
use serde_json::{Value, json};

/// An installation that may go to a provider on this machine.
async fn app() -> TestApp {
    app_with_pool(5).await
}

async fn app_with_pool(connections: u32) -> TestApp {
    TestApp::start_with(connections, |settings| {
        settings.stage = Stage::Development;
        settings.rate_scale = 1_000;
    })
    .await
}

/// Begins to sign in; the address that the browser is sent to.
async fn begin(browser: &mut Browser, provider: &Provider, body: Value) -> String {
    let path = format!("/api/auth/providers/{}/start", provider.id);
    let begun = browser.post(&path, body).await.expect(200);
    begun["authorization_url"].as_str().expect("an address").to_owned()
}

/// Comes back from a provider, as a browser does: without its strict cookies.
async fn come_back(browser: &mut Browser, path: &str) -> Reply {
    let kept = browser.cookies.clone();
    browser.cookies.retain(|name, _| name == "__Host-oidc");
    let reply = browser.get(path).await;
    for (name, value) in kept {
        browser.cookies.entry(name).or_insert(value);
    }
    reply
}

/// Where an answer sends the browser.
#[track_caller]
fn sent_to(reply: &Reply) -> String {
    assert_eq!(reply.status.as_u16(), 303, "{}", String::from_utf8_lossy(&reply.bytes));
    reply.headers["location"].to_str().expect("text").to_owned()
}

/// Signs in from the start to the end; where the browser ends up.
async fn sign_in(browser: &mut Browser, provider: &Provider, visitor: &Visitor) -> String {
    let url = begin(browser, provider, json!({})).await;
    let back = provider.consent(&url, visitor, |_| {});
    sent_to(&come_back(browser, &back).await)
}

/// How many rows a table has.
async fn count(app: &TestApp, sql: &'static str) -> i64 {
    let mut superuser = app.database.superuser().await;
    sqlx::query_scalar(sql).fetch_one(&mut superuser).await.expect("counts")
}
