//! Walks every route that changes something: each is carried out once, well, and leaves exactly one row in the audit log;
//! and each is refused, changing nothing, when it does not come from a page of its session.
//!
//! A new route has no entry in [`World::prepare`] and fails here until it is given one.

use axum::http::Method;
use proofline_authz::{Action, Effect};
use proofline_core::{Clock, Entropy, IncidentId, SeededEntropy, Verdict};
use proofline_evidence::Digest;
use proofline_protocol::{KeyRole, OrderOutcome, OrderReport, SubmitRequest, Text, paths};
use proofline_server::{Access, RouteEntry, Stage, open_bootstrap};
use proofline_testkit::{Agent, Authenticator, Browser, Reply, TestApp, TestSite, totp_code};
use serde_json::{Value, json};

use crate::desk::{Desk, ROOT_LOGIN, result};
use crate::oidc::{Provider, Visitor};

/// Who sends a request.
pub(crate) enum Sender {
    Admin,
    Nobody,
    Appliance(Agent),
}

/// A request that will be carried out.
pub(crate) struct Prepared {
    pub(crate) sender: Sender,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// The action of its audit row; none where the request is its own record.
    pub(crate) audited: Option<String>,
}

/// An installation with one of everything.
pub(crate) struct World {
    pub(crate) app: TestApp,
    email: String,
    pub(crate) admin: Browser,
    site: TestSite,
    names: u32,
}

pub(crate) fn changes_something(entry: &RouteEntry) -> bool {
    let writes = |action: Action| action.effect() == Effect::Write;
    entry.method != "GET"
        || match entry.access {
            Access::Public(_) => false,
            Access::Person(action) | Access::Appliance(action) | Access::Claimant(action) => writes(action),
        }
}

/// The action of the audit row that the route's own rule promises.
fn audited(entry: &RouteEntry) -> Option<String> {
    match entry.access {
        Access::Person(action) | Access::Appliance(action) | Access::Claimant(action) => {
            (action.effect() == Effect::Write).then(|| action.as_str().to_owned())
        }
        Access::Public(_) => None,
    }
}

/// Puts an id in the place of the path's parameter.
fn fill(path: &mut String, id: &dyn std::fmt::Display) {
    let (start, end) = (path.find('{').expect("a parameter"), path.find('}').expect("its end"));
    path.replace_range(start..=end, &id.to_string());
}

impl World {
    async fn new() -> Self {
        // One connection: a request that holds it and waits for another one is told to come back, and the walk fails.
        let app = TestApp::start_with(1, |settings| {
            settings.rate_scale = 10_000;
            // A provider to sign in with is on loopback.
            settings.stage = Stage::Development;
        })
        .await;
        let email = app.person(proofline_core::Role::StaffAdmin).await;
        let mut admin = app.sign_in(&email).await;
        let site = app.site(&mut admin, "Main Street").await;
        Self { app, email, admin, site, names: 0 }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("Number {}", self.names)
    }

    async fn appliance(&mut self) -> Agent {
        self.app.enrolled(&mut self.admin, &self.site).await
    }

    /// An incident whose plan waits for a person; the plan's digest.
    async fn waiting(&mut self) -> (String, Digest) {
        let mut desk = Desk::of(self.appliance().await, &self.app.clock);
        let failing = desk.run(vec![result(ROOT_LOGIN, Verdict::Fail, "yes")]);
        let entropy: &dyn Entropy = &SeededEntropy::new(77);
        let (ours, plan) = (IncidentId::new(self.app.clock.now(), entropy), Digest::of("plan"));
        let cause = format!("plan {plan}: the site asks first");
        let asks = desk.change(ours, Some("open"), "awaiting_approval", &cause);
        desk.submit_all(vec![failing, asks]).await;
        let listed = self.admin.get("/api/incidents?state=awaiting_approval").await.expect(200);
        (listed["items"][0]["id"].as_str().expect("one waits").to_owned(), plan)
    }

