//! Everybody of one tenant calls every route with the ids of another: each is answered as an id that nothing has, header by
//! header and byte for byte, and nothing is changed.
//!
//! What carries an id is found in the table of routes and in the description. A new route fails here until [`ids`] knows its
//! path parameters and what its body or query names, and [`body`] what it is sent.

mod unprotected;

use std::collections::{BTreeMap, BTreeSet};

use proofline_authz::permissions_of;
use proofline_core::{Clock, Entropy, IncidentId, Role, SeededEntropy, Verdict};
use proofline_evidence::statement::{Body, CheckRun, Header};
use proofline_protocol::{Base64, KeyRole, OrderOutcome, OrderReport, SubmitRequest, Text, paths};
use proofline_server::{Access, RouteEntry, Stage};
use proofline_testkit::{Browser, Reply, TestApp};
use serde_json::{Value, json};

use crate::desk::{Desk, ROOT_LOGIN, result};
use crate::oidc::{Provider, Visitor};
use crate::tenant::{ITS_ROLES, Tenant};

/// By the name of a parameter or a field, what a tenant has for it.
type Ids = BTreeMap<&'static str, String>;

/// The part of an id behind its kind that nothing has.
const NOTHING: &str = "01h455vb4pex5vsknk084sn02q";

/// In the name of everything that the other tenant has, and nowhere else.
const OTHER: &str = "Quillmoor";

/// Under this name, ids hold the plan of the incident: no id, and needed to approve it.
const PLAN: &str = "plan";

/// What is called an id and is none of a tenant's.
const NOT_A_TENANTS: [(&str, &str); 3] = [
    ("ceremony_id", "a passkey ceremony of one's own, proved in `passkeys`"),
    ("check_id", "a check of the catalogue, the same for everybody"),
    ("client_id", "who the installation is at a provider"),
];

/// Routes that anybody may call with an id, and why.
const PUBLIC_WITH_AN_ID: [(&str, &str); 1] =
    [("/api/auth/providers/{provider_id}/start", "people of a tenant are given the address of theirs")];

/// Headers that differ from one answer to the next, whoever asks.
const OF_THE_ANSWER: [&str; 3] = ["x-request-id", "date", "set-cookie"];

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

/// The item of a list that has this field.
fn item(list: &Value, field: &str, value: &str) -> Value {
    let items = list["items"].as_array().expect("a list");
    items.iter().find(|item| item[field] == value).expect("it is listed").clone()
}

/// A tenant with everything that a route asks an id of.
struct Side {
    tenant: Tenant,
    ids: Ids,
    /// The session of its practice's owner.
    owner: Browser,
}

impl Side {
    async fn new(app: &TestApp, admin: &mut Browser, name: &str, seed: u64) -> Self {
        let tenant = Tenant::new(app, admin, name, seed).await;
        sqlx::query("UPDATE appliance SET hostname = $1 WHERE id = $2")
            .bind(format!("{}-nas", name.to_lowercase()))
            .bind(tenant.agent.identity().appliance.uuid())
            .execute(&mut app.database.superuser().await)
            .await
            .expect("renames");
        let email = &tenant.people[&Role::PracticeOwner];
        app.sign_in(email).await;
        let mut owner = app.sign_in(email).await;
        let ids = ids(app, admin, &mut owner, &tenant).await;
        Self { tenant, ids, owner }
    }

    /// What an answer that shows anything of it would hold.
    fn marks(&self) -> Vec<String> {
        let mut marks = self.tenant.marks();
        marks.push(self.tenant.name.clone());
        marks.extend(self.tenant.people.values().cloned());
        marks.extend(self.ids.values().cloned());
        marks.iter().map(|mark| mark.to_lowercase()).collect()
    }
}

