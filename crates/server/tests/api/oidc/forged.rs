//! Identity tokens with one defect each: none lets anybody in, and none leaves anything but a denial.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Provider, Signed, Token, Visitor, app, begin, come_back, count, sent_to};

type Defect = (&'static str, &'static str, fn(&mut Token));

const DEFECTS: [Defect; 23] = [
    ("another issuer", "another issuer", |t| t.claims["iss"] = json!("https://accounts.google.com")),
    ("an issuer with a slash more", "another issuer", |t| {
        t.claims["iss"] = json!(format!("{}/", t.claims["iss"].as_str().unwrap_or_default()));
    }),
    ("another audience", "another audience", |t| t.claims["aud"] = json!("somebody-else")),
    ("an audience beside us", "another audience", |t| {
        t.claims["aud"] = json!(["proofline-test", "somebody-else"]);
    }),
    ("no audience", "another audience", |t| remove(t, "aud")),
    ("for another party", "another party", |t| t.claims["azp"] = json!("somebody-else")),
    ("expired", "expired", |t| t.claims["exp"] = json!(t.claims["iat"].as_i64().unwrap_or_default())),
    ("no expiry", "not a token", |t| remove(t, "exp")),
    ("issued tomorrow", "expired", |t| later(t, 86_400)),
    ("issued an hour ago", "expired", |t| later(t, -3_600)),
    ("another nonce", "another nonce", |t| t.claims["nonce"] = json!("another")),
    ("no nonce", "another nonce", |t| remove(t, "nonce")),
    ("no subject", "not a token", |t| remove(t, "sub")),
    ("an empty subject", "no subject", |t| t.claims["sub"] = json!("")),
    ("another access token", "another access token", |t| {
        t.claims["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA");
    }),
    ("not signed", "signature", |t| {
        (t.header, t.signed) = (json!({ "alg": "none" }), Signed::Not);
    }),
    ("not signed, saying it is", "signature", |t| t.signed = Signed::Not),
    ("signed by another key of the same name", "signature", |t| t.signed = Signed::ByAnotherKey),
    ("signed with the public key as a secret", "signature", |t| {
        (t.header["alg"], t.signed) = (json!("HS256"), Signed::WithThePublicKey);
    }),
    ("signed with the client secret", "signature", |t| {
        (t.header["alg"], t.signed) = (json!("HS256"), Signed::WithTheClientSecret);
    }),
    ("signed by a key that is not published", "unknown key", |t| {
        (t.header["kid"], t.signed) = (json!("elsewhere"), Signed::ByAnotherKey);
    }),
    ("with a key of its own", "signature", |t| {
        t.header["jwk"] = json!({ "kty": "EC", "crv": "P-256" });
        t.header["jku"] = json!("http://127.0.0.1:1/keys");
        t.signed = Signed::ByAnotherKey;
    }),
    ("with another algorithm than it is signed with", "unknown key", |t| t.header["alg"] = json!("RS256")),
];

fn remove(token: &mut Token, claim: &str) {
    token.claims.as_object_mut().map(|claims| claims.remove(claim));
}

fn later(token: &mut Token, seconds: i64) {
    let issued = token.claims["iat"].as_i64().unwrap_or_default();
    token.claims["iat"] = json!(issued + seconds);
    token.claims["exp"] = json!(issued + seconds.max(0) + 300);
}

#[tokio::test]
async fn no_forged_token_lets_anybody_in() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    let (known, unknown) = (Visitor::new("ada"), Visitor::new("eve"));
    provider.link(&mut admin, &known).await;
    let sessions = count(&app, "SELECT count(*) FROM session").await;
    let mut whys = Vec::new();
    for (defect, why, forge) in DEFECTS {
        for visitor in [&known, &unknown] {
            app.clock.advance(TimeDelta::milliseconds(10));
            let mut browser = app.anonymous();
            let back = provider.consent(&begin(&mut browser, &provider, json!({})).await, visitor, forge);
            let reply = come_back(&mut browser, &back).await;
            assert_eq!(sent_to(&reply), "/login?problem=token_refused", "{defect}");
            assert!(!browser.cookies.contains_key("__Host-session"), "{defect}");
            whys.push(why);
        }
    }
    assert_eq!(count(&app, "SELECT count(*) FROM session").await, sessions);
    assert_eq!(count(&app, "SELECT count(*) FROM oidc_approval").await, 0);
    let audit = admin.get("/api/audit?action=auth.oidc_login&limit=200").await.expect(200);
    let rows = audit["items"].as_array().expect("rows");
    whys.reverse();
    let recorded: Vec<&Value> = rows.iter().map(|row| &row["detail"]["why"]).collect();
    assert_eq!(recorded, whys, "each for its own defect");
    // The same without a defect is good.
    let mut browser = app.anonymous();
    let back = provider.consent(&begin(&mut browser, &provider, json!({})).await, &known, |_| {});
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/signed-in");
}

