//! A tenant with one of everything: what tests of isolation have two of.

use std::collections::BTreeMap;

use proofline_core::{
    AssetId, Clock, Entropy, IncidentId, OrderId, ProvisioningCodeId, Role, SeededEntropy, Verdict,
};
use proofline_evidence::Digest;
use proofline_testkit::{Agent, Browser, TestApp, TestSite};
use serde_json::json;

use crate::desk::{Desk, ROOT_LOGIN, result};

/// A partner with a clinic, and everything in it.
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) site: TestSite,
    pub(crate) agent: Agent,
    pub(crate) asset: AssetId,
    pub(crate) incident: IncidentId,
    pub(crate) plan: Digest,
    /// What its appliance submitted first.
    pub(crate) statement: Vec<u8>,
    pub(crate) code: ProvisioningCodeId,
    pub(crate) order: OrderId,
    /// An address for each role of a partner or a practice.
    pub(crate) people: BTreeMap<Role, String>,
}

/// The roles that a tenant has people of.
pub(crate) const ITS_ROLES: [Role; 6] = [
    Role::PartnerAdmin,
    Role::PartnerTechnician,
    Role::PartnerBilling,
    Role::PracticeOwner,
    Role::PracticeManager,
    Role::PracticeViewer,
];

impl Tenant {
    pub(crate) async fn new(app: &TestApp, admin: &mut Browser, name: &str, seed: u64) -> Self {
        let site = app.site(admin, name).await;
        let agent = app.enrolled(admin, &site).await;
        agent.check_in().await;
        app.run_job("presence").await;
        let mut desk = Desk::of(agent.clone(), &app.clock);
        let failing = desk.run(vec![result(ROOT_LOGIN, Verdict::Fail, "yes")]);
        let entropy: &dyn Entropy = &SeededEntropy::new(seed);
        let (incident, plan) = (IncidentId::new(app.clock.now(), entropy), Digest::of(name));
        let cause = format!("plan {plan}: the site asks first");
        let asks = desk.change(incident, Some("open"), "awaiting_approval", &cause);
        desk.submit_all(vec![failing.clone(), asks]).await;
        let incidents = admin.get(&format!("/api/incidents?site_id={}", site.id)).await.expect(200);
        let incident = incidents["items"][0]["id"].as_str().expect("one is open").parse().expect("an id");
        let code = admin.post(&format!("/api/sites/{}/codes", site.id), json!({})).await.expect(201);
        let code = code["id"].as_str().expect("an id").parse().expect("an id");
        let run = format!("/api/appliances/{}/run-checks", agent.identity().appliance);
        let order = admin.post_empty(&run).await.expect(202);
        let order = order["order_id"].as_str().expect("an id").parse().expect("an id");
        let mut people = BTreeMap::new();
        for role in ITS_ROLES {
            people.insert(role, app.person_of(role, site.place(role)).await);
        }
        let asset = desk.asset;
        Self {
            name: name.to_owned(),
            site,
            agent,
            asset,
            incident,
            plan,
            statement: failing,
            code,
            order,
            people,
        }
    }

    /// What an answer that shows anything of it beyond the clinic's name would hold.
    pub(crate) fn marks(&self) -> Vec<String> {
        vec![
            self.site.id.to_string(),
            self.agent.identity().appliance.to_string(),
            self.asset.to_string(),
            self.incident.to_string(),
            self.code.to_string(),
            self.order.to_string(),
            self.plan.to_string(),
        ]
    }
}
