// DRAFT: no `mod matrix;` in main.rs yet. It was never compiled and never run, and proves nothing until it is.
//! Everybody of one tenant calls every route with the ids of another: each is answered as an id that nothing has, byte for
//! byte, and nothing is changed.
//!
//! A new route fails here until [`ids`] knows its path parameters and [`body`] what it is sent.

use std::collections::BTreeMap;

use axum::http::Method;
use proofline_authz::permissions_of;
use proofline_server::{Access, RouteEntry};
use proofline_testkit::{Browser, Reply, TestApp};
use serde_json::{Value, json};

use crate::tenant::{ITS_ROLES, Tenant};

/// By the name of a parameter or a field, the id that a tenant has for it.
type Ids = BTreeMap<&'static str, String>;

/// The part of an id behind its kind that nothing has.
const NOTHING: &str = "01h455vb4pex5vsknk084sn02q";

/// Routes without an id of a tenant in their path that name a parent in their body.
const NAMES_A_PARENT: [(&str, &str, &[&str]); 4] = [
    ("POST", "/api/organisations", &["partner_id"]),
    ("POST", "/api/sites", &["org_id"]),
    ("POST", "/api/invitations", &["org_id", "partner_id"]),
    ("POST", "/api/oidc/providers", &["org_id", "partner_id"]),
];

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

/// What a tenant has for every path parameter and for every parent that a body or a query names.
async fn ids(app: &TestApp, admin: &mut Browser, tenant: &Tenant) -> Ids {
    let email = &tenant.people[&proofline_core::Role::PracticeOwner];
    let mut owner = app.sign_in(email).await;
    let user = crate::people::id_of(admin, email).await;
    let session = id_of(&owner.get("/api/auth/sessions").await.expect(200)["items"][0]);
    app.token(&mut owner, &["site.read"]).await;
    let token = id_of(&owner.get("/api/tokens").await.expect(200)["items"][0]);
    app.add_passkey(&mut owner, &mut app.authenticator()).await;
    let passkey = id_of(&owner.get("/api/auth/factors").await.expect(200)["passkeys"][0]);
    let appliance = tenant.agent.identity().appliance.to_string();
    let secret = json!({ "name": "nas", "username": "backup", "secret": "plum" });
    let credential = admin.post(&format!("/api/appliances/{appliance}/credentials"), secret).await;
    let invited = json!({
        "email": format!("{}@staff.example", tenant.name.to_lowercase()),
        "role": "practice_viewer", "org_id": tenant.site.org
    });
    let invitation = admin.post("/api/invitations", invited).await;
    let provider = json!({
        "name": format!("Door of {}", tenant.name), "kind": "google", "client_id": "ours",
        "issuer": "https://accounts.google.com", "client_secret": "pear lorry twelve", "org_id": tenant.site.org
    });
    let provider = admin.post("/api/oidc/providers", provider).await;
    let mail = id_of(&admin.get("/api/mail").await.expect(200)["items"][0]);
    BTreeMap::from([
        ("partner_id", tenant.site.partner.to_string()),
        ("org_id", tenant.site.org.to_string()),
        ("site_id", tenant.site.id.to_string()),
        ("asset_id", tenant.asset.to_string()),
        ("appliance_id", appliance),
        ("incident_id", tenant.incident.to_string()),
        ("code_id", tenant.code.to_string()),
        ("credential_id", id_of(&credential.expect(201))),
        ("user_id", user),
        ("invitation_id", id_of(&invitation.expect(201))),
        ("provider_id", id_of(&provider.expect(201))),
        ("session_id", session),
        ("token_id", token),
        ("passkey_id", passkey),
        ("mail_id", mail),
        // Nobody of either tenant has one: these two need a provider that answers, and are proved in `oidc`.
        ("identity_id", format!("ident_{NOTHING}")),
        ("approval_id", format!("appr_{NOTHING}")),
    ])
}

/// The same kinds of id, which nothing has.
fn nothing(ids: &Ids) -> Ids {
    let kind = |id: &str| id.split_once('_').expect("an id has a kind").0.to_owned();
    ids.iter().map(|(name, id)| (*name, format!("{}_{NOTHING}", kind(id)))).collect()
}

fn filled(path: &str, ids: &Ids) -> String {
    let mut path = path.replace("{index}", "0");
    for (name, id) in ids {
        path = path.replace(&format!("{{{name}}}"), id);
    }
    assert!(!path.contains('{'), "say here what a tenant has for {path}");
    path
}