#[tokio::test]
async fn an_address_that_is_not_verified_is_no_address() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    for verified in [json!(false), json!("false"), Value::Null] {
        let visitor = Visitor { verified: verified.clone(), ..Visitor::new("eve") };
        let mut browser = app.anonymous();
        let back = provider.consent(&begin(&mut browser, &provider, json!({})).await, &visitor, |_| {});
        let end = sent_to(&come_back(&mut browser, &back).await);
        assert_eq!(end, "/login?problem=email_unverified", "{verified}");
        // Nor does it link.
        let begun =
            admin.post("/api/auth/identities/link", json!({ "provider_id": provider.id })).await.expect(200);
        let url = begun["authorization_url"].as_str().expect("an address");
        let back = provider.consent(url, &visitor, |_| {});
        let end = sent_to(&come_back(&mut admin, &back).await);
        assert_eq!(end, "/account?problem=email_unverified", "{verified}");
    }
    // The sign for kelvin is a k in lower case.
    let visitor = Visitor { email: "eve@\u{212a}linic.example".to_owned(), ..Visitor::new("eve") };
    let mut browser = app.anonymous();
    let back = provider.consent(&begin(&mut browser, &provider, json!({})).await, &visitor, |_| {});
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/login?problem=email_unverified");
    for email in [
        "eve@evil.example",
        "eve@evilclinic.example",
        "eve@sub.clinic.example",
        "eve@clinic.example.evil.example",
    ] {
        let visitor = Visitor { email: email.to_owned(), ..Visitor::new("eve") };
        let mut browser = app.anonymous();
        let back = provider.consent(&begin(&mut browser, &provider, json!({})).await, &visitor, |_| {});
        assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/login?problem=not_linked", "{email}");
    }
    assert_eq!(count(&app, "SELECT count(*) FROM oidc_approval").await, 0);
    assert_eq!(count(&app, "SELECT count(*) FROM oidc_identity").await, 0);
}

#[tokio::test]
async fn the_address_of_a_member_of_staff_makes_nobody_that_member() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::run(&app).await;
    let provider = provider.configure(&mut admin, json!({ "allowed_domains": ["staff.example"] })).await;
    let email = app.person(proofline_core::Role::StaffAdmin).await;
    let visitor = Visitor { email, ..Visitor::new("eve") };
    let approval = provider.waiting(&mut admin, &visitor).await;
    let path = format!("/api/oidc/approvals/{approval}/approve");
    admin.post(&path, json!({ "role": "staff_readonly" })).await.expect_problem(409, "email_taken");
    assert_eq!(count(&app, "SELECT count(*) FROM oidc_identity").await, 0);
}

#[tokio::test]
async fn an_introduction_at_the_userinfo_endpoint_counts_if_it_is_about_the_same_person() {
    let app = app().await;
    let mut admin = app.admin().await;
    let provider = Provider::configured(&app, &mut admin).await;
    provider.reserve();
    let approval = provider.waiting(&mut admin, &Visitor::new("eve")).await;
    let waiting = admin.get("/api/oidc/approvals").await.expect(200);
    assert_eq!(waiting["items"][0]["id"], approval.as_str());
    assert_eq!(waiting["items"][0]["email"], "eve@clinic.example");
    assert_eq!(waiting["items"][0]["name"], "Dr eve");
    // The token is about somebody else than the introduction.
    let mut browser = app.anonymous();
    let url = begin(&mut browser, &provider, json!({})).await;
    let back = provider.consent(&url, &Visitor::new("bob"), |token| token.claims["sub"] = json!("mallory"));
    assert_eq!(sent_to(&come_back(&mut browser, &back).await), "/login?problem=email_unverified");
}