    /// Sets an authenticator app up for the administrator; a code of it that was not used.
    async fn app_code(&mut self) -> String {
        let begun = self.admin.post("/api/auth/factors/totp", json!({})).await.expect(201);
        let secret = begun["secret"].as_str().expect("a secret");
        let code = json!({ "code": totp_code(secret, self.app.clock.now()) });
        self.admin.post("/api/auth/factors/totp/confirm", code).await.expect(200);
        self.app.clock.advance(chrono::TimeDelta::seconds(30));
        // Moves the idle clock, so that nothing but what is tested changes a row.
        self.admin.get("/api/auth/session").await.expect(200);
        totp_code(secret, self.app.clock.now())
    }

    /// An authenticator that holds a passkey of the administrator.
    async fn authenticator(&mut self) -> Authenticator {
        let mut authenticator = self.app.authenticator();
        self.app.add_passkey(&mut self.admin, &mut authenticator).await;
        authenticator
    }

    /// Somebody over whom the administrator decides: their address and id.
    async fn operator(&mut self) -> (String, String) {
        let email = self.app.person(proofline_core::Role::StaffOperator).await;
        let id = crate::people::id_of(&mut self.admin, &email).await;
        (email, id)
    }

    /// An invitation, and the address that it was sent to.
    async fn invited(&mut self) -> (String, &'static str) {
        let email = "newcomer@staff.example";
        let body = json!({ "email": email, "role": "staff_readonly" });
        let invitation = self.admin.post("/api/invitations", body).await.expect(201);
        (invitation["id"].as_str().expect("an id").to_owned(), email)
    }

    /// What people do with their own account, or to get one. Whether the route is one of those.
    async fn prepare_account(&mut self, route: &str, prepared: &mut Prepared) -> bool {
        match route {
            "POST /api/auth/sessions/end-others" => {}
            "DELETE /api/auth/sessions/{session_id}" => {
                self.app.sign_in(&self.email).await;
                let sessions = self.admin.get("/api/auth/sessions").await.expect(200);
                let other =
                    sessions["items"].as_array().expect("a list").iter().find(|s| s["current"] == false);
                fill(&mut prepared.path, &other.expect("another")["id"].as_str().expect("an id"));
            }
            "POST /api/auth/password" => {
                prepared.body = Some(
                    json!({ "current_password": self.app.password(), "new_password": "seven quiet otters" }),
                );
            }
            "PATCH /api/auth/profile" => prepared.body = Some(json!({ "name": self.name() })),
            "POST /api/auth/email" => prepared.body = Some(json!({ "email": "elsewhere@staff.example" })),
            "POST /api/auth/email/confirm" => {
                let email = "elsewhere@staff.example";
                self.admin.post("/api/auth/email", json!({ "email": email })).await.expect(202);
                prepared.body = Some(json!({ "token": self.app.mailed_token(email).await }));
                (prepared.sender, prepared.audited) =
                    (Sender::Nobody, Some("profile.confirm_email".to_owned()));
            }
            "POST /api/auth/password-reset" => {
                prepared.body = Some(json!({ "email": self.email }));
                prepared.sender = Sender::Nobody;
            }
            "POST /api/auth/password-reset/confirm" => {
                let (email, _) = self.operator().await;
                let asked = json!({ "email": email });
                self.app.anonymous().post("/api/auth/password-reset", asked).await.expect(202);
                let token = self.app.mailed_token(&email).await;
                prepared.body = Some(json!({ "token": token, "password": "seven quiet otters" }));
                (prepared.sender, prepared.audited) = (Sender::Nobody, Some("password.reset".to_owned()));
            }
            "POST /api/portal/link" => {
                prepared.body = Some(json!({ "email": self.email }));
                prepared.sender = Sender::Nobody;
            }
            "POST /api/portal/session" => {
                let place = proofline_core::Place::Practice(self.site.org);
                let email = self.app.person_of(proofline_core::Role::PracticeOwner, place).await;
                self.app.anonymous().post("/api/portal/link", json!({ "email": email })).await.expect(202);
                prepared.body = Some(json!({ "token": self.app.mailed_token(&email).await }));
                (prepared.sender, prepared.audited) = (Sender::Nobody, Some("auth.login".to_owned()));
            }
            "POST /api/auth/invitation/look" => {
                let (_, email) = self.invited().await;
                prepared.body = Some(json!({ "token": self.app.mailed_token(email).await }));
                prepared.sender = Sender::Nobody;
            }
            "POST /api/auth/invitation/accept" => {
                let (_, email) = self.invited().await;
                let token = self.app.mailed_token(email).await;
                prepared.body =
                    Some(json!({ "token": token, "name": "Nora", "password": "seven quiet otters" }));
                (prepared.sender, prepared.audited) = (Sender::Nobody, Some("invitation.accept".to_owned()));
            }
            _ => return false,
        }
        true
    }