/// What a tenant has for every path parameter, and for everything that a body or a query names.
async fn ids(app: &TestApp, admin: &mut Browser, owner: &mut Browser, tenant: &Tenant) -> Ids {
    let name = tenant.name.to_lowercase();
    let email = &tenant.people[&Role::PracticeOwner];
    let user = crate::people::id_of(admin, email).await;
    let sessions = owner.get("/api/auth/sessions").await.expect(200);
    let session = sessions["items"].as_array().expect("a list").iter().find(|s| s["current"] == false);
    let session = id_of(session.expect("they signed in twice"));
    let mut technician = app.sign_in(&tenant.people[&Role::PartnerTechnician]).await;
    app.token(&mut technician, &["site.read"]).await;
    let token = id_of(&technician.get("/api/tokens").await.expect(200)["items"][0]);
    app.add_passkey(owner, &mut app.authenticator()).await;
    let passkey = id_of(&owner.get("/api/auth/factors").await.expect(200)["passkeys"][0]);
    let appliance = tenant.agent.identity().appliance.to_string();
    let secret = json!({ "name": format!("{name}-nas"), "username": "backup", "secret": "plum" });
    let credential = admin.post(&format!("/api/appliances/{appliance}/credentials"), secret).await;
    let invited = format!("{name}@staff.example");
    let invitation = json!({ "email": invited, "role": "practice_viewer", "org_id": tenant.site.org });
    let invitation = admin.post("/api/invitations", invitation).await;
    let mail = id_of(&item(&admin.get("/api/mail").await.expect(200), "to", &invited));
    let place = json!({ "name": format!("Door of {}", tenant.name), "org_id": tenant.site.org });
    let provider = Provider::run(app).await.configure(admin, place).await;
    provider.link(owner, &Visitor::new(&format!("{name}-ada"))).await;
    let identity = id_of(&owner.get("/api/auth/identities").await.expect(200)["items"][0]);
    provider.waiting(admin, &Visitor::new(&format!("{name}-eve"))).await;
    let approvals = admin.get("/api/oidc/approvals").await.expect(200);
    let approval = id_of(&item(&approvals, "provider_id", &provider.id));
    // Asked for while the client is closed, which it is not for long: staff are to see both.
    let access = format!("/api/organisations/{}/access", tenant.site.org);
    owner.put(&access, json!({ "restricted": true })).await.expect(200);
    let asked = json!({ "reason": "nobody of theirs answers", "ticket": "T-1", "hours": 2 });
    let ask = format!("/api/organisations/{}/break-glass", tenant.site.org);
    let break_glass = id_of(&technician.post(&ask, asked).await.expect(201));
    owner.put(&access, json!({ "restricted": false })).await.expect(200);
    // No tenant's, and one each.
    let role = if tenant.name == OTHER { KeyRole::Rules } else { KeyRole::Orders };
    BTreeMap::from([
        ("break_glass_id", break_glass),
        ("alarm_id", crate::alarms::raised(app, (tenant.site.org, tenant.site.id)).await.to_string()),
        ("key_rotation_id", crate::key_rotations::asked(app, role).await),
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
        ("provider_id", provider.id.clone()),
        ("session_id", session),
        ("token_id", token),
        ("passkey_id", passkey),
        ("mail_id", mail),
        ("identity_id", identity),
        ("approval_id", approval),
    ])
}

/// The same kinds of id, which nothing has.
fn nothing(ids: &Ids) -> Ids {
    let kind = |id: &str| id.split_once('_').expect("an id has a kind").0.to_owned();
    ids.iter().map(|(name, id)| (*name, format!("{}_{NOTHING}", kind(id)))).collect()
}

/// An installation with two tenants.
struct World {
    app: TestApp,
    admin: Browser,
    one: Side,
    two: Side,
}

impl World {
    async fn new() -> Self {
        // One connection, as in `writes`: no request that reads may hold it and wait for another one.
        let app = TestApp::start_with(1, |settings| {
            settings.rate_scale = 1_000_000;
            // Their providers are on loopback.
            settings.stage = Stage::Development;
        })
        .await;
        let mut admin = app.admin().await;
        let one = Side::new(&app, &mut admin, "Umbervale", 77).await;
        let two = Side::new(&app, &mut admin, OTHER, 78).await;
        for (name, id) in &one.ids {
            assert_ne!(*id, two.ids[name], "each has a {name} of its own");
        }
        Self { app, admin, one, two }
    }

