//! `spec/isolation.md`: what keeps tenants apart, route by route, job by job, table by table, query by query. It is
//! made from the running application, so nothing can be missing in it; the tests that it names are named by the compiler.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proofline_authz::permissions_of;
use proofline_core::{Level, Role};
use proofline_server::{Access, RouteEntry, workers::JOBS};
use proofline_testkit::TestApp;
use serde_json::Value;

use crate::isolation::{Table, tables};

/// The path of a test, which the compiler looks up.
macro_rules! test_name {
    ($module:ident::$test:ident) => {{
        let _: fn() = crate::$module::$test;
        concat!("`", stringify!($module), "::", stringify!($test), "`")
    }};
}

/// The short names of proofs in the tables, and what they are.
fn proofs() -> [(&'static str, &'static str, &'static str); 10] {
    [
        (
            "stranger",
            test_name!(routes::without_a_credential_only_public_routes_answer),
            "without a credential, every route",
        ),
        (
            "roles",
            test_name!(routes::every_role_gets_what_the_policy_says_and_nothing_else),
            "every role, every route",
        ),
        (
            "page",
            test_name!(writes::no_change_is_made_for_a_page_of_somebody_else),
            "every change, with forged and foreign credentials",
        ),
        (
            "ids",
            test_name!(matrix::another_tenants_ids_are_answered_like_ids_of_nothing),
            "every role, token and stranger, every route that takes an id, with another tenant's: same bytes as an id of \
             nothing, nothing changed",
        ),
        (
            "answers",
            test_name!(matrix::no_list_no_search_and_no_file_shows_another_tenant),
            "every list, search, cursor and file: no name or id of another tenant",
        ),
        (
            "stream",
            test_name!(matrix::no_stream_tells_of_another_tenant),
            "live updates, from now and from the beginning",
        ),
        (
            "appliance",
            test_name!(matrix::an_appliance_of_one_tenant_reaches_nothing_of_another),
            "an appliance that names what belongs to another tenant",
        ),
        (
            "catalogue",
            test_name!(isolation::every_tenant_table_has_forced_row_level_security_and_leads_with_the_tenant),
            "the protection of every table",
        ),
        (
            "rows",
            test_name!(isolation::no_table_shows_a_row_of_one_tenant_to_another),
            "two tenants with one of everything, in the database",
        ),
        (
            "bleed",
            test_name!(bleed::interleaved_requests_on_two_connections_never_cross_tenants),
            "10 000 requests on two connections",
        ),
    ]
}

/// The levels of the tenancy tree whose people may call it, in words.
fn levels(entry: &RouteEntry) -> (String, &'static str, String) {
    match entry.access {
        Access::Public(_) => {
            ("—".to_owned(), "anybody", "none, or what the secret in the request stands for".to_owned())
        }
        Access::Appliance(action) => {
            (action.to_string(), "an appliance", "its own site, taken from its key".to_owned())
        }
        Access::Claimant(action) => {
            (action.to_string(), "the holder of a code", "the site of the code".to_owned())
        }
        Access::Person(action) => {
            let levels: BTreeSet<Level> = Role::ALL
                .into_iter()
                .filter(|role| permissions_of(*role).contains(&action))
                .map(Role::level)
                .collect();
            let rows = levels.iter().map(|level| match level {
                Level::Platform => "all",
                Level::Partner => "the partner's",
                Level::Practice => "the practice's",
            });
            (action.to_string(), "a person", rows.collect::<Vec<_>>().join(", "))
        }
    }
}

fn proved_by(entry: &RouteEntry) -> String {
    let mut proofs = vec!["stranger"];
    match entry.access {
        Access::Public(_) => proofs.push("ids"),
        Access::Appliance(_) | Access::Claimant(_) => proofs.push("appliance"),
        Access::Person(_) => {
            proofs.extend(["roles", "ids"]);
            proofs.push(match (entry.method, entry.path.as_str()) {
                ("GET", "/api/events") => "stream",
                ("GET", _) => "answers",
                _ => "page",
            });
        }
    }
    proofs.join(", ")
}

/// The tables that a query names after the words that a table follows.
fn named_in<'t>(query: &str, tables: &'t [Table]) -> Vec<&'t Table> {
    let words: Vec<&str> =
        query.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).collect();
    tables
        .iter()
        .filter(|table| {
            words.windows(2).any(|pair| {
                ["FROM", "JOIN", "INTO", "UPDATE", "USING", "ONLY"].contains(&pair[0])
                    && pair[1] == table.name
            })
        })
        .collect()
}

