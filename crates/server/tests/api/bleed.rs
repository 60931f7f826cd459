//! Two connections, two tenants, and requests that are given up half-way: what one request sets, no other inherits.
//!
//! Ten thousand requests take about a minute unoptimised; `PROOFLINE_BLEED` sets another number.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use proofline_core::Role;
use proofline_protocol::{Base64, SubmitRequest};
use proofline_testkit::{Agent, Browser, TestApp, logs};

use crate::tenant::Tenant;

/// Someone of a tenant, and what an answer to them must hold and must not.
#[derive(Clone)]
enum Someone {
    Person(Box<Browser>),
    Appliance(Box<Agent>),
}

/// Polls a request so many times and drops it, as when its client is gone; the answer, where it was there by then.
async fn polled<T>(request: impl Future<Output = T>, most: u32) -> Option<T> {
    let mut request = pin!(request);
    let mut left = most;
    std::future::poll_fn(move |context: &mut Context<'_>| match request.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_up_while_a_transaction_begins_leaves_none_open() {
    let app = TestApp::start_with(2, |settings| settings.rate_scale = 1_000_000).await;
    let admin = app.admin().await;
    let mut watcher = app.database.superuser().await;
    for round in 0..200 {
        let mut browser = admin.clone();
        drop(polled(browser.get("/api/overview"), round % 20).await);
    }
    let (mut open, began) = (i64::MAX, Instant::now());
    while open > 0 && began.elapsed() < std::time::Duration::from_secs(30) {
        open = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
        )
        .fetch_one(&mut watcher)
        .await
        .expect("counts");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(open, 0, "transactions that nobody knows of");
    let warned = logs::text();
    assert!(!warned.contains("there is already a transaction in progress"), "one went on in another");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub(crate) async fn interleaved_requests_on_two_connections_never_cross_tenants() {
    let rounds: u32 =
        std::env::var("PROOFLINE_BLEED").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let app = TestApp::start_with(2, |settings| settings.rate_scale = 1_000_000).await;
    let mut admin = app.admin().await;
    let tenants = [
        Arc::new(Tenant::new(&app, &mut admin, "One", 77).await),
        Arc::new(Tenant::new(&app, &mut admin, "Two", 78).await),
    ];
    let mut everybody = Vec::new();
    for (which, tenant) in tenants.iter().enumerate() {
        for role in [Role::PartnerTechnician, Role::PracticeManager] {
            let browser = app.sign_in(&tenant.people[&role]).await;
            everybody.push((which, Someone::Person(Box::new(browser))));
        }
        everybody.push((which, Someone::Appliance(Box::new(tenant.agent.clone()))));
    }
    let (next, given_up, begun) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)), Instant::now());
    let tasks: Vec<_> = everybody
        .into_iter()
        .map(|(which, someone)| {
            let (next, given_up) = (next.clone(), given_up.clone());
            let (own, other) = (tenants[which].clone(), tenants[1 - which].clone());
            tokio::spawn(async move {
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round >= rounds {
                        return;
                    }
                    // Every seventh is dropped after a few steps, wherever that is: before, in or after its transaction.
                    let most = if round % 7 == 0 { round / 7 % 9 } else { u32::MAX };
                    let reply = match &someone {
                        Someone::Person(browser) => {
                            let mut browser = browser.clone();
                            let path = match round % 4 {
                                0 => "/api/organisations".to_owned(),
                                1 => format!("/api/sites/{}/evidence?limit=5", own.site.id),
                                2 => "/api/appliances".to_owned(),
                                _ => format!("/api/sites/{}", other.site.id),
                            };
                            (round % 4, polled(browser.get(&path), most).await)
                        }
                        Someone::Appliance(agent) => {
                            // What is known already is answered with a proof of its own site's log.
                            let envelopes = vec![Base64(own.statement.clone())];
                            let request = SubmitRequest { from_size: 0, envelopes };
                            (4, polled(agent.submit(&request), most).await)
                        }
                    };
                    let (kind, Some(reply)) = reply else {
                        given_up.fetch_add(1, Ordering::Relaxed);
                        continue;
                    };
                    let text = String::from_utf8_lossy(&reply.bytes).into_owned();
                    let expected = if kind == 3 { 404 } else { 200 };
                    assert_eq!(reply.status.as_u16(), expected, "{kind}: {text}");
                    let of = |tenant: &Tenant| {
                        let mut marks = tenant.marks();
                        marks.extend([tenant.site.org.to_string(), format!("Clinic {}", tenant.name)]);
                        marks.into_iter().any(|mark| text.contains(&mark))
                    };
                    assert!(!of(&other), "{kind} shows another tenant's: {text}");
                    assert!(of(&own) || kind == 3, "{kind} does not show their own: {text}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("nothing crossed");
    }
    let given_up = given_up.load(Ordering::Relaxed);
    assert!(given_up > rounds / 50, "{given_up} requests were given up");
    println!("{rounds} requests, {given_up} of them given up, in {:.1?}", begun.elapsed());
}