    /// Everybody of one tenant, people and programs, and somebody whom nobody knows.
    async fn callers(&self) -> Vec<Caller> {
        let mut callers = Vec::new();
        for role in ITS_ROLES {
            let mut browser = self.app.sign_in(&self.one.tenant.people[&role]).await;
            let may: BTreeSet<_> =
                permissions_of(role).into_iter().map(|action| action.as_str().to_owned()).collect();
            if may.contains("token.create") {
                let offered = browser.get("/api/tokens/actions").await.expect(200);
                let offered: Vec<&str> =
                    offered["items"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
                if !offered.is_empty() {
                    let mut program = self.app.program(&self.app.token(&mut browser, &offered).await);
                    // Notes that it was used, once.
                    program.get("/api/sites").await;
                    let may = Some(offered.iter().map(|&action| action.to_owned()).collect());
                    callers.push(Caller { name: format!("a token of {role}"), browser: program, may });
                }
            }
            callers.push(Caller { name: role.to_string(), browser, may: Some(may) });
        }
        callers.push(Caller { name: "nobody".to_owned(), browser: self.app.anonymous(), may: None });
        callers
    }

    /// What staff see of a tenant.
    async fn view(&mut self, of: &Ids) -> Vec<(String, Seen)> {
        let calls = calls(&self.app, of);
        let mut views = Vec::new();
        for call in
            calls.iter().filter(|call| call.entry.method == "GET" && !call.entry.path.ends_with("/export"))
        {
            let reply = call.by(&mut self.admin, of, of).await;
            assert_eq!(reply.status.as_u16(), 200, "{}", call.name());
            views.push((call.name(), Seen::of(&reply, [])));
        }
        views
    }
}

/// Somebody, and what the policy lets them do; none who is nobody.
struct Caller {
    name: String,
    browser: Browser,
    may: Option<BTreeSet<String>>,
}

/// An answer without what may differ: its own id, its time, and what was asked for.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    headers: BTreeMap<String, String>,
    text: String,
}

impl Seen {
    fn of<'a>(reply: &Reply, asked: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = String::from_utf8_lossy(&reply.bytes).into_owned();
        if let Some(request) = reply.headers.get("x-request-id") {
            text = text.replace(request.to_str().expect("text"), "request");
        }
        for asked in asked {
            text = text.replace(asked, "asked");
        }
        let mut headers = BTreeMap::new();
        for (name, value) in &reply.headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            if name == "server-timing" {
                // How long it took differs, not how many queries it cost.
                let (_, queries) = value.split_once("db;").expect("its queries");
                headers.insert(name.to_string(), queries.to_owned());
            } else if !OF_THE_ANSWER.contains(&name.as_str()) {
                headers.insert(name.to_string(), value);
            }
        }
        Self { status: reply.status.as_u16(), headers, text }
    }

    #[track_caller]
    fn shows_nothing_of(&self, marks: &[String], what: &str) {
        let (text, headers) = (self.text.to_lowercase(), format!("{:?}", self.headers).to_lowercase());
        for mark in marks {
            assert!(!text.contains(mark) && !headers.contains(mark), "{what} shows {mark}: {}", self.text);
        }
    }
}

/// Where a request carries an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    Path,
    Query,
    Body,
}

/// A route and which ids a request to it carries.
struct Call<'a> {
    entry: &'a RouteEntry,
    slots: Vec<(In, &'static str)>,
}

impl Call<'_> {
    fn name(&self) -> String {
        format!("{} {} {:?}", self.entry.method, self.entry.path, self.slots)
    }

    /// With the ids of the path from the one, and the others from the other.
    async fn by(&self, caller: &mut Browser, in_path: &Ids, elsewhere: &Ids) -> Reply {
        let (path, body) = self.request(in_path, elsewhere);
        caller.send(self.entry.method.parse().expect("a method"), &path, body.as_ref()).await
    }

    fn request(&self, in_path: &Ids, elsewhere: &Ids) -> (String, Option<Value>) {
        let mut path = filled(&self.entry.path, in_path);
        let mut body = body(self.entry, self.slots.contains(&(In::Body, "partner_id")), in_path);
        for (_, name) in self.slots.iter().filter(|(place, _)| *place == In::Query) {
            path = format!("{path}?{name}={}", elsewhere[name]);
        }
        for (_, name) in self.slots.iter().filter(|(place, _)| *place == In::Body) {
            body.as_mut().expect("a body")[name] = json!(elsewhere[name]);
        }
        (path, body)
    }

    /// Every way to mix a tenant's ids with the caller's own: at least one is the tenant's. The ids of the path, and those
    /// elsewhere.
    fn mixed(&self, own: &Ids, theirs: &Ids) -> Vec<(Ids, Ids)> {
        (1..1_u32 << self.slots.len())
            .map(|chosen| {
                let (mut in_path, mut elsewhere) = (own.clone(), own.clone());
                for (number, (place, name)) in self.slots.iter().enumerate() {
                    if chosen & (1 << number) != 0 {
                        let ids = if *place == In::Path { &mut in_path } else { &mut elsewhere };
                        ids.insert(name, theirs[name].clone());
                    }
                }
                (in_path, elsewhere)
            })
            .collect()
    }
}

