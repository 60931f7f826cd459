//! The crate graph and what every crate must have.
//!
//! [`EDGES`] is the architecture in one table. It is compared for equality: a new edge fails, and so does one that is
//! no longer there, so the table is always the truth.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::findings::Findings;
use crate::repository::Repository;

/// Crate → what it may depend on in this workspace, lowest floor first. Nothing points upward: each line names only
/// crates of lines above it.
const EDGES: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("outbox", &[]),
    ("embedded-postgres", &[]),
    ("evidence", &["core"]),
    ("catalog", &["core"]),
    ("authz", &["core"]),
    ("vault", &["core"]),
    ("protocol", &["core", "evidence"]),
    ("healing", &["core", "catalog"]),
    ("store", &["core", "authz", "vault", "healing"]),
    ("jobs", &[]),
    ("agent", &["core", "evidence", "catalog", "protocol", "healing", "outbox"]),
    ("verify", &["core", "evidence"]),
    ("fleetsim", &["core", "evidence", "catalog", "protocol", "outbox"]),
    ("server", &["core", "authz", "vault", "evidence", "catalog", "protocol", "healing", "store", "jobs"]),
    ("fuzz-targets", &["core", "vault", "evidence", "catalog", "protocol", "healing", "agent", "server"]),
    (
        "testkit",
        &["core", "vault", "evidence", "catalog", "protocol", "store", "server", "embedded-postgres"],
    ),
    (
        "proofline",
        &["core", "vault", "evidence", "catalog", "protocol", "store", "server", "embedded-postgres"],
    ),
    ("xtask", &["embedded-postgres"]),
];

/// Only tests may use it, and the tests of any crate may.
const FOR_TESTS: &str = "testkit";

/// No input and no output: time, randomness and data are handed in.
const PURE: &[&str] = &["core", "evidence", "catalog", "authz", "vault", "protocol", "healing"];

/// What a pure crate has no use for.
const IO_CRATES: &[&str] = &[
    "axum",
    "getrandom",
    "hyper",
    "hyper-util",
    "object_store",
    "redis",
    "reqwest",
    "rusqlite",
    "rustix",
    "rustls",
    "sqlx",
    "tempfile",
    "tokio",
    "ureq",
];

/// One TLS provider (ring), and no C library for TLS. deny.toml says the same to cargo-deny.
const BANNED: &[&str] = &["aws-lc-rs", "aws-lc-sys", "native-tls", "openssl", "openssl-sys"];

pub(crate) fn check(repository: &Repository) -> Result<Findings> {
    let mut findings = Findings::default();
    let members: Vec<Member> = repository.packages()?.iter().map(Member::read).collect::<Result<_>>()?;
    findings.extend(table_points_downward(EDGES));
    findings.extend(graph_is(EDGES, &members));
    for member in &members {
        let manifest = repository.read(&member.manifest)?;
        findings.extend(manifest_is_sound(member, &manifest));
    }
    let lock = repository.read("Cargo.lock")?;
    for banned in BANNED {
        findings.add_unless(!lock.contains(&format!("name = \"{banned}\"\n")), || {
            format!("{banned} is in Cargo.lock: ask `cargo tree -i {banned}` who brings it, and turn that feature off")
        });
    }
    Ok(findings)
}

/// What the checks need to know about a crate.
#[derive(Debug, Default)]
struct Member {
    /// Without the `proofline-` in front.
    name: String,
    manifest: String,
    publishable: bool,
    /// Normal and build dependencies in this workspace.
    uses: BTreeSet<String>,
    /// The same for tests.
    tests_use: BTreeSet<String>,
    /// Normal dependencies from outside.
    external: BTreeSet<String>,
}

/// `proofline-store` → `store`; the binary's own crate is called just `proofline`.
fn short(name: &str) -> &str {
    name.strip_prefix("proofline-").unwrap_or(name)
}

impl Member {
    fn read(package: &Value) -> Result<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut member = Self {
            name: short(&text(&package["name"])).to_owned(),
            manifest: text(&package["manifest_path"]),
            publishable: package["publish"] != Value::Array(Vec::new()),
            ..Self::default()
        };
        for dependency in package["dependencies"].as_array().context("a package lists its dependencies")? {
            let name = text(&dependency["name"]);
            let is_ours = dependency["path"].is_string();
            let for_tests = dependency["kind"] == "dev";
            match (is_ours, for_tests) {
                (true, true) => member.tests_use.insert(short(&name).to_owned()),
                (true, false) => member.uses.insert(short(&name).to_owned()),
                (false, false) if dependency["kind"].is_null() => member.external.insert(name),
                (false, _) => false,
            };
        }
        Ok(member)
    }
}

fn table_points_downward(table: &[(&str, &[&str])]) -> Findings {
    let mut findings = Findings::default();
    for (line, (name, uses)) in table.iter().enumerate() {
        for used in *uses {
            let below = table[..line].iter().any(|(lower, _)| lower == used);
            findings.add_unless(below, || {
                format!("EDGES: {name} points up to {used}: no crate may know a higher floor")
            });
        }
    }
    findings
}