    /// What is done about other people. Whether the route is one of those.
    async fn prepare_people(&mut self, route: &str, prepared: &mut Prepared) -> bool {
        match route {
            "PATCH /api/users/{user_id}" => {
                fill(&mut prepared.path, &self.operator().await.1);
                prepared.body = Some(json!({ "role": "staff_readonly" }));
            }
            "POST /api/users/{user_id}/suspend" => {
                fill(&mut prepared.path, &self.operator().await.1);
                prepared.body = Some(json!({ "reason": "left the company" }));
            }
            "POST /api/users/{user_id}/reset-factors" => {
                fill(&mut prepared.path, &self.operator().await.1);
                prepared.body = Some(json!({ "reason": "lost the telephone" }));
            }
            "POST /api/users/{user_id}/restore" => {
                let (_, id) = self.operator().await;
                let suspend = format!("/api/users/{id}/suspend");
                self.admin.post(&suspend, json!({ "reason": "left the company" })).await.expect(200);
                fill(&mut prepared.path, &id);
            }
            "DELETE /api/users/{user_id}" => fill(&mut prepared.path, &self.operator().await.1),
            "POST /api/invitations" => {
                prepared.body = Some(json!({ "email": "newcomer@staff.example", "role": "staff_readonly" }));
            }
            "POST /api/invitations/{invitation_id}/resend" | "DELETE /api/invitations/{invitation_id}" => {
                fill(&mut prepared.path, &self.invited().await.0);
            }
            "POST /api/mail/{mail_id}/retry" => {
                self.invited().await;
                let mails = self.admin.get("/api/mail").await.expect(200);
                fill(&mut prepared.path, &mails["items"][0]["id"].as_str().expect("an id"));
            }
            _ => return false,
        }
        true
    }

    /// What is decided about access to a client. Whether the route is one of those.
    async fn prepare_access(&mut self, route: &str, prepared: &mut Prepared) -> bool {
        let access = format!("/api/organisations/{}/access", self.site.org);
        let ask = format!("/api/organisations/{}/break-glass", self.site.org);
        let asked = json!({ "reason": "nobody of theirs answers", "ticket": "T-1", "hours": 2 });
        if prepared.path.starts_with("/api/organisations/{org_id}/") {
            fill(&mut prepared.path, &self.site.org);
        }
        if route.contains("break-glass") || route.ends_with("/access") {
            // A client without an owner is not restricted.
            let place = proofline_core::Place::Practice(self.site.org);
            self.app.person_of(proofline_core::Role::PracticeOwner, place).await;
        }
        match route {
            "PUT /api/organisations/{org_id}/access" => prepared.body = Some(json!({ "restricted": true })),
            "POST /api/organisations/{org_id}/grants"
            | "DELETE /api/organisations/{org_id}/grants/{user_id}" => {
                let (_, id) = self.operator().await;
                let grant = json!({ "user_id": id, "reason": "works on their firewall" });
                if route.starts_with("DELETE") {
                    let grants = format!("/api/organisations/{}/grants", self.site.org);
                    self.admin.post(&grants, grant).await.expect(201);
                    fill(&mut prepared.path, &id);
                } else {
                    prepared.body = Some(grant);
                }
            }
            "POST /api/organisations/{org_id}/break-glass" => {
                self.admin.put(&access, json!({ "restricted": true })).await.expect(200);
                prepared.body = Some(asked);
            }
            "POST /api/break-glass/{break_glass_id}/approve"
            | "POST /api/break-glass/{break_glass_id}/end" => {
                self.admin.put(&access, json!({ "restricted": true })).await.expect(200);
                let email = self.operator().await.0;
                let mut operator = self.app.sign_in(&email).await;
                let waits = operator.post(&ask, asked).await.expect(201);
                fill(&mut prepared.path, &waits["id"].as_str().expect("an id"));
            }
            "POST /api/system/alarms/{alarm_id}/clear" => {
                let place = (self.site.org, self.site.id);
                fill(&mut prepared.path, &crate::alarms::raised(&self.app, place).await);
                prepared.body = Some(json!({ "reason": "a disk image was restored" }));
            }
            "POST /api/system/key-rotations/{key_rotation_id}/approve"
            | "POST /api/system/key-rotations/{key_rotation_id}/reject" => {
                fill(&mut prepared.path, &crate::key_rotations::asked(&self.app, KeyRole::Orders).await);
            }
            _ => return false,
        }
        true
    }