fn filled(path: &str, ids: &Ids) -> String {
    let mut path = path.replace("{index}", "0");
    for (name, id) in ids {
        path = path.replace(&format!("{{{name}}}"), id);
    }
    assert!(!path.contains('{'), "say in `ids` what a tenant has for the parameter of {path}");
    path
}

/// What would be carried out, were the ids the caller's own. Ids that it names are put in after.
#[expect(clippy::unnested_or_patterns, reason = "a line a route")]
fn body(entry: &RouteEntry, of_a_partner: bool, ids: &Ids) -> Option<Value> {
    let role = if of_a_partner { "partner_technician" } else { "practice_viewer" };
    Some(match (entry.method, entry.path.as_str()) {
        ("GET" | "DELETE", _)
        | (_, "/api/appliances/{appliance_id}/run-checks")
        | (_, "/api/invitations/{invitation_id}/resend")
        | (_, "/api/mail/{mail_id}/retry")
        | (_, "/api/break-glass/{break_glass_id}/approve" | "/api/break-glass/{break_glass_id}/end")
        | (_, "/api/system/key-rotations/{key_rotation_id}/approve")
        | (_, "/api/system/key-rotations/{key_rotation_id}/reject")
        | (_, "/api/oidc/approvals/{approval_id}/reject")
        | (_, "/api/users/{user_id}/restore") => return None,
        (_, "/api/organisations/{org_id}/grants") => json!({ "reason": "works on their firewall" }),
        (_, "/api/organisations/{org_id}/access") => json!({ "restricted": false }),
        (_, "/api/organisations/{org_id}/break-glass") => {
            json!({ "reason": "nobody of theirs answers", "ticket": "T-1", "hours": 2 })
        }
        (_, "/api/sites/{site_id}/codes") => json!({ "label": "server room" }),
        (_, "/api/appliances/{appliance_id}/revoke")
        | (_, "/api/system/alarms/{alarm_id}/clear")
        | (_, "/api/incidents/{incident_id}/escalate")
        | (_, "/api/users/{user_id}/reset-factors" | "/api/users/{user_id}/suspend") => {
            json!({ "reason": "stolen from the car" })
        }
        (_, "/api/appliances/{appliance_id}/mode") => json!({ "mode": "ask" }),
        (_, "/api/appliances/{appliance_id}/credentials") => {
            json!({ "name": "door", "username": "backup", "secret": "plum" })
        }
        (_, "/api/incidents/{incident_id}/approve") => json!({ "plan_digest": ids.get(PLAN) }),
        (_, "/api/users/{user_id}") => json!({ "role": "practice_viewer" }),
        (_, "/api/oidc/providers/{provider_id}") => json!({ "enabled": true }),
        (_, "/api/oidc/approvals/{approval_id}/approve") => json!({ "role": role }),
        (_, "/api/auth/identities/link") => json!({}),
        (_, "/api/organisations") => json!({ "name": "Planted" }),
        (_, "/api/sites") => json!({ "name": "Planted", "timezone": "UTC" }),
        (_, "/api/invitations") => json!({ "email": "planted@staff.example", "role": role }),
        (_, "/api/oidc/providers") => json!({ "name": "Planted", "kind": "google", "client_id": "ours",
            "issuer": "https://accounts.google.com", "client_secret": "pear lorry twelve" }),
        (method, path) => panic!("say in `body` what {method} {path} is sent"),
    })
}

/// The ids that a schema of the description names, and whether they have to be there.
fn named(document: &Value, schema: &Value, known: &Ids) -> Vec<(&'static str, bool)> {
    let mut found = Vec::new();
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().expect("a name");
        return named(document, &document["components"]["schemas"][name], known);
    }
    for part in ["allOf", "oneOf", "anyOf"] {
        for schema in schema[part].as_array().into_iter().flatten() {
            found.extend(named(document, schema, known));
        }
    }
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|it| it == name));
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(id) = tenants_id(name, field, known) {
            found.push((id, required(name)));
        }
        for inner in [field, &field["items"]] {
            let inner = named(document, inner, known);
            assert!(inner.is_empty(), "teach `body` to put an id into {name}: {inner:?}");
        }
    }
    found
}

