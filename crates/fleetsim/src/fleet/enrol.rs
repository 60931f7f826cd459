//! Making a fleet: organisations, sites and codes as staff, then one claim per appliance with a fresh key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use proofline_core::{Clock, Entropy, Secret, SiteId};
use proofline_evidence::{Digest, SigningKey};
use proofline_protocol::signature::{Request, sign};
use proofline_protocol::{ClaimRequest, ClaimResponse, KeyRole, Text, paths};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::{Installation, Member, Roster, Staff};
use crate::wire::{Connection, LoopbackServer, Outgoing, Sources};

/// How the fleet is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Enrolment {
    /// Appliances in all, those already in the roster included.
    pub appliances: u32,
    /// Appliances at one site.
    pub per_site: u32,
    /// Sites of one organisation.
    pub sites_per_organisation: u32,
    /// Requests under way at once.
    pub connections: u32,
}

/// Claims from one address before another one is used, below the budget of one client.
const CLAIMS_PER_ADDRESS: u32 = 8;

struct Work {
    plan: Enrolment,
    first: u32,
    next_site: AtomicU32,
    partner: String,
    organisations: Mutex<Vec<Option<Arc<str>>>>,
    roster: Mutex<Roster>,
    server: LoopbackServer,
    sources: Sources,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// Adds appliances until the roster has as many as planned. Returns the roster and how long that took.
pub async fn enrol(
    staff: &mut Staff,
    (server, sources): (&LoopbackServer, &Sources),
    roster: Roster,
    plan: Enrolment,
    (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>),
) -> anyhow::Result<(Roster, Duration)> {
    let begun = Instant::now();
    let first = roster.members.last().map_or(0, |member| member.ordinal + 1);
    if first >= plan.appliances {
        return Ok((roster, begun.elapsed()));
    }
    let partner =
        staff.post("/api/partners", &json!({ "name": format!("Simulated partner {first}") })).await?;
    let sites = (plan.appliances - first).div_ceil(plan.per_site);
    let work = Arc::new(Work {
        plan,
        first,
        next_site: AtomicU32::new(0),
        partner: Staff::text("/api/partners", &partner, "id")?,
        organisations: Mutex::new(vec![None; usize::try_from(sites.div_ceil(plan.sites_per_organisation))?]),
        roster: Mutex::new(roster),
        server: server.clone(),
        sources: sources.clone(),
        clock,
        entropy,
    });
    let mut workers = JoinSet::new();
    for _ in 0..plan.connections.min(sites) {
        workers.spawn(worker(work.clone(), staff.twin()));
    }
    while let Some(outcome) = workers.join_next().await {
        outcome.context("a worker of the enrolment")??;
    }
    let work = Arc::into_inner(work).ok_or_else(|| anyhow!("every worker has ended"))?;
    let mut roster = work.roster.into_inner();
    roster.members.sort_unstable_by_key(|member| member.ordinal);
    Ok((roster, begun.elapsed()))
}

async fn worker(work: Arc<Work>, mut staff: Staff) -> anyhow::Result<()> {
    let mut connection = Connection::new(work.server.clone(), work.sources.clone(), Duration::from_mins(1));
    let mut claims = 0;
    loop {
        let place = work.next_site.fetch_add(1, Ordering::Relaxed);
        let begin = work.first + place * work.plan.per_site;
        if begin >= work.plan.appliances {
            return Ok(());
        }
        let organisation = organisation(&work, place / work.plan.sites_per_organisation, &mut staff).await?;
        let body = json!({ "org_id": &*organisation, "name": format!("Simulated site {begin}"),
            "timezone": "America/New_York" });
        let site = Staff::text("/api/sites", &staff.post("/api/sites", &body).await?, "id")?;
        for ordinal in begin..(begin + work.plan.per_site).min(work.plan.appliances) {
            let target = format!("/api/sites/{site}/codes");
            let code = staff.post(&target, &json!({ "label": format!("simulated {ordinal}") })).await?;
            let code = Secret::new(Staff::text(&target, &code, "code")?);
            claims += 1;
            if claims % CLAIMS_PER_ADDRESS == 0 {
                connection.renew();
            }
            let (installation, member) = claim(&work, &mut connection, code, ordinal).await?;
            anyhow::ensure!(
                member.site == site.parse::<SiteId>()?,
                "the claim named another site than its code's"
            );
            work.roster.lock().await.add(installation, member)?;
            if ordinal % 1_000 == 999 {
                eprintln!("enrolled {}", ordinal + 1);
            }
        }
    }
}

async fn organisation(work: &Work, place: u32, staff: &mut Staff) -> anyhow::Result<Arc<str>> {
    let mut known = work.organisations.lock().await;
    let slot = known.get_mut(usize::try_from(place)?).context("a slot per organisation")?;
    if let Some(id) = slot {
        return Ok(id.clone());
    }
    let body =
        json!({ "partner_id": work.partner, "name": format!("Simulated clinic {}-{place}", work.first) });
    let answer = staff.post("/api/organisations", &body).await?;
    Ok(slot.insert(Staff::text("/api/organisations", &answer, "id")?.into()).clone())
}

async fn claim(
    work: &Work,
    connection: &mut Connection,
    code: Secret,
    ordinal: u32,
) -> anyhow::Result<(Installation, Member)> {
    let seed = work.entropy.bytes::<32>();
    let key = SigningKey::from_seed(&seed);
    let hostname = format!("simulated-{ordinal}");
    let request = ClaimRequest {
        code,
        public_key: *key.public_key().as_bytes(),
        machine_id_digest: Digest::of(&hostname),
        hostname: Text::new(hostname)?,
        platform: Text::new("Simulated Linux")?,
        agent_version: Text::new(crate::AGENT_VERSION)?,
    };
    let body = serde_json::to_vec(&request)?;
    // The same code and key give the same answer, so a claim whose answer was lost is simply made again.
    for attempt in 0.. {
        let to_sign = Request { method: "POST", path: paths::CLAIM, query: "", body: &body };
        let signed = sign(&to_sign, &key, work.clock.now(), work.entropy.bytes::<16>())?;
        let headers = signed.iter().map(|(name, value)| (name, value.to_owned())).collect();
        let outgoing =
            Outgoing { method: Method::POST, target: paths::CLAIM, headers, body: body.clone().into() };
        match connection.send(&outgoing).await {
            Ok(reply) if (200..300).contains(&reply.status) => {
                let answer: ClaimResponse =
                    serde_json::from_slice(&reply.body).context("the answer to a claim")?;
                return enrolled(ordinal, &seed, &answer);
            }
            Ok(reply) if attempt < 30 && matches!(reply.status, 429 | 503) => {
                connection.renew();
                tokio::time::sleep(Duration::from_secs(reply.retry_after.unwrap_or(1).min(5))).await;
            }
            Ok(reply) => {
                anyhow::bail!("claim refused: {} {}", reply.status, String::from_utf8_lossy(&reply.body))
            }
            Err(_) if attempt < 30 => tokio::time::sleep(Duration::from_millis(500)).await,
            Err(failure) => anyhow::bail!("claim not answered: {failure}"),
        }
    }
    unreachable!("the loop ends by returning")
}

fn enrolled(ordinal: u32, seed: &[u8; 32], answer: &ClaimResponse) -> anyhow::Result<(Installation, Member)> {
    let checkpoint = answer.server_keys.iter().find(|key| key.role == KeyRole::Checkpoint);
    let installation = Installation {
        installation: answer.installation,
        checkpoint_key: STANDARD.encode(checkpoint.context("the server named no checkpoint key")?.public_key),
        catalogue: answer.catalogue,
    };
    let member = Member {
        ordinal,
        seed: STANDARD.encode(seed),
        site: answer.site,
        appliance: answer.appliance,
        asset: answer.asset,
    };
    Ok((installation, member))
}