    /// Everything that the route needs to succeed once.
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each route")]
    pub(crate) async fn prepare(&mut self, entry: &RouteEntry) -> Prepared {
        let (mut sender, mut path, mut body) = (Sender::Admin, entry.path.clone(), None);
        let mut audited = audited(entry);
        let route = format!("{} {}", entry.method, entry.path);
        let mut prepared =
            Prepared { sender: Sender::Admin, path: path.clone(), body: None, audited: audited.clone() };
        if self.prepare_account(&route, &mut prepared).await
            || self.prepare_people(&route, &mut prepared).await
            || self.prepare_access(&route, &mut prepared).await
        {
            return prepared;
        }
        match route.as_str() {
            "POST /api/auth/bootstrap" => {
                // Only where there is nobody: every other test of this walk has somebody.
                let link = open_bootstrap(self.app.state()).await.expect("opens").expect("nobody exists").0;
                let token = link.split_once('#').expect("in the fragment").1;
                body = Some(json!({ "token": token, "name": "Ada Admin", "email": "ada@staff.example",
                    "password": "plum tractor eleven" }));
                (sender, audited) = (Sender::Nobody, Some("auth.bootstrap".to_owned()));
            }
            "POST /api/auth/login" => {
                body = Some(json!({ "email": self.email, "password": self.app.password() }));
                (sender, audited) = (Sender::Nobody, Some("auth.login".to_owned()));
            }
            "POST /api/auth/logout" => {}
            "POST /api/auth/second-factor/totp" => body = Some(json!({ "code": self.app_code().await })),
            "POST /api/auth/second-factor/recovery-code" => {
                let renewed =
                    self.admin.post("/api/auth/factors/recovery-codes", json!({})).await.expect(201);
                body = Some(json!({ "code": renewed["recovery_codes"][0] }));
            }
            "POST /api/auth/factors/totp"
            | "POST /api/auth/factors/recovery-codes"
            | "POST /api/auth/factors/passkeys/options" => {}
            "POST /api/auth/factors/totp/confirm" => {
                let begun = self.admin.post("/api/auth/factors/totp", json!({})).await.expect(201);
                let secret = begun["secret"].as_str().expect("a secret");
                body = Some(json!({ "code": totp_code(secret, self.app.clock.now()) }));
            }
            "DELETE /api/auth/factors/totp" => {
                self.app_code().await;
                self.authenticator().await;
            }
            "POST /api/auth/second-factor/passkey/options" => {
                self.authenticator().await;
            }
            "POST /api/auth/second-factor/passkey" => {
                let mut authenticator = self.authenticator().await;
                let options =
                    self.admin.post(&format!("{}/options", entry.path), json!({})).await.expect(201);
                let credential = authenticator.get(&options["public_key"]);
                body = Some(json!({ "ceremony_id": options["ceremony_id"], "credential": credential }));
            }
            "POST /api/auth/passkey/options" => (sender, body) = (Sender::Nobody, Some(json!({}))),
            "POST /api/auth/passkey" => {
                let mut authenticator = self.authenticator().await;
                let options = format!("{}/options", entry.path);
                let options = self.app.anonymous().post(&options, json!({})).await.expect(201);
                let credential = authenticator.get(&options["public_key"]);
                body = Some(json!({ "ceremony_id": options["ceremony_id"], "credential": credential }));
                (sender, audited) = (Sender::Nobody, Some("auth.login".to_owned()));
            }
            "POST /api/auth/factors/passkeys" => {
                let options =
                    self.admin.post(&format!("{}/options", entry.path), json!({})).await.expect(201);
                let credential = self.app.authenticator().create(&options["public_key"]);
                body = Some(json!({
                    "ceremony_id": options["ceremony_id"], "name": "Laptop", "credential": credential
                }));
            }
            "DELETE /api/auth/factors/passkeys/{passkey_id}" => {
                self.authenticator().await;
                self.authenticator().await;
                let own = self.admin.get("/api/auth/factors").await.expect(200);
                fill(&mut path, &own["passkeys"][0]["id"].as_str().expect("an id"));
            }
            "PUT /api/second-factor-policy" => {
                body = Some(json!({ "role": "practice_viewer", "requirement": "passkey" }));
            }
            "POST /api/auth/providers/{provider_id}/start" => {
                fill(&mut path, &Provider::configured(&self.app, &mut self.admin).await.id);
                (sender, body) = (Sender::Nobody, Some(json!({ "return_to": "/sites" })));
            }
            "POST /api/auth/identities/link" => {
                let provider = Provider::configured(&self.app, &mut self.admin).await;
                body = Some(json!({ "provider_id": provider.id }));
            }
            "DELETE /api/auth/identities/{identity_id}" => {
                let provider = Provider::configured(&self.app, &mut self.admin).await;
                provider.link(&mut self.admin, &Visitor::new("ada")).await;
                let linked = self.admin.get("/api/auth/identities").await.expect(200);
                fill(&mut path, &linked["items"][0]["id"].as_str().expect("an id"));
            }
            "POST /api/oidc/providers" => {
                body = Some(json!({ "name": self.name(), "kind": "google", "client_id": "ours",
                    "issuer": "https://accounts.google.com", "client_secret": "pear lorry twelve" }));
            }
            "PATCH /api/oidc/providers/{provider_id}" => {
                fill(&mut path, &Provider::configured(&self.app, &mut self.admin).await.id);
                body = Some(json!({ "enabled": false }));
            }
            "DELETE /api/oidc/providers/{provider_id}" => {
                fill(&mut path, &Provider::configured(&self.app, &mut self.admin).await.id);
            }
            "POST /api/oidc/approvals/{approval_id}/approve" => {
                let provider = Provider::configured(&self.app, &mut self.admin).await;
                fill(&mut path, &provider.waiting(&mut self.admin, &Visitor::new("eve")).await);
                body = Some(json!({ "role": "practice_viewer", "org_id": self.site.org }));
            }
            "POST /api/oidc/approvals/{approval_id}/reject" => {
                let provider = Provider::configured(&self.app, &mut self.admin).await;
                fill(&mut path, &provider.waiting(&mut self.admin, &Visitor::new("eve")).await);
            }
            "POST /api/partners" => body = Some(json!({ "name": self.name() })),
            "POST /api/organisations" => {
                let partners = self.admin.get("/api/partners").await.expect(200);
                body = Some(json!({ "partner_id": partners["items"][0]["id"], "name": self.name() }));
            }
            "POST /api/sites" => {
                body = Some(json!({ "org_id": self.site.org, "name": self.name(), "timezone": "UTC" }));
            }
            "POST /api/sites/{site_id}/codes" => {
                fill(&mut path, &self.site.id);
                body = Some(json!({ "label": "server room" }));
            }
            "DELETE /api/codes/{code_id}" => {
                let codes = format!("/api/sites/{}/codes", self.site.id);
                let issued = self.admin.post(&codes, json!({})).await.expect(201);
                fill(&mut path, &issued["id"].as_str().expect("an id"));
            }
            "POST /api/provision/claim" => {
                let machine = self.app.machine();
                body = Some(json!({
                    "code": self.app.code(&mut self.admin, &self.site).await,
                    "public_key": machine.key.public_key().to_base64(), "hostname": "h", "platform": "p",
                    "machine_id_digest": "00".repeat(32), "agent_version": "0.1.0"
                }));
                sender = Sender::Appliance(machine);
            }
            "POST /api/appliances/checkin" => {
                // One that brings news of an order, which is what a check-in can change.
                let agent = self.appliance().await;
                let run = format!("/api/appliances/{}/run-checks", agent.identity().appliance);
                let issued = self.admin.post_empty(&run).await.expect(202);
                let mut request = agent.check_in_request();
                let order = issued["order_id"].as_str().expect("an id").parse().expect("an id");
                let detail = Text::new("48 checks").expect("fits");
                request.orders_done = vec![OrderReport { order, outcome: OrderOutcome::Done, detail }];
                body = Some(serde_json::to_value(request).expect("serialises"));
                (sender, audited) = (Sender::Appliance(agent), Some("agent.finish_orders".to_owned()));
            }
            "POST /api/appliances/evidence" => {
                let mut desk = Desk::of(self.appliance().await, &self.app.clock);
                let run = desk.run(vec![result(ROOT_LOGIN, Verdict::Pass, "no")]);
                let request =
                    SubmitRequest { from_size: 0, envelopes: vec![proofline_protocol::Base64(run)] };
                body = Some(serde_json::to_value(request).expect("serialises"));
                sender = Sender::Appliance(desk.agent);
            }
            "POST /api/appliances/{appliance_id}/revoke" => {
                fill(&mut path, &self.appliance().await.identity().appliance);
                body = Some(json!({ "reason": "stolen from the car" }));
            }
            "POST /api/appliances/{appliance_id}/mode" => {
                fill(&mut path, &self.appliance().await.identity().appliance);
                body = Some(json!({ "mode": "ask" }));
            }
            "POST /api/appliances/{appliance_id}/run-checks" => {
                fill(&mut path, &self.appliance().await.identity().appliance);
            }
            "POST /api/appliances/{appliance_id}/credentials" => {
                fill(&mut path, &self.appliance().await.identity().appliance);
                body = Some(json!({ "name": "nas", "username": "backup", "secret": "plum" }));
            }
            "DELETE /api/credentials/{credential_id}" => {
                let appliance = self.appliance().await.identity().appliance;
                let set = json!({ "name": "nas", "username": "backup", "secret": "plum" });
                let set = self.admin.post(&format!("/api/appliances/{appliance}/credentials"), set).await;
                fill(&mut path, &set.expect(201)["id"].as_str().expect("an id"));
            }
            "POST /api/incidents/{incident_id}/approve" => {
                let (incident, plan) = self.waiting().await;
                fill(&mut path, &incident);
                body = Some(json!({ "plan_digest": plan.to_string() }));
            }
            "POST /api/incidents/{incident_id}/escalate" => {
                let (incident, _) = self.waiting().await;
                fill(&mut path, &incident);
                body = Some(json!({ "reason": "needs somebody on site" }));
            }
            "POST /api/tokens" => {
                let actions = ["site.read", "code.create"];
                body = Some(json!({ "name": self.name(), "actions": actions, "expires_in_days": 90 }));
            }
            "DELETE /api/tokens/{token_id}" => {
                self.app.token(&mut self.admin, &["site.read"]).await;
                let listed = self.admin.get("/api/tokens").await.expect(200);
                fill(&mut path, &listed["items"][0]["id"].as_str().expect("an id"));
            }
            "GET /api/audit/export" => {}
            "GET /api/sites/{site_id}/evidence/export" => fill(&mut path, &self.site.id),
            "POST /api/csp-reports" => {
                body = Some(json!({ "csp-report": { "violated-directive": "script-src" } }));
                sender = Sender::Nobody;
            }
            "PATCH /api/settings" => body = Some(json!({ "name": self.name() })),
            other => panic!("say here how {other} is carried out once"),
        }
        Prepared { sender, path, body, audited }
    }

