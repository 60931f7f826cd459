//! What this machine can do at most, measured in the same run as the figures that are compared with it.

mod database;
mod routes;

use std::time::{Duration, Instant};

use proofline_core::{Clock, Entropy};
use proofline_evidence::SigningKey;
use serde::Serialize;

use crate::measure::per_second;
use crate::wire::Sources;

pub use database::{DatabaseCeilings, measure as measure_database};

/// Operations per second.
#[derive(Debug, Clone, Serialize)]
pub struct Ceilings {
    /// A route that answers five bytes, over HTTP, client included.
    pub hello: f64,
    /// The same with one request signature signed by the client and verified by the route.
    pub hello_signed: f64,
    /// Ed25519 verifications on one core.
    pub ed25519_verify: f64,
    /// What the database can do, where one was given.
    pub database: Option<DatabaseCeilings>,
}

/// Measures all but the database, each for `duration` over `connections`.
pub async fn measure(
    clock: &std::sync::Arc<dyn Clock>,
    entropy: &std::sync::Arc<dyn Entropy>,
    sources: &Sources,
    connections: usize,
    duration: Duration,
) -> anyhow::Result<Ceilings> {
    let keys: Vec<SigningKey> = (0..64).map(|_| SigningKey::generate(entropy.as_ref())).collect();
    let server = routes::start(clock.clone(), &keys)?;
    let hello = routes::hello(&server, sources, connections, duration).await?;
    let hello_signed =
        routes::signed(&server, sources, (clock, entropy), &keys, connections, duration).await?;
    let ed25519_verify = tokio::task::spawn_blocking(move || raw_verification(&keys[0], duration)).await?;
    Ok(Ceilings { hello, hello_signed, ed25519_verify, database: None })
}

fn raw_verification(key: &SigningKey, duration: Duration) -> f64 {
    // As long as the signature base of a check-in.
    let message = [0x61; 480];
    let signature = key.sign(&message);
    let (begun, mut count) = (Instant::now(), 0_u64);
    while begun.elapsed() < duration {
        if key.public_key().verify(&message, &signature).is_ok() {
            count += 1;
        }
    }
    per_second(count, begun.elapsed())
}

impl std::fmt::Display for Ceilings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "ceilings of this machine, per second")?;
        writeln!(f, "  hello route                        {:>9.0}", self.hello)?;
        writeln!(f, "  hello route, one signature verified {:>8.0}", self.hello_signed)?;
        writeln!(f, "  Ed25519 verification, one core     {:>9.0}", self.ed25519_verify)?;
        if let Some(database) = &self.database {
            writeln!(f, "  single indexed select              {:>9.0}", database.select)?;
            writeln!(f, "  single durable insert              {:>9.0}", database.insert)?;
        }
        Ok(())
    }
}
