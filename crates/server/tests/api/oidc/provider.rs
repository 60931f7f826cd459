//! A provider on loopback that signs what a test wants signed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use proofline_core::{Clock as _, FixedClock};
use proofline_testkit::{Browser, TestApp, logs};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use url::Url;

use super::{begin, come_back, sent_to};

const CLIENT: &str = "proofline at the test's";
const CLIENT_ID: &str = "proofline-test";
const CLIENT_SECRET: &str = "melon ferry thirteen";
const ACCESS_TOKEN: &str = "access-4Ngxk0y5QmM8";

/// Somebody who has an account there.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) subject: String,
    pub(crate) email: String,
    pub(crate) verified: Value,
    pub(crate) name: String,
}

impl Visitor {
    /// With a verified address of an allowed domain.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            subject: format!("subject of {name}"),
            email: format!("{name}@clinic.example"),
            verified: json!(true),
            name: format!("Dr {name}"),
        }
    }
}

/// An identity token about to be signed.
pub(crate) struct Token {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) signed: Signed,
}

/// How it is signed.
pub(crate) enum Signed {
    Properly,
    ByAnotherKey,
    Not,
    /// With HMAC, the public key being the secret that everybody knows.
    WithThePublicKey,
    WithTheClientSecret,
}

type Alter = Box<dyn FnOnce(&mut Token) + Send>;

struct Grant {
    challenge: String,
    nonce: String,
    visitor: Visitor,
    alter: Alter,
}

struct Inner {
    clock: FixedClock,
    issuer: String,
    key: Mutex<Key>,
    grants: Mutex<HashMap<String, Grant>>,
    /// Whom the access token is about.
    introduced: Mutex<Option<Value>>,
    /// Whether addresses are told at the userinfo endpoint alone.
    reserved: Mutex<bool>,
    discoveries: Mutex<u32>,
    codes: Mutex<u32>,
}

struct Key {
    id: String,
    pair: EcdsaKeyPair,
}

impl Key {
    fn fresh(id: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self { id: id.to_owned(), pair: pair.expect("the key just made") }
    }

    fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(&SystemRandom::new(), message).expect("signs").as_ref().to_vec()
    }
}

/// The provider, as it is configured in an installation.
#[derive(Clone)]
pub(crate) struct Provider {
    /// Its id there.
    pub(crate) id: String,
    inner: Arc<Inner>,
}

impl Provider {
    /// Runs until the test ends, in no installation yet.
    pub(crate) async fn run(app: &TestApp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let issuer = format!("http://{}", listener.local_addr().expect("bound"));
        let inner = Arc::new(Inner {
            clock: app.clock.clone(),
            issuer,
            key: Mutex::new(Key::fresh("one")),
            grants: Mutex::default(),
            introduced: Mutex::default(),
            reserved: Mutex::default(),
            discoveries: Mutex::default(),
            codes: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        for secret in [CLIENT_SECRET, ACCESS_TOKEN] {
            logs::must_not_hold(secret);
        }
        Self { id: String::new(), inner }
    }

    /// Runs, and is configured for the whole installation.
    pub(crate) async fn configured(app: &TestApp, admin: &mut Browser) -> Self {
        Self::run(app).await.configure(admin, json!({})).await
    }

    /// Is configured by somebody, with what differs from usual.
    pub(crate) async fn configure(mut self, by: &mut Browser, differs: Value) -> Self {
        let mut body = json!({ "name": CLIENT, "kind": "openid", "issuer": self.issuer(), "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET, "allowed_domains": ["clinic.example"] });
        for (name, value) in differs.as_object().expect("fields") {
            body[name] = value.clone();
        }
        let added = by.post("/api/oidc/providers", body).await.expect(201);
        added["id"].as_str().expect("an id").clone_into(&mut self.id);
        self
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    pub(crate) fn discoveries(&self) -> u32 {
        *self.inner.discoveries.lock().expect("a count")
    }

    /// From now on tells addresses at the userinfo endpoint alone.
    pub(crate) fn reserve(&self) {
        *self.inner.reserved.lock().expect("a flag") = true;
    }

    /// Signs with another key from now on, and publishes that one alone.
    pub(crate) fn rotate(&self) {
        *self.inner.key.lock().expect("a key") = Key::fresh("two");
    }

    /// Somebody agrees to what the address asks: the path that their browser comes back on.
    pub(crate) fn consent(
        &self,
        authorization_url: &str,
        visitor: &Visitor,
        alter: impl FnOnce(&mut Token) + Send + 'static,
    ) -> String {
        let url = Url::parse(authorization_url).expect("an address");
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert!(authorization_url.starts_with(&format!("{}/authorize?", self.issuer())));
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], CLIENT_ID);
        assert_eq!(query["code_challenge_method"], "S256");
        let redirect = Url::parse(&query["redirect_uri"]).expect("an address");
        assert_eq!(redirect.as_str(), "https://compliance.example/api/auth/oidc/callback");
        let code = {
            let mut codes = self.inner.codes.lock().expect("a count");
            *codes += 1;
            format!("code-{}-9dV2kq", *codes)
        };
        for secret in [&code, &query["state"], &query["nonce"]] {
            logs::must_not_hold(secret);
        }
        let grant = Grant {
            challenge: query["code_challenge"].clone(),
            nonce: query["nonce"].clone(),
            visitor: visitor.clone(),
            alter: Box::new(alter),
        };
        self.inner.grants.lock().expect("grants").insert(code.clone(), grant);
        let iss: String = url::form_urlencoded::byte_serialize(self.issuer().as_bytes()).collect();
        format!("{}?code={code}&state={}&iss={iss}", redirect.path(), query["state"])
    }

    /// Links somebody who is signed in.
    pub(crate) async fn link(&self, browser: &mut Browser, visitor: &Visitor) {
        let begun = browser.post("/api/auth/identities/link", json!({ "provider_id": self.id })).await;
        let url = begun.expect(200)["authorization_url"].as_str().expect("an address").to_owned();
        let back = self.consent(&url, visitor, |_| {});
        assert_eq!(sent_to(&come_back(browser, &back).await), "/account");
    }

    /// Somebody unknown asks to be let in: the id of their request.
    pub(crate) async fn waiting(&self, admin: &mut Browser, visitor: &Visitor) -> String {
        let mut browser = admin.clone();
        browser.cookies.clear();
        let url = begin(&mut browser, self, json!({})).await;
        let back = self.consent(&url, visitor, |_| {});
        assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/login?problem=awaiting_approval");
        let waiting = admin.get("/api/oidc/approvals").await.expect(200);
        waiting["items"][0]["id"].as_str().expect("somebody waits").to_owned()
    }
}

async fn discovery(State(inner): State<Arc<Inner>>) -> Json<Value> {
    *inner.discoveries.lock().expect("a count") += 1;
    let issuer = &inner.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn keys(State(inner): State<Arc<Inner>>) -> Json<Value> {
    let key = inner.key.lock().expect("a key");
    let (x, y) = key.public()[1..].split_at(32);
    Json(json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key.id,
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) }] }))
}