    pub(crate) async fn send(&mut self, method: Method, prepared: &Prepared) -> Reply {
        match &prepared.sender {
            Sender::Admin => self.admin.send(method, &prepared.path, prepared.body.as_ref()).await,
            Sender::Nobody => self.app.anonymous().send(method, &prepared.path, prepared.body.as_ref()).await,
            Sender::Appliance(agent) => {
                agent.call(method.as_str(), &prepared.path, prepared.body.as_ref()).await
            }
        }
    }

    /// Action and outcome of every audit row.
    async fn audit(&self) -> Vec<(String, String)> {
        let mut owner = self.app.database.superuser().await;
        sqlx::query_as("SELECT action, outcome FROM audit_entry ORDER BY at, id")
            .fetch_all(&mut owner)
            .await
            .expect("reads")
    }
}

/// A world in which the route can be carried out.
pub(crate) async fn world_for(entry: &RouteEntry) -> World {
    if entry.path == "/api/auth/bootstrap" {
        let app = TestApp::start_with(1, |settings| settings.rate_scale = 10_000).await;
        let admin = app.anonymous();
        let nothing = "01h455vb4pex5vsknk084sn02q";
        let site = TestSite {
            partner: format!("part_{nothing}").parse().expect("an id"),
            org: format!("org_{nothing}").parse().expect("an id"),
            id: format!("site_{nothing}").parse().expect("an id"),
        };
        return World { app, email: String::new(), admin, site, names: 0 };
    }
    World::new().await
}