/// The name of what a tenant has for a parameter or a field, where that is an id of a tenant's.
fn tenants_id(name: &str, described: &Value, known: &Ids) -> Option<&'static str> {
    let is_id = name.ends_with("_id") || name.ends_with("_ids") || described["format"] == "uuid";
    if !is_id || NOT_A_TENANTS.iter().any(|(other, _)| *other == name) {
        return None;
    }
    let known = known.get_key_value(name).map(|(known, _)| *known);
    Some(known.unwrap_or_else(|| {
        panic!("say in `ids` what a tenant has for {name}, or in NOT_A_TENANTS why it has none")
    }))
}

/// Every request that carries an id of a tenant: in its path, and besides in its query or its body.
fn calls<'a>(app: &'a TestApp, known: &Ids) -> Vec<Call<'a>> {
    let document = serde_json::to_value(&app.app.openapi).expect("serialises");
    let mut calls = Vec::new();
    for entry in &app.app.routes {
        match entry.access {
            Access::Person(_) => {}
            Access::Public(_) => {
                let told = PUBLIC_WITH_AN_ID.iter().any(|(path, _)| *path == entry.path);
                assert_eq!(entry.path.contains('{'), told, "say in PUBLIC_WITH_AN_ID why {}", entry.path);
                continue;
            }
            Access::Appliance(_) | Access::Claimant(_) => {
                assert!(!entry.path.contains('{'), "call {} in `an_appliance_…`", entry.path);
                continue;
            }
        }
        filled(&entry.path, known);
        let in_path = known.keys().filter(|name| entry.path.contains(&format!("{{{name}}}")));
        let mut slots: Vec<_> = in_path.map(|name| (In::Path, *name)).collect();
        let operation = &document["paths"][&entry.path][entry.method.to_lowercase()];
        let mut optional = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            if parameter["in"] == "query"
                && let Some(name) = tenants_id(name, &parameter["schema"], known)
            {
                optional.push((In::Query, name));
            }
        }
        let sent = &operation["requestBody"]["content"]["application/json"]["schema"];
        for (name, required) in named(&document, sent, known) {
            if required { slots.push((In::Body, name)) } else { optional.push((In::Body, name)) }
        }
        if !slots.is_empty() {
            calls.push(Call { entry, slots: slots.clone() });
        }
        // One at a time: of a partner and an organisation, only one can be named.
        for one in optional {
            calls.push(Call { entry, slots: slots.iter().copied().chain([one]).collect() });
        }
    }
    calls
}

/// Carries out what is decided about access to a tenant: let in is its partner's technician, and what is asked for, by somebody
/// who is not let in, is a client that is closed.
async fn decide_about_access(app: &TestApp, admin: &mut Browser, of: &mut Side, call: &Call<'_>) {
    let email = &of.tenant.people[&Role::PartnerTechnician];
    let mut asking = app.sign_in(&of.tenant.people[&Role::PartnerAdmin]).await;
    let mut ids = of.ids.clone();
    ids.insert("user_id", crate::people::id_of(admin, email).await);
    let access = format!("/api/organisations/{}/access", ids["org_id"]);
    of.owner.put(&access, json!({ "restricted": true })).await.expect(200);
    let asks = call.entry.path.ends_with("/break-glass");
    let reply = call.by(if asks { &mut asking } else { &mut of.owner }, &ids, &ids).await;
    assert!(reply.status.is_success(), "{}: {}", call.name(), String::from_utf8_lossy(&reply.bytes));
    of.owner.put(&access, json!({ "restricted": false })).await.expect(200);
}

