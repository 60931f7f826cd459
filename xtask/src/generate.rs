//! The committed files that are made from other files, each by one recipe.
//!
//! | File | Made from | By |
//! |---|---|---|
//! | `.sqlx/` | the queries and the migrations | the query macros, against a private database |
//! | `spec/openapi.json`, `spec/policy.txt`, `spec/isolation.md` | routes, policy, database | the tests that check them |
//! | `docs/checks.md` | the catalogue | the test that checks it |
//! | `web/src/api/schema.d.ts` | `spec/openapi.json` | openapi-typescript |
//!
//! With `--check` everything is made aside and compared.

mod database;
mod queries;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::findings::Findings;
use crate::repository::{Repository, run as command_run};

/// A generated file, in the order in which they build on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Product {
    /// Offline metadata of the SQL queries.
    Queries,
    /// The description of the HTTP API.
    Specification,
    /// The TypeScript types of the HTTP API.
    Client,
}

const OPENAPI: &str = "spec/openapi.json";
const CLIENT: &str = "web/src/api/schema.d.ts";

/// Makes the products named, or all.
pub(crate) fn run(repository: &Repository, only: &[Product], check: bool) -> Result<Findings> {
    let mut findings = Findings::default();
    for product in Product::value_variants() {
        if only.is_empty() || only.contains(product) {
            findings.extend(match product {
                Product::Queries => queries::make(repository, check)?,
                Product::Specification => specification(repository, check)?,
                Product::Client => client(repository, check)?,
            });
        }
    }
    Ok(findings)
}

/// The tests that hold these files to the code write them when `UPDATE_SPEC` is set; checking is theirs alone.
fn specification(repository: &Repository, check: bool) -> Result<Findings> {
    if !check {
        for (package, name) in [
            ("proofline-authz", "the_printed_policy_is_the_policy"),
            ("proofline-catalog", "the_printed_checks_are_the_catalogue"),
            ("proofline-server", "the_description_names_every_route_and_its_permission"),
            ("proofline-server", "the_report_on_isolation_is_fresh"),
        ] {
            let mut command = repository.cargo();
            command.env("UPDATE_SPEC", "1").args(["test", "--quiet", "--package", package, name]);
            command_run(&mut command)?;
        }
    }
    Ok(Findings::default())
}

fn client(repository: &Repository, check: bool) -> Result<Findings> {
    let aside = repository.path("target/xtask/schema.d.ts");
    fs::create_dir_all(aside.parent().context("a folder")?)?;
    let program = repository.path("web/node_modules/.bin/openapi-typescript");
    let mut command = repository.command(program);
    command_run(command.arg(repository.path(OPENAPI)).arg("--output").arg(&aside))?;
    put(repository, CLIENT, &repository.read(&aside)?, check)
}

/// Writes the file, or finds it stale.
fn put(repository: &Repository, relative: &str, made: &str, check: bool) -> Result<Findings> {
    let mut findings = Findings::default();
    if repository.read(relative).is_ok_and(|old| old == made) {
        return Ok(findings);
    }
    if check {
        findings.add(stale(relative));
    } else {
        let path = repository.path(relative);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        fs::write(&path, made).with_context(|| format!("cannot write {relative}"))?;
        println!("{relative}: made anew");
    }
    Ok(findings)
}

fn stale(relative: &str) -> String {
    format!("{relative} is stale: `cargo xtask generate`")
}