#[tokio::test]
async fn every_change_leaves_exactly_one_audit_row() {
    let routes = TestApp::start().await.app.routes.clone();
    for entry in routes.iter().filter(|entry| changes_something(entry)) {
        let what = format!("{} {}", entry.method, entry.path);
        let mut world = world_for(entry).await;
        let prepared = world.prepare(entry).await;
        let before = world.audit().await;
        let reply = world.send(entry.method.parse().expect("a method"), &prepared).await;
        assert!(reply.status.is_success(), "{what}: {}", String::from_utf8_lossy(&reply.bytes));
        let after = world.audit().await;
        let expected: Vec<_> =
            prepared.audited.iter().map(|action| (action.clone(), "done".to_owned())).collect();
        let mut fresh = after.clone();
        for row in &before {
            fresh.remove(fresh.iter().position(|other| other == row).expect("no row is ever lost"));
        }
        assert_eq!(fresh, expected, "{what}");
    }
}

#[tokio::test]
async fn an_order_that_is_reported_again_is_no_change() {
    let mut world = World::new().await;
    let routes = world.app.app.routes.clone();
    let check_in = routes.iter().find(|entry| entry.path == paths::CHECK_IN).expect("a route");
    let prepared = world.prepare(check_in).await;
    world.send(Method::POST, &prepared).await.expect(200);
    let before = world.app.database.fingerprint(&[]).await;
    let mut stream = world.admin.open("/api/events").await;
    assert_eq!(stream.next().await.expect("open").event, "ready");
    world.send(Method::POST, &prepared).await.expect(200);
    assert_eq!(world.app.database.fingerprint(&[]).await, before);
    world.app.site(&mut world.admin, "Another").await;
    let next = stream.next().await.expect("open");
    assert!(
        next.data.contains("\"topic\":\"site\""),
        "the first change is the site, not the report: {next:?}"
    );
}