async fn token(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    let refused = |why: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": why })));
    let basic = STANDARD.encode(format!("{CLIENT_ID}:{}", CLIENT_SECRET.replace(' ', "+")));
    if headers.get("authorization").is_none_or(|value| *value != *format!("Basic {basic}")) {
        return refused("invalid_client");
    }
    let grant = inner.grants.lock().expect("grants").remove(&form["code"]);
    let Some(grant) = grant else { return refused("invalid_grant") };
    if URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"])) != grant.challenge {
        return refused("invalid_grant");
    }
    let token = inner.token(grant);
    logs::must_not_hold(&token);
    (
        StatusCode::OK,
        Json(
            json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 60, "id_token": token }),
        ),
    )
}

async fn userinfo(State(inner): State<Arc<Inner>>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let bearer = format!("Bearer {ACCESS_TOKEN}");
    let introduced = inner.introduced.lock().expect("somebody").clone();
    match introduced.filter(|_| headers.get("authorization").is_some_and(|value| *value == *bearer)) {
        Some(introduced) => (StatusCode::OK, Json(introduced)),
        None => (StatusCode::UNAUTHORIZED, Json(json!({}))),
    }
}

impl Inner {
    fn token(&self, grant: Grant) -> String {
        let (key, visitor, now) =
            (self.key.lock().expect("a key"), grant.visitor, self.clock.now().timestamp());
        let introduction = json!({ "sub": visitor.subject, "email": visitor.email,
            "email_verified": visitor.verified, "name": visitor.name });
        let half = &Sha256::digest(ACCESS_TOKEN)[..16];
        let mut claims = json!({ "iss": self.issuer, "aud": CLIENT_ID, "exp": now + 300, "iat": now,
            "nonce": grant.nonce, "sub": visitor.subject, "at_hash": URL_SAFE_NO_PAD.encode(half) });
        if !*self.reserved.lock().expect("a flag") {
            for (name, value) in introduction.as_object().expect("claims") {
                claims[name] = value.clone();
            }
        }
        *self.introduced.lock().expect("somebody") = Some(introduction);
        let header = json!({ "alg": "ES256", "kid": key.id, "typ": "JWT" });
        let mut token = Token { header, claims, signed: Signed::Properly };
        (grant.alter)(&mut token);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&token.header), part(&token.claims));
        let hmac = |secret: &[u8]| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
            mac.update(message.as_bytes());
            mac.finalize().into_bytes().to_vec()
        };
        let signature = match token.signed {
            Signed::Properly => key.sign(message.as_bytes()),
            Signed::ByAnotherKey => Key::fresh("one").sign(message.as_bytes()),
            Signed::Not => Vec::new(),
            Signed::WithThePublicKey => hmac(key.public()),
            Signed::WithTheClientSecret => hmac(CLIENT_SECRET.as_bytes()),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