#[tokio::test]
pub(crate) async fn another_tenants_ids_are_answered_like_ids_of_nothing() {
    let mut world = World::new().await;
    let (own, other) = (world.one.ids.clone(), world.two.ids.clone());
    let (none, marks) = (nothing(&other), world.two.marks());
    let mut callers = world.callers().await;
    let calls = calls(&world.app, &other);
    let mut compared = 0;
    for Caller { name, browser, may } in &mut callers {
        let before = world.app.database.fingerprint(&["audit_entry"]).await;
        for call in &calls {
            let pairs = call.mixed(&own, &other).into_iter().zip(call.mixed(&own, &none));
            for ((mut path, elsewhere), (mut empty, nowhere)) in pairs {
                let what = format!("{name}: {} with {path:?} and {elsewhere:?}", call.name());
                path.insert(PLAN, world.two.tenant.plan.to_string());
                empty.insert(PLAN, world.two.tenant.plan.to_string());
                let theirs = call.by(browser, &path, &elsewhere).await;
                let theirs = Seen::of(&theirs, other.values().map(String::as_str));
                let nobodys = call.by(browser, &empty, &nowhere).await;
                let nobodys = Seen::of(&nobodys, none.values().map(String::as_str));
                assert_eq!(theirs, nobodys, "{what}");
                theirs.shows_nothing_of(&marks, &what);
                compared += 1;
            }
        }
        let after = world.app.database.fingerprint(&["audit_entry"]).await;
        assert_eq!(after, before, "{name} changed something");
        // The same server does answer what is their own.
        for call in calls.iter().filter(|call| call.entry.method == "GET") {
            let Access::Person(action) = call.entry.access else { continue };
            let expected = match may {
                None => 401,
                Some(may) => {
                    if may.contains(action.as_str()) {
                        200
                    } else {
                        403
                    }
                }
            };
            let reply = call.by(browser, &own, &own).await;
            let text = String::from_utf8_lossy(&reply.bytes);
            assert_eq!(reply.status.as_u16(), expected, "{name}: {}: {text}", call.name());
        }
    }
    assert!(compared > 500, "{compared}");
    for role in [Role::StaffAdmin, Role::StaffOperator, Role::StaffReadonly] {
        let (mut staff, may) = (world.app.staff(role).await, permissions_of(role));
        for call in calls.iter().filter(|call| call.entry.method == "GET") {
            let Access::Person(action) = call.entry.access else { continue };
            for ids in [&own, &other] {
                let expected = if may.contains(&action) { 200 } else { 403 };
                let reply = call.by(&mut staff, ids, ids).await;
                assert_eq!(reply.status.as_u16(), expected, "{role}: {}", call.name());
            }
        }
    }
    // And each request was one that is carried out, or would be, for somebody whose ids these are.
    let mut ids = other;
    ids.insert(PLAN, world.two.tenant.plan.to_string());
    let mut calls: Vec<_> = calls.into_iter().filter(|call| call.entry.method != "GET").collect();
    calls.sort_by_key(|Call { entry, .. }| {
        (entry.path.starts_with("/api/users"), entry.path.ends_with("/revoke"), entry.method == "DELETE")
    });
    for call in &calls {
        let access = ["/grants", "/grants/{user_id}", "/break-glass"]
            .map(|end| format!("/api/organisations/{{org_id}}{end}"));
        if access.contains(&call.entry.path) {
            decide_about_access(&world.app, &mut world.admin, &mut world.two, call).await;
            continue;
        }
        let mut statuses = Vec::new();
        for browser in [&mut world.admin, &mut world.two.owner] {
            statuses.push(call.by(browser, &ids, &ids).await.status.as_u16());
        }
        let found = statuses.iter().any(|status| (200..300).contains(status) || *status == 409);
        assert!(found, "{}: {statuses:?}", call.name());
    }
}

/// A value for a query, as it stands in an address.
fn escaped(text: &str) -> String {
    text.replace('@', "%40").replace(' ', "%20")
}