fn is_below(table: &[(&str, &[&str])], lower: &str, upper: &str) -> bool {
    let line = |name: &str| table.iter().position(|(listed, _)| *listed == name);
    matches!((line(lower), line(upper)), (Some(lower), Some(upper)) if lower < upper)
}

fn graph_is(table: &[(&str, &[&str])], members: &[Member]) -> Findings {
    let mut findings = Findings::default();
    let allowed: BTreeMap<&str, BTreeSet<String>> = table
        .iter()
        .map(|(name, uses)| (*name, uses.iter().map(|used| (*used).to_owned()).collect()))
        .collect();
    for member in members {
        let name = &member.name;
        let Some(allowed) = allowed.get(name.as_str()) else {
            findings.add(format!(
                "{name} is not in EDGES (xtask/src/workspace.rs): decide which floor it stands on"
            ));
            continue;
        };
        for edge in member.uses.difference(allowed) {
            findings.add(format!(
                "{name} → {edge} is a new edge: decide it on purpose, in EDGES (xtask/src/workspace.rs)"
            ));
        }
        for edge in allowed.difference(&member.uses) {
            findings.add(format!(
                "{name} → {edge} is no longer there: take it out of EDGES (xtask/src/workspace.rs)"
            ));
        }
        for edge in &member.tests_use {
            let fine = edge == FOR_TESTS || name == FOR_TESTS || is_below(table, edge, name);
            findings.add_unless(fine, || {
                format!("the tests of {name} use {edge}: only {FOR_TESTS} and lower floors are for tests")
            });
        }
        if PURE.contains(&name.as_str()) {
            for used in IO_CRATES.iter().filter(|used| member.external.contains(**used)) {
                findings.add(format!("{name} does no input or output, so it cannot use {used}"));
            }
        }
    }
    for (name, _) in table {
        findings.add_unless(members.iter().any(|member| member.name == *name), || {
            format!("EDGES names {name}, which is not a crate of the workspace")
        });
    }
    findings
}

fn manifest_is_sound(member: &Member, manifest: &str) -> Findings {
    let mut findings = Findings::default();
    let name = &member.name;
    findings
        .add_unless(!member.publishable, || format!("{name} could be published: `publish.workspace = true`"));
    let sections = sections(manifest);
    let inherits = sections.get("lints").is_some_and(|lines| lines.contains(&"workspace = true"));
    findings.add_unless(inherits, || {
        format!("{name} does not inherit the lints: `[lints]` with `workspace = true`")
    });
    for (section, lines) in sections.iter().filter(|(section, _)| section.ends_with("dependencies")) {
        for line in lines.iter().filter(|line| !line.contains("workspace = true")) {
            findings.add(format!(
                "{name} [{section}] {line}: versions are kept in one place, the root Cargo.toml"
            ));
        }
    }
    findings
}

/// The lines of each `[section]`, without comments and blanks.
fn sections(manifest: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut current = "";
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            current = section;
        } else if !line.is_empty() && !line.starts_with('#') {
            sections.entry(current).or_default().push(line);
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[(&str, &[&str])] = &[("core", &[]), ("store", &["core"])];

    fn member(name: &str, uses: &[&str]) -> Member {
        Member {
            name: name.to_owned(),
            uses: uses.iter().map(|used| (*used).to_owned()).collect(),
            ..Member::default()
        }
    }

    #[test]
    fn a_graph_that_is_the_table_is_in_order() {
        let findings = graph_is(TABLE, &[member("core", &[]), member("store", &["core"])]);
        assert_eq!(findings.sentences(), [] as [&str; 0]);
    }

    #[test]
    fn every_difference_from_the_table_is_named() {
        let mut core = member("core", &["store"]);
        core.external.insert("tokio".to_owned());
        core.tests_use.insert("store".to_owned());
        let findings = graph_is(TABLE, &[core, member("store", &[]), member("extra", &[])]);
        let starts = [
            "core → store is a new edge",
            "the tests of core use store",
            "core does no input or output",
            "store → core is no longer there",
            "extra is not in EDGES",
        ];
        assert_eq!(findings.sentences().len(), starts.len(), "{findings:?}");
        for (sentence, start) in findings.sentences().iter().zip(starts) {
            assert!(sentence.starts_with(start), "{sentence}");
        }
    }

    #[test]
    fn the_table_itself_points_downward() {
        assert_eq!(table_points_downward(EDGES).sentences(), [] as [&str; 0]);
        assert_eq!(table_points_downward(&[("a", &["b"]), ("b", &[])]).sentences().len(), 1);
    }

    #[test]
    fn a_manifest_inherits_lints_and_versions() {
        let sound = "[package]\npublish.workspace = true\n[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n";
        assert_eq!(manifest_is_sound(&member("core", &[]), sound).sentences(), [] as [&str; 0]);
        let unsound = "[package]\n[dependencies]\nserde = \"1\"\n";
        let loose = Member { publishable: true, ..member("core", &[]) };
        assert_eq!(manifest_is_sound(&loose, unsound).sentences().len(), 3);
    }
}
