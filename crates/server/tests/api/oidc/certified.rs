//! Against a certified provider: its login page, its consent page, its keys, its way of answering.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use proofline_core::Clock as _;
use proofline_testkit::{Browser, TestApp};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use url::Url;

use super::{app, come_back, sent_to};

const CALLBACK: &str = "https://compliance.example/api/auth/oidc/callback";

/// Ends with the test: its standard input does.
struct Certified {
    issuer: String,
    _process: Child,
    /// It goes on writing: nobody to write to would be its end.
    _says: Lines<BufReader<ChildStdout>>,
}

impl Certified {
    async fn run() -> Self {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
        assert!(
            web.join("node_modules/oidc-provider").is_dir(),
            "the provider for tests is not installed: run `make web`"
        );
        let mut process = Command::new("node")
            .args(["scripts/openid-provider.mjs", CALLBACK])
            .current_dir(web)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("node is installed");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let issuer = lines.next_line().await.expect("reads").expect("it says where it is");
        Self { issuer, _process: process, _says: lines }
    }
}

/// A person at the provider's pages.
#[derive(Default)]
struct Visit {
    cookies: BTreeMap<String, String>,
}

impl Visit {
    async fn send(&mut self, method: Method, url: &Url, form: Option<String>) -> (HeaderMap, String) {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookies.join("; "));
        if form.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let body = Full::new(Bytes::from(form.unwrap_or_default()));
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let answer = client.request(request.body(body).expect("a request")).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().expect("text").split(';').next().unwrap_or_default();
            let (name, value) = text.split_once('=').expect("a pair");
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let page = body.collect().await.expect("a body").to_bytes();
        (parts.headers, String::from_utf8_lossy(&page).into_owned())
    }

    /// Follows redirects and fills in forms until the provider sends the browser back to us.
    async fn sign_in(&mut self, authorization_url: &str, login: &str) -> String {
        let mut url = Url::parse(authorization_url).expect("an address");
        let mut form = None;
        let mut pages = Vec::new();
        for _ in 0..12 {
            let method = if form.is_some() { Method::POST } else { Method::GET };
            let (headers, page) = self.send(method, &url, form.take()).await;
            if let Some(location) = headers.get(header::LOCATION) {
                url = url.join(location.to_str().expect("text")).expect("an address");
                if url.as_str().starts_with(CALLBACK) {
                    assert_eq!(pages, ["login", "consent"], "both pages were shown");
                    return format!("{}?{}", url.path(), url.query().unwrap_or_default());
                }
                continue;
            }
            let prompt =
                attribute(&page, "name=\"prompt\" value=\"").unwrap_or_else(|| panic!("no form: {page}"));
            let action = attribute(&page, "action=\"").expect("a form has an action");
            url = url.join(&action).expect("an address");
            form = Some(format!("prompt={prompt}&login={login}&password=anything"));
            pages.push(prompt);
        }
        panic!("it goes round in circles");
    }
}

fn attribute(page: &str, before: &str) -> Option<String> {
    page.split(before).nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
}

/// The provider has a real clock, so this installation is set to it.
fn set_to_now(app: &TestApp) {
    #[expect(clippy::disallowed_methods, reason = "another program's clock is the system's")]
    let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now());
    app.clock.advance(now - app.clock.now());
}

async fn begin(browser: &mut Browser, path: &str, body: serde_json::Value) -> String {
    let begun = browser.post(path, body).await.expect(200);
    begun["authorization_url"].as_str().expect("an address").to_owned()
}

#[tokio::test]
async fn a_certified_provider_lets_people_in_through_its_login_and_consent_pages() {
    let app = app().await;
    set_to_now(&app);
    let mut admin = app.admin().await;
    let certified = Certified::run().await;
    let body = json!({ "name": "Certified", "kind": "openid", "issuer": certified.issuer,
        "client_id": "proofline-test", "client_secret": "melon ferry thirteen",
        "allowed_domains": ["clinic.example"] });
    let provider = admin.post("/api/oidc/providers", body).await.expect(201)["id"].clone();
    let start = format!("/api/auth/providers/{}/start", provider.as_str().expect("an id"));

    // Nobody knows them yet.
    let mut browser = app.anonymous();
    let url = begin(&mut browser, &start, json!({})).await;
    let back = Visit::default().sign_in(&url, "eve").await;
    assert!(back.contains("iss="), "it names itself");
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/login?problem=awaiting_approval");
    let waiting = admin.get("/api/oidc/approvals").await.expect(200);
    assert_eq!(waiting["items"][0]["email"], "eve@clinic.example");
    assert_eq!(waiting["items"][0]["name"], "Dr eve");
    let path = format!("/api/oidc/approvals/{}/approve", waiting["items"][0]["id"].as_str().expect("an id"));
    admin.post(&path, json!({ "role": "staff_operator" })).await.expect(200);

    let url = begin(&mut browser, &start, json!({ "return_to": "/sites" })).await;
    let back = Visit::default().sign_in(&url, "eve").await;
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/sites");
    let session = browser.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["name"], "Dr eve");
    // What was used is used up, here and there.
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/login?problem=flow_unknown");

    // Somebody who is here already links themselves, and comes in that way.
    let link = begin(&mut admin, "/api/auth/identities/link", json!({ "provider_id": provider })).await;
    let back = Visit::default().sign_in(&link, "ada").await;
    assert_eq!(sent_to(&come_back(&mut admin, &back).await), "/account");
    let mut other = app.anonymous();
    let url = begin(&mut other, &start, json!({})).await;
    let back = Visit::default().sign_in(&url, "ada").await;
    assert_eq!(sent_to(&come_back(&mut other, &back).await), "/signed-in");
    assert_eq!(other.get("/api/auth/session").await.expect(200)["user"]["role"], "staff_admin");

    // A state that the provider never saw, and one with another's code.
    let url = begin(&mut other, &start, json!({})).await;
    let mine = Visit::default().sign_in(&url, "ada").await;
    let url = begin(&mut browser, &start, json!({})).await;
    let theirs = Visit::default().sign_in(&url, "eve").await;
    let code = |path: &str| attribute(&path.replace('&', "\""), "code=").expect("a code");
    let injected = theirs.replace(&code(&theirs), &code(&mine));
    assert_eq!(sent_to(&come_back(&mut browser, &injected).await), "/login?problem=token_refused");
}