#[tokio::test]
pub(crate) async fn no_list_no_search_and_no_file_shows_another_tenant() {
    let world = World::new().await;
    let (app, marks) = (&world.app, world.two.marks());
    let document = serde_json::to_value(&app.app.openapi).expect("serialises");
    let email = &world.two.tenant.people[&Role::PracticeOwner];
    let looked_for = [OTHER, email, &world.two.ids["user_id"], &world.two.ids["incident_id"]];
    let mut admin = world.admin.clone();
    let (mut searched, mut paged, mut found) = (0, 0, 0);
    for Caller { name, mut browser, may } in world.callers().await {
        for entry in
            app.app.routes.iter().filter(|entry| entry.method == "GET" && entry.path != "/api/events")
        {
            let path = filled(&entry.path, &world.one.ids);
            let what = format!("{name}: {path}");
            let whole = Seen::of(&browser.get(&path).await, []);
            whole.shows_nothing_of(&marks, &what);
            found += u32::from(whole.text.contains(world.one.tenant.name.as_str()));
            if may.is_none() {
                continue;
            }
            let parameters = document["paths"][&entry.path]["get"]["parameters"].as_array();
            for parameter in parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "query") {
                let is_text = parameter["schema"].to_string().contains("\"string\"");
                if !is_text || !parameter["schema"]["format"].is_null() {
                    continue;
                }
                let asked = parameter["name"].as_str().expect("a name");
                if asked == "cursor" {
                    // Where a page of theirs ended, a page of one's own goes on with one's own.
                    let theirs = format!("{}?limit=1", filled(&entry.path, &world.two.ids));
                    let theirs = admin.get(&theirs).await.expect(200);
                    if let Some(cursor) = theirs["next_cursor"].as_str() {
                        let sent = format!("{path}?cursor={cursor}");
                        Seen::of(&browser.get(&sent).await, [])
                            .shows_nothing_of(&marks, &format!("{name}: {sent}"));
                        paged += 1;
                    }
                    continue;
                }
                let nobodys = Seen::of(&browser.get(&format!("{path}?{asked}=Nowhere")).await, ["Nowhere"]);
                for value in looked_for {
                    let sent = format!("{path}?{asked}={}", escaped(value));
                    let theirs = Seen::of(&browser.get(&sent).await, [value]);
                    theirs.shows_nothing_of(&marks, &format!("{name}: {sent}"));
                    assert!(
                        asked.ends_with("_id") || theirs == nobodys,
                        "{name}: {sent}: {theirs:?} and not {nobodys:?}"
                    );
                    searched += 1;
                }
            }
        }
    }
    assert!(found > 10, "{found} show their own");
    assert!(searched > 500 && paged > 50, "{searched} searches, {paged} pages");
    // Staff find what is looked for: it is there.
    let found = admin.get(&format!("/api/sites?q={OTHER}")).await.expect(200);
    assert_eq!(found["items"].as_array().expect("a list").len(), 1);
}

#[tokio::test]
pub(crate) async fn no_stream_tells_of_another_tenant() {
    let mut world = World::new().await;
    let (marks, own) = (world.two.marks(), world.one.ids["site_id"].clone());
    let mut streams = Vec::new();
    for Caller { name, mut browser, may } in world.callers().await {
        let mut stream = browser.open("/api/events").await;
        let allowed = may.is_some_and(|may| may.contains("events.subscribe"));
        assert_eq!(stream.status.is_success(), allowed, "{name}");
        if allowed {
            let ready = stream.next().await.expect("open");
            streams.push((name, browser, stream, ready.id.expect("a place")));
        }
    }
    assert!(streams.len() >= 4, "{}", streams.len());
    // Theirs first, then one's own: whatever is told of theirs is told before.
    let changed = async |admin: &mut Browser, ids: &Ids| {
        let appliance = format!("/api/appliances/{}", ids["appliance_id"]);
        admin.post_empty(&format!("{appliance}/run-checks")).await.expect(202);
        let incident = format!("/api/incidents/{}/escalate", ids["incident_id"]);
        admin.post(&incident, json!({ "reason": "needs somebody on site" })).await.expect(200);
        admin.post(&format!("{appliance}/mode"), json!({ "mode": "enforce" })).await.expect(200);
        let site = json!({ "org_id": ids["org_id"], "name": "Annex", "timezone": "UTC" });
        id_of(&admin.post("/api/sites", site).await.expect(201))
    };
    let theirs = changed(&mut world.admin, &world.two.ids).await;
    let last = changed(&mut world.admin, &world.one.ids).await;
    for (name, mut browser, mut live, place) in streams {
        let (process, _) = place.split_once('-').expect("process and number");
        browser.headers.push(("last-event-id", format!("{process}-0")));
        let mut resumed = browser.open("/api/events").await;
        for stream in [&mut live, &mut resumed] {
            let mut told = String::new();
            while !told.contains(&last) {
                told += &stream.next().await.expect("open").data;
            }
            assert!(told.contains(&own), "{name}: {told}");
            assert!(!told.contains(&theirs), "{name}: {told}");
            let told = told.to_lowercase();
            for mark in &marks {
                assert!(!told.contains(mark), "{name} is told of {mark}: {told}");
            }
        }
    }
}

/// Puts another tenant's id where a statement names its own.
type Naming = fn(&mut Header, &Ids);

