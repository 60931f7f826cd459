//! Row-level security switched off, for everything and then for one table after the other: somebody has to notice.
//!
//! Three look. The catalogue's test finds every table. So does whoever looks into the database as nobody in particular, as
//! long as there are rows. And people of one tenant who ask for what is theirs, and for what is another's, find those tables
//! that an answer relies on alone; the others are named here with what keeps their rows apart besides.

use super::{BTreeSet, Browser, Role, Seen, World, calls, filled};
use crate::isolation::{faults, tables};
use proofline_testkit::TestApp;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

/// Tables whose policies are a second lock, by what the first one is.
const SECOND_LOCK: [(&str, &[&str]); 5] = [
    (
        "asked for by the site, machine, incident or client that was found first, and hides itself",
        &[
            "access_grant",
            "appliance_credential",
            "appliance_presence",
            "asset",
            "break_glass",
            "evidence_entry",
            "evidence_log",
            "evidence_mention",
            "evidence_signer",
            "evidence_tile",
            "incident_transition",
            "oidc_approval",
            "provisioning_code",
            "verdict_span",
        ],
    ),
    (
        "asked for by the person who is signed in",
        &[
            "api_token",
            "idempotency_key",
            "oidc_identity",
            "passkey",
            "passkey_ceremony",
            "recovery_code",
            "session",
            "totp_factor",
        ],
    ),
    ("asked for by the digest of a secret", &["oidc_flow", "person_link", "link_request"]),
    ("asked for by one's own place, so that an index serves", &["audit_entry", "factor_policy"]),
    (
        "asked for by staff of the installation alone, who see all of it",
        &["alarm", "key_rotation", "mail_outbox"],
    ),
];

/// Those of them that hold no row here, since what they keep lives for minutes, or is used up, or is about a client that lets
/// people in: of these the catalogue's test alone tells.
const EMPTY: [&str; 9] = [
    "access_grant",
    "evidence_tile",
    "factor_policy",
    "idempotency_key",
    "link_request",
    "oidc_flow",
    "passkey_ceremony",
    "person_link",
    "totp_factor",
];

/// Whose answers are compared: whoever answers for a partner, and for a practice.
const ASKING: [Role; 2] = [Role::PartnerAdmin, Role::PracticeOwner];

/// A reading request, and by which of those who ask.
struct Asked {
    by: usize,
    path: String,
}

async fn answers<'a>(callers: &mut [Browser], asked: impl IntoIterator<Item = &'a Asked>) -> Vec<Seen> {
    let mut answers = Vec::new();
    for Asked { by, path } in asked {
        answers.push(Seen::of(&callers[*by].get(path).await, []));
    }
    answers
}

async fn execute(app: &TestApp, sql: String) {
    #[expect(clippy::disallowed_methods, reason = "names of the catalogue")]
    app.database.superuser().await.execute(AssertSqlSafe(sql)).await.expect("runs");
}

/// Every request that reads, for one's own and for another's, and is answered the same each time.
async fn questions(world: &World, callers: &mut [Browser]) -> (Vec<Asked>, Vec<Seen>) {
    let mut paths = BTreeSet::new();
    let reads =
        |method: &str, path: &str| method == "GET" && path != "/api/events" && !path.ends_with("/export");
    for entry in world.app.app.routes.iter().filter(|entry| reads(entry.method, &entry.path)) {
        paths.insert(filled(&entry.path, &world.one.ids));
    }
    for call in calls(&world.app, &world.two.ids) {
        if reads(call.entry.method, &call.entry.path) {
            paths.insert(call.request(&world.two.ids, &world.two.ids).0);
        }
    }
    let mut asked = Vec::new();
    for by in 0..callers.len() {
        asked.extend(paths.iter().map(|path| Asked { by, path: path.clone() }));
    }
    let (first, second) = (answers(callers, &asked).await, answers(callers, &asked).await);
    // A refusal that is written down changes the log; whoever may not ask tells nothing of rows.
    let steady =
        first.into_iter().zip(second).map(|(one, two)| (one.status != 403 && one == two).then_some(one));
    asked.into_iter().zip(steady).filter_map(|(asked, answer)| Some((asked, answer?))).unzip()
}

/// Whether the runtime role, for nobody in particular, sees a row of the table.
async fn shows_anything(app: &TestApp, table: &str) -> bool {
    let mut runtime = app.database.runtime_options().connect().await.expect("connects");
    #[expect(clippy::disallowed_methods, reason = "names of the catalogue")]
    let sql = AssertSqlSafe(format!("SELECT EXISTS (SELECT FROM {table})"));
    sqlx::query_scalar(sql).fetch_one(&mut runtime).await.expect("answers")
}

/// What the tenants have no route to make, or none that leaves it.
async fn plant(world: &World) {
    for side in [&world.one, &world.two] {
        sqlx::query(
            "INSERT INTO alarm (org_id, id, site_id, kind, detail, raised_at)
             SELECT org_id, id, id, 'sample_failed', 'planted', now() FROM site WHERE id = $1",
        )
        .bind(side.tenant.site.id.uuid())
        .execute(&mut world.app.database.superuser().await)
        .await
        .expect("plants");
    }
}

#[tokio::test]
async fn a_table_without_its_policies_is_noticed() {
    let world = World::new().await;
    plant(&world).await;
    let mut callers = Vec::new();
    for role in ASKING {
        callers.push(world.app.sign_in(&world.one.tenant.people[&role]).await);
    }
    let protected: Vec<_> =
        tables(&world.app).await.into_iter().filter(|table| !table.policies.is_empty()).collect();
    let switch = async |name: &str, on: &str| {
        execute(&world.app, format!("ALTER TABLE {name} {on} ROW LEVEL SECURITY")).await;
    };
    let (asked, usual) = questions(&world, &mut callers).await;
    assert!(asked.len() > 100, "{}", asked.len());

    for table in &protected {
        switch(&table.name, "DISABLE").await;
    }
    let open = answers(&mut callers, &asked).await;
    for table in &protected {
        switch(&table.name, "ENABLE").await;
    }
    // One for each path is enough: the first of those who ask that it tells something.
    let mut paths = BTreeSet::new();
    let tells = |&place: &usize| open[place] != usual[place] && paths.insert(asked[place].path.as_str());
    let telling: Vec<usize> = (0..asked.len()).filter(tells).collect();
    assert!(telling.len() > 20, "of {} answers {} differ", asked.len(), telling.len());
    assert_eq!(answers(&mut callers, &asked).await, usual, "as before");

    let (mut unnoticed, mut empty) = (BTreeSet::new(), Vec::new());
    for table in &protected {
        switch(&table.name, "DISABLE").await;
        let found = faults(&world.app).await;
        let expected = format!("{}: row-level security is not on for everybody", table.name);
        assert!(found.contains(&expected), "{found:?}");
        let mut noticed = false;
        for &place in &telling {
            if answers(&mut callers, [&asked[place]]).await[0] != usual[place] {
                noticed = true;
                break;
            }
        }
        if !noticed {
            unnoticed.insert(table.name.as_str());
            if !shows_anything(&world.app, &table.name).await {
                empty.push(table.name.as_str());
            }
        }
        switch(&table.name, "ENABLE").await;
    }
    let explained = SECOND_LOCK.iter().flat_map(|(_, tables)| *tables).copied().collect();
    assert_eq!((unnoticed, empty.as_slice()), (explained, EMPTY.as_slice()));
}