/// The committed description of every query, by its text.
fn queries() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.sqlx");
    let mut queries = Vec::new();
    for file in std::fs::read_dir(folder).expect("the queries are committed") {
        #[expect(clippy::disallowed_methods, reason = "committed files")]
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("is readable");
        let described: Value = serde_json::from_str(&text).expect("is JSON");
        let query = described["query"].as_str().expect("a query");
        queries.push(query.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    queries.sort();
    queries
}

fn report(routes: &[RouteEntry], tables: &[Table]) -> String {
    let mut text = String::from(
        "# How tenants are kept apart\n\n\
         Generated from the application by its tests; do not edit. Nobody adds a route, a job, a table or a query without it \
         showing here, and a stale report fails the tests.\n\n\
         Every request runs in one transaction of a database role that owns nothing. The transaction first takes back every \
         setting, then states whose rows it is for; PostgreSQL's row-level security decides by that statement alone. An id of \
         somebody else's is to it like an id that nothing has. *Rows in reach* is what row-level security admits; a query \
         may ask for less, such as the caller's own sessions.\n\n## Proofs\n\n| Name | Test | What it tries |\n|---|---|---|\n",
    );
    let line = |text: &mut String, cells: &[&str]| {
        writeln!(text, "| {} |", cells.join(" | ")).expect("writes to memory");
    };
    for (name, test, tries) in proofs() {
        line(&mut text, &[name, test, tries]);
    }
    text += "\n## Routes\n\n| Route | Action | Called by | Rows in reach | Proofs |\n|---|---|---|---|---|\n";
    for entry in routes {
        let (action, who, rows) = levels(entry);
        let route = format!("`{} {}`", entry.method, entry.path);
        line(&mut text, &[&route, &action, who, &rows, &proved_by(entry)]);
    }
    text += "\n## Jobs\n\nThey act for the installation, not for a person.\n\n| Job | Rows in reach |\n|---|---|\n";
    for job in JOBS {
        line(&mut text, &[job.name, job.reach]);
    }
    text += "\n## Tables\n\n| Table | Policies, or why there are none | Proofs |\n|---|---|---|\n";
    for table in tables {
        let policies: Vec<String> =
            table.policies.iter().map(|p| format!("{} ({})", p.name, command(&p.command))).collect();
        match table.of_the_platform() {
            Some(reason) => line(&mut text, &[&table.name, reason, "catalogue"]),
            None => line(&mut text, &[&table.name, &policies.join(", "), "catalogue, rows"]),
        }
    }
    text += "\n## Queries\n\nEach runs under the policies of the tables that it names; *bleed* and *rows* hold for all of them. \
             Functions act as whoever calls them; *catalogue* refuses one that does not.\n\n| Tables | Queries | Limited by |\n|---|---|---|\n";
    let mut by_tables: BTreeMap<String, (Vec<String>, bool)> = BTreeMap::new();
    for query in queries() {
        let named = named_in(&query, tables);
        let function = query.contains("proofline_");
        let limited = function || named.iter().any(|table| table.of_the_platform().is_none());
        let names: Vec<&str> = named
            .iter()
            .map(|table| table.name.as_str())
            .chain(function.then_some("by way of a function"))
            .collect();
        let key = if names.is_empty() { "no table".to_owned() } else { names.join(", ") };
        let of_these = by_tables.entry(key).or_insert_with(|| (Vec::new(), limited));
        let start: String = query.chars().take(70).collect();
        of_these.0.push(format!("`{}`", start.replace('|', "∣").replace('`', "'")));
    }
    for (names, (queries, limited)) in by_tables {
        let limited = if limited { "row-level security" } else { "holds no tenant's row" };
        line(&mut text, &[&names, &queries.join("<br>"), limited]);
    }
    text
}

const fn command(code: &str) -> &'static str {
    match code.as_bytes() {
        b"r" => "read",
        b"a" => "add",
        b"w" => "change",
        b"d" => "delete",
        _ => "all",
    }
}

#[tokio::test]
async fn the_report_on_isolation_is_fresh() {
    let app = TestApp::start().await;
    let text = report(&app.app.routes, &tables(&app).await);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/isolation.md");
    if std::env::var_os("UPDATE_SPEC").is_some() {
        std::fs::write(path, &text).expect("spec/ is writable");
    }
    #[expect(clippy::disallowed_methods, reason = "a committed file")]
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == text, "spec/isolation.md is stale: run `make generate`");
}