/// How a request of a page of another site, or of another session, differs from a good one.
async fn forgeries(world: &World) -> Vec<(&'static str, Browser)> {
    let own = world.admin.cookies["__Host-csrf"].clone();
    let other = world.app.admin().await.cookies["__Host-csrf"].clone();
    let old = {
        // The token of a session that this very browser had before.
        let mut earlier = world.app.sign_in(&world.email).await;
        let token = earlier.cookies["__Host-csrf"].clone();
        earlier.post_empty("/api/auth/logout").await.expect(204);
        token
    };
    let nonce = own.split('.').next().expect("a nonce").to_owned();
    // Cookie and header agree, as an attacker who can plant a cookie would have it.
    let pair = |value: &str| {
        let mut browser = world.admin.clone();
        browser.cookies.insert("__Host-csrf".to_owned(), value.to_owned());
        browser.headers = vec![("x-csrf-token", value.to_owned())];
        browser
    };
    let with = |name: &'static str, value: &str| {
        let mut browser = world.admin.clone();
        browser.headers = vec![(name, value.to_owned())];
        browser
    };
    vec![
        ("no cookie and no header", {
            let mut browser = world.admin.clone();
            browser.cookies.remove("__Host-csrf");
            browser
        }),
        ("an empty header", with("x-csrf-token", "")),
        ("abc and abc", pair("abc")),
        ("no MAC", pair(&nonce)),
        ("an empty MAC", pair(&format!("{nonce}."))),
        ("a cut MAC", pair(&own[..own.len() - 2])),
        ("another person's pair", pair(&other)),
        ("an old session's pair", pair(&old)),
        ("another origin", with("origin", "https://evil.example")),
        ("an opaque origin", with("origin", "null")),
        ("another site", with("sec-fetch-site", "cross-site")),
        ("plain text", with("content-type", "text/plain")),
        ("a form", with("content-type", "application/x-www-form-urlencoded")),
    ]
}