#[tokio::test]
pub(crate) async fn an_appliance_of_one_tenant_reaches_nothing_of_another() {
    let mut world = World::new().await;
    let (other, marks) = (world.two.ids.clone(), world.two.marks());
    let none = nothing(&other);
    let agent = world.app.enrolled(&mut world.admin, &world.one.tenant.site).await;
    let before = world.view(&other).await;
    // It is nobody where people are asked for.
    for call in calls(&world.app, &other) {
        let mut seen = Vec::new();
        for ids in [&other, &none] {
            let (path, body) = call.request(ids, ids);
            let reply = agent.call(call.entry.method, &path, body.as_ref()).await;
            reply.expect_problem(401, "no_session");
            seen.push(Seen::of(&reply, []));
        }
        assert_eq!(seen[0], seen[1], "{}", call.name());
    }
    // Orders of another's appliance are not its to report.
    let mut seen = Vec::new();
    for order in [world.two.tenant.order.to_string(), format!("ord_{NOTHING}")] {
        let mut request = agent.check_in_request();
        let detail = Text::new("48 checks").expect("fits");
        let parsed = order.parse().expect("an id");
        request.orders_done = vec![OrderReport { order: parsed, outcome: OrderOutcome::Done, detail }];
        let mut answer = agent.call("POST", paths::CHECK_IN, Some(&request)).await.expect(200);
        // Drawn by lot, so that not all come at once.
        answer["next_check_in_s"].take();
        seen.push(answer.to_string());
    }
    assert_eq!(seen[0], seen[1]);
    assert!(marks.iter().all(|mark| !seen[0].contains(mark)), "{}", seen[0]);
    for path in ["/api/agent/rules", "/api/agent/credentials"] {
        Seen::of(&agent.call::<()>("GET", path, None).await, []).shows_nothing_of(&marks, path);
    }
    // Statements about another's things are refused like statements about nothing.
    let mut desk = Desk::of(agent, &world.app.clock);
    let good = desk.header();
    let body = || {
        let results = vec![result(ROOT_LOGIN, Verdict::Pass, "no")];
        Body::CheckRun(CheckRun { results, state: None })
    };
    let about: [(&str, Naming); 3] = [
        ("site", |header, ids| header.site = ids["site_id"].parse().expect("an id")),
        ("appliance", |header, ids| header.appliance = Some(ids["appliance_id"].parse().expect("an id"))),
        ("asset", |header, ids| header.asset = Some(ids["asset_id"].parse().expect("an id"))),
    ];
    for (what, tell) in about {
        let mut seen = Vec::new();
        for ids in [&other, &none] {
            let mut header = good.clone();
            tell(&mut header, ids);
            let envelopes = vec![Base64(desk.sign(header, body()))];
            let reply = desk.agent.submit(&SubmitRequest { from_size: 0, envelopes }).await;
            if reply.status.is_success() {
                assert_eq!(reply.json()["entries"], json!([]), "{what}");
            }
            // The checkpoint of its own site is the same both times.
            seen.push(Seen::of(&reply, ids.values().map(String::as_str)));
        }
        assert_eq!(seen[0], seen[1], "{what}");
        seen[0].shows_nothing_of(&marks, what);
    }
    // Numbers that an appliance gives its incidents are its own, whoever else has the same.
    let entropy: &dyn Entropy = &SeededEntropy::new(78);
    let theirs = [world.two.tenant.incident, IncidentId::new(world.app.clock.now(), entropy)];
    let mut statements = vec![desk.run(vec![result(ROOT_LOGIN, Verdict::Fail, "yes")])];
    for incident in theirs {
        statements.push(desk.change(incident, Some("open"), "escalated", "nobody came"));
    }
    desk.submit_all(statements).await;
    assert_eq!(world.view(&other).await, before);
}

#[test]
#[should_panic(expected = "say in `ids` what a tenant has for the parameter of /api/doors/{door_id}")]
fn a_new_parameter_is_missed() {
    filled("/api/doors/{door_id}", &Ids::new());
}

#[test]
#[should_panic(expected = "say in `ids` what a tenant has for door_id, or in NOT_A_TENANTS why it has none")]
fn a_new_field_is_missed() {
    let document = json!({ "components": { "schemas": { "NewKey": { "properties": { "door_id": {} } } } } });
    named(&document, &json!({ "$ref": "#/components/schemas/NewKey" }), &Ids::new());
}

#[tokio::test]
#[should_panic(expected = "say in `body` what POST /api/doors is sent")]
async fn a_new_body_is_missed() {
    let app = TestApp::start().await;
    let made = app.app.routes.iter().find(|entry| entry.method == "POST").expect("a route").clone();
    body(&RouteEntry { path: "/api/doors".to_owned(), ..made }, false, &Ids::new());
}