/// What would be carried out, were the ids the caller's own; `parent` is the field that the body names its parent with.
fn body(entry: &RouteEntry, parent: &str, ids: &Ids) -> Option<Value> {
    let role = if parent == "partner_id" { "partner_technician" } else { "practice_viewer" };
    let mut body = match (entry.method, entry.path.as_str()) {
        ("GET" | "DELETE", _)
        | (_, "/api/appliances/{appliance_id}/run-checks")
        | (_, "/api/invitations/{invitation_id}/resend")
        | (_, "/api/mail/{mail_id}/retry")
        | (_, "/api/oidc/approvals/{approval_id}/reject")
        | (_, "/api/users/{user_id}/restore") => return None,
        (_, "/api/sites/{site_id}/codes") => json!({ "label": "server room" }),
        (_, "/api/appliances/{appliance_id}/revoke")
        | (_, "/api/incidents/{incident_id}/escalate")
        | (_, "/api/users/{user_id}/suspend") => json!({ "reason": "stolen from the car" }),
        (_, "/api/appliances/{appliance_id}/mode") => json!({ "mode": "ask" }),
        (_, "/api/appliances/{appliance_id}/credentials") => {
            json!({ "name": "door", "username": "backup", "secret": "plum" })
        }
        (_, "/api/incidents/{incident_id}/approve") => {
            json!({ "plan_digest": proofline_evidence::Digest::of("One").to_string() })
        }
        (_, "/api/users/{user_id}") => json!({ "role": "practice_viewer" }),
        (_, "/api/oidc/providers/{provider_id}") => json!({ "enabled": false }),
        (_, "/api/oidc/approvals/{approval_id}/approve") => {
            json!({ "role": "practice_viewer", "org_id": ids["org_id"] })
        }
        (_, "/api/organisations") => json!({ "name": "Planted" }),
        (_, "/api/sites") => json!({ "name": "Planted", "timezone": "UTC" }),
        (_, "/api/invitations") => json!({ "email": "planted@staff.example", "role": role }),
        (_, "/api/oidc/providers") => json!({ "name": "Planted", "kind": "google", "client_id": "ours",
            "issuer": "https://accounts.google.com", "client_secret": "pear lorry twelve" }),
        (method, path) => panic!("say here what {method} {path} is sent"),
    };
    if !parent.is_empty() {
        body[parent] = json!(ids[parent]);
    }
    Some(body)
}

/// An answer without what may differ: the request's own id, and the ids that were asked for.
fn seen(reply: &Reply, asked: &Ids) -> (u16, String) {
    let mut text = String::from_utf8_lossy(&reply.bytes).into_owned();
    if let Some(request) = reply.headers.get("x-request-id") {
        text = text.replace(request.to_str().expect("text"), "request");
    }
    for (name, id) in asked {
        text = text.replace(id, name);
    }
    (reply.status.as_u16(), text)
}

/// One request, made with somebody's ids.
struct Call<'a> {
    entry: &'a RouteEntry,
    parent: &'static str,
    query: Option<String>,
}

impl Call<'_> {
    async fn by(&self, caller: &mut Browser, in_path: &Ids, elsewhere: &Ids) -> Reply {
        let mut path = filled(&self.entry.path, in_path);
        if let Some(name) = &self.query {
            path = format!("{path}?{name}={}", elsewhere[name.as_str()]);
        }
        let method: Method = self.entry.method.parse().expect("a method");
        caller.send(method, &path, body(self.entry, self.parent, elsewhere).as_ref()).await
    }
}

/// Every call that carries an id of a tenant, in its path, its query or its body.
fn calls<'a>(app: &'a TestApp, known: &Ids) -> Vec<Call<'a>> {
    let document = serde_json::to_value(&app.app.openapi).expect("serialises");
    let mut calls = Vec::new();
    for entry in app.app.routes.iter().filter(|entry| matches!(entry.access, Access::Person(_))) {
        if entry.path.contains('{') {
            calls.push(Call { entry, parent: "", query: None });
        }
        for (_, _, parents) in
            NAMES_A_PARENT.iter().filter(|(method, path, _)| *method == entry.method && *path == entry.path)
        {
            calls.extend(parents.iter().map(|&parent| Call { entry, parent, query: None }));
        }
        let operation = &document["paths"][&entry.path][entry.method.to_lowercase()];
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            if parameter["in"] == "query" && known.contains_key(name) {
                calls.push(Call { entry, parent: "", query: Some(name.to_owned()) });
            }
        }
    }
    calls
}

#[tokio::test]
async fn another_tenants_ids_are_answered_like_ids_of_nothing() {
    let app = TestApp::start_with(1, |settings| settings.rate_scale = 1_000_000).await;
    let mut admin = app.admin().await;
    let one = Tenant::new(&app, &mut admin, "One", 77).await;
    let two = Tenant::new(&app, &mut admin, "Two", 78).await;
    let (own, other) = (ids(&app, &mut admin, &one).await, ids(&app, &mut admin, &two).await);
    let none = nothing(&other);
    let calls = calls(&app, &other);
    assert!(calls.len() > 30, "{}", calls.len());
    let mut marks = two.marks();
    marks.extend(["Clinic Two".to_owned(), "Door of Two".to_owned()]);
    for role in ITS_ROLES {
        let mut caller = app.sign_in(&one.people[&role]).await;
        let before = app.database.fingerprint(&["audit_entry"]).await;
        for call in &calls {
            let what = format!("{role} {} {} {:?}", call.entry.method, call.entry.path, call.query);
            // A query goes with a path of the caller's own: a parent and another tenant's child.
            let (swapped, empty) = if call.query.is_some() { (&own, &own) } else { (&other, &none) };
            let theirs = seen(&call.by(&mut caller, swapped, &other).await, &other);
            let nobodys = seen(&call.by(&mut caller, empty, &none).await, &none);
            assert_eq!(theirs, nobodys, "{what}");
            for mark in &marks {
                assert!(!theirs.1.contains(mark), "{what} shows {mark}");
            }
        }
        let after = app.database.fingerprint(&["audit_entry"]).await;
        assert_eq!(after, before, "{role} changed something");
        // The same server does answer what is their own.
        let allowed = permissions_of(role);
        for call in calls.iter().filter(|call| call.entry.method == "GET") {
            let Access::Person(action) = call.entry.access else { continue };
            let expected = if allowed.contains(&action) { 200 } else { 403 };
            let reply = call.by(&mut caller, &own, &own).await;
            let what = format!("{role} {} {:?}", call.entry.path, call.query);
            assert_eq!(reply.status.as_u16(), expected, "{what}: {}", String::from_utf8_lossy(&reply.bytes));
        }
    }
}
