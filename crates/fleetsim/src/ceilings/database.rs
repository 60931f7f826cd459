//! What the database can do without a server in front of it: one row by its key, one row made durable.

use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::measure::per_second;

/// Operations per second, over [`CONNECTIONS`] connections, each waiting for its answer.
#[derive(Debug, Clone, Serialize)]
pub struct DatabaseCeilings {
    /// One row of 100 000 by primary key, each in its own statement.
    pub select: f64,
    /// One row of 1 KiB, each in its own transaction, synced.
    pub insert: f64,
}

const CONNECTIONS: u32 = 16;
const ROWS: i64 = 100_000;

/// Measures in a schema of its own, which it removes. The role must be allowed to create one.
pub async fn measure(url: &str, duration: Duration) -> anyhow::Result<DatabaseCeilings> {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .min_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(10))
        .connect(url)
        .await
        .context("connecting to the database for its ceilings")?;
    prepare(&pool).await.context("making a schema for the ceilings")?;
    let outcome = both(&pool, duration).await;
    sqlx::query("DROP SCHEMA fleetsim_ceilings CASCADE")
        .execute(&pool)
        .await
        .context("removing the schema")?;
    pool.close().await;
    outcome
}

async fn prepare(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("DROP SCHEMA IF EXISTS fleetsim_ceilings CASCADE").execute(pool).await?;
    sqlx::query("CREATE SCHEMA fleetsim_ceilings").execute(pool).await?;
    sqlx::query("CREATE TABLE fleetsim_ceilings.entry (id bigint PRIMARY KEY, payload bytea NOT NULL)")
        .execute(pool)
        .await?;
    sqlx::query(
        "INSERT INTO fleetsim_ceilings.entry SELECT n, decode(repeat('5a', 64), 'hex') FROM generate_series(1, $1) n",
    )
    .bind(ROWS)
    .execute(pool)
    .await?;
    sqlx::query("ANALYZE fleetsim_ceilings.entry").execute(pool).await?;
    Ok(())
}

async fn both(pool: &PgPool, duration: Duration) -> anyhow::Result<DatabaseCeilings> {
    let select = many(pool, duration, async |pool, worker, round| {
        let id = 1 + (worker * 7_919 + round * 104_729) % ROWS;
        let payload: Vec<u8> =
            sqlx::query_scalar("SELECT payload FROM fleetsim_ceilings.entry WHERE id = $1")
                .bind(id)
                .fetch_one(&pool)
                .await?;
        anyhow::ensure!(payload.len() == 64, "the row is the one that was written");
        Ok(())
    })
    .await?;
    let insert = many(pool, duration, async |pool, worker, round| {
        let id = ROWS + 1 + worker + round * i64::from(CONNECTIONS);
        sqlx::query("INSERT INTO fleetsim_ceilings.entry (id, payload) VALUES ($1, $2)")
            .bind(id)
            .bind(&[0x5a_u8; 1_024][..])
            .execute(&pool)
            .await?;
        Ok(())
    })
    .await?;
    Ok(DatabaseCeilings { select, insert })
}

async fn many<F>(
    pool: &PgPool,
    duration: Duration,
    once: impl Fn(PgPool, i64, i64) -> F + Copy + Send + 'static,
) -> anyhow::Result<f64>
where
    F: Future<Output = anyhow::Result<()>> + Send,
{
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..i64::from(CONNECTIONS) {
        let pool = pool.clone();
        workers.spawn(async move {
            let mut round = 0;
            while begun.elapsed() < duration {
                once(pool.clone(), worker, round).await?;
                round += 1;
            }
            anyhow::Ok(u64::try_from(round)?)
        });
    }
    let mut count = 0;
    while let Some(outcome) = workers.join_next().await {
        count += outcome??;
    }
    Ok(per_second(count, begun.elapsed()))
}