#[tokio::test]
pub(crate) async fn no_change_is_made_for_a_page_of_somebody_else() {
    let routes = TestApp::start().await.app.routes.clone();
    let mut refused = 0;
    for entry in routes.iter().filter(|entry| entry.method != "GET") {
        let public = match entry.access {
            Access::Public(_) => true,
            Access::Person(_) => false,
            // No cookie is looked at there: proved by `routes`.
            Access::Appliance(_) | Access::Claimant(_) => continue,
        };
        let mut world = world_for(entry).await;
        let prepared = world.prepare(entry).await;
        let forgeries = match public {
            true => ["origin", "sec-fetch-site", "content-type"]
                .map(|name| {
                    let mut browser = world.app.anonymous();
                    let value = if name == "content-type" { "text/plain" } else { "https://evil.example" };
                    browser.headers = vec![(name, value.to_owned())];
                    (name, browser)
                })
                .into(),
            false => forgeries(&world).await,
        };
        let before = world.app.database.fingerprint(&["audit_entry"]).await;
        for (how, mut browser) in forgeries {
            let method = entry.method.parse().expect("a method");
            let reply = browser.send(method, &prepared.path, prepared.body.as_ref()).await;
            let what = format!("{} {} with {how}", entry.method, entry.path);
            // Where no cookie is the credential there is nothing to forge, only something that is not read.
            let expected = if public && how == "content-type" { 415 } else { 403 };
            assert_eq!(reply.status.as_u16(), expected, "{what}");
            assert!(
                ["csrf_refused", "origin_refused", "json_expected"].contains(&reply.code().as_str()),
                "{what}"
            );
            refused += 1;
        }
        // Once for all of them: it reads every table. That they were refused is noted.
        let after = world.app.database.fingerprint(&["audit_entry"]).await;
        assert_eq!(after, before, "{} {}", entry.method, entry.path);
        // The same request was good all along.
        let reply = world.send(entry.method.parse().expect("a method"), &prepared).await;
        assert!(reply.status.is_success(), "{} {}: {}", entry.method, entry.path, reply.status);
    }
    assert!(refused > 100, "{refused}");
}
