//! People of an earlier system: brought in from a file, and their passwords made safe before they come back.
//!
//! Both are for whoever runs the server, from its own machine; there is no route to them.

use proofline_authz::{Action, Job, Principal, authorise};
use proofline_core::{Email, Entropy, Level, Membership, OrgId, PartnerId, Place, Role, Timestamp, UserId};
use proofline_evidence::json as strict;
use proofline_store::{AuditNote, NewPerson, Scope};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::AppState;
use crate::auth::password;
use crate::http::{ApiResult, Problem, request_id};

/// Most people of one file.
const MOST: usize = 20_000;
/// People whose passwords are wrapped in one transaction.
const BATCH: i64 = 100;

/// A person as the file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    email: String,
    name: String,
    role: String,
    #[serde(default)]
    partner_id: Option<String>,
    #[serde(default)]
    org_id: Option<String>,
    password_hash: String,
}

/// A person of the file who cannot be brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Which, counted from 1.
    pub number: usize,
    /// Why. Nothing personal stands in it.
    pub why: String,
}

/// Why nobody was brought in.
#[derive(Debug)]
pub enum ImportFault {
    /// The file is no list of people at all.
    File(String),
    /// These people of it are not in order.
    Lines(Vec<BadLine>),
    /// It could not be done now.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for ImportFault {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

/// What an import came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// People who are new.
    pub added: usize,
    /// People whose address somebody has already; they were left alone.
    pub known: usize,
}

/// A scope for what is done on the server's own machine.
pub(super) async fn scope(app: &AppState, action: Action) -> ApiResult<Scope> {
    let permit =
        authorise(&Principal::System(Job("admin")), action).map_err(|denied| Problem::internal(&denied))?;
    Ok(app.store().scope(&permit).await?)
}

/// The audit row of it.
pub(super) fn note(app: &AppState, detail: serde_json::Value) -> AuditNote {
    AuditNote {
        id: app.new_uuid(),
        at: app.now(),
        org: None,
        resource: "people".to_owned(),
        request_id: request_id::COMMAND_LINE.to_owned(),
        detail,
    }
}

/// Brings in the people of a JSON list, each `{email, name, role, partner_id?, org_id?, password_hash}`: all of them or, if
/// one is not in order, nobody. Whose address is there already is left as they are, so the same file can be brought in twice.
pub async fn import_users(app: &AppState, file: &[u8]) -> Result<Imported, ImportFault> {
    let (people, mut bad) = people(file, app.now(), app.entropy()).map_err(ImportFault::File)?;
    let mut scope = scope(app, Action::SystemImportUsers).await?;
    let place = |person: &NewPerson| -> Option<Uuid> {
        let membership = person.membership;
        membership.partner().map(PartnerId::uuid).or(membership.org().map(OrgId::uuid))
    };
    let places: Vec<Uuid> = people.iter().filter_map(|(_, person)| place(person)).collect();
    let known = scope.known_places(&places).await?;
    for (position, (number, person)) in people.iter().enumerate() {
        if place(person).is_some_and(|id| !known.contains(&id)) {
            bad.push(BadLine { number: *number, why: "there is no such partner or organisation".to_owned() });
        }
        if people[..position].iter().any(|(_, earlier)| earlier.email == person.email) {
            bad.push(BadLine { number: *number, why: "the address stands in the file before".to_owned() });
        }
    }
    if !bad.is_empty() {
        bad.sort_by_key(|line| line.number);
        return Err(ImportFault::Lines(bad));
    }
    let mut imported = Imported { added: 0, known: 0 };
    for (_, person) in &people {
        match scope.import_person(person).await? {
            true => imported.added += 1,
            false => imported.known += 1,
        }
    }
    let Imported { added, known } = imported;
    scope.commit(note(app, json!({ "added": added, "known": known }))).await?;
    Ok(imported)
}

/// People with their numbers, and the lines that name none.
pub(crate) type Lines = (Vec<(usize, NewPerson)>, Vec<BadLine>);

/// The people of a file with their numbers, and the lines that name none. What is no such file is said instead.
pub(crate) fn people(file: &[u8], at: Timestamp, entropy: &dyn Entropy) -> Result<Lines, String> {
    let lines: Vec<serde_json::Value> = serde_json::from_slice(file).map_err(|error| no_values(&error))?;
    // Of a field that stands twice, that took the last one, and whoever looked the file over may have seen the first.
    strict::read(file, file.len()).map_err(|defect| defect.to_string())?;
    if lines.len() > MOST {
        return Err(format!("a file holds up to {MOST} people"));
    }
    let (mut people, mut bad) = (Vec::new(), Vec::new());
    for (place, line) in lines.into_iter().enumerate() {
        match read(line, at, entropy) {
            Ok(person) => people.push((place + 1, person)),
            Err(why) => bad.push(BadLine { number: place + 1, why }),
        }
    }
    Ok((people, bad))
}

fn no_role() -> String {
    format!("there is no such role: it is one of {}", Role::ALL.map(Role::as_str).join(", "))
}

fn read(line: serde_json::Value, at: Timestamp, entropy: &dyn Entropy) -> Result<NewPerson, String> {
    let line: Line = serde_json::from_value(line).map_err(|error| no_values(&error))?;
    let email: Email = line.email.parse().map_err(|_| "the address is none".to_owned())?;
    let name = crate::tenants::name("name", &line.name)
        .map_err(|_| "the name has to have 1 to 120 characters that are seen, and no others".to_owned())?;
    let role: Role = line.role.parse().map_err(|_| no_role())?;
    let misplaced = || {
        format!(
            "{role} needs {}",
            match role.level() {
                Level::Platform => "neither partner_id nor org_id",
                Level::Partner => "a partner_id, and no org_id",
                Level::Practice => "an org_id, and no partner_id",
            }
        )
    };
    let place = match (role.level(), line.partner_id, line.org_id) {
        (Level::Platform, None, None) => Place::Platform,
        (Level::Partner, Some(id), None) => Place::Partner(id.parse().map_err(|_| misplaced())?),
        (Level::Practice, None, Some(id)) => Place::Practice(id.parse().map_err(|_| misplaced())?),
        _ => return Err(misplaced()),
    };
    let membership = Membership::new(role, place).map_err(|_| misplaced())?;
    if !password::is_storable(&line.password_hash) {
        return Err("password_hash is none that can be verified, such as sha256$salt$hex, or of a cost that is not taken".to_owned());
    }
    let id = UserId::new(at, entropy);
    Ok(NewPerson { id, email, name, membership, password_hash: line.password_hash, at })
}

/// What serde says, without what stood in the file.
fn no_values(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => {
            let said = error.to_string();
            let kept = ["missing field", "unknown field", "invalid type"];
            let kind =
                kept.iter().find(|kind| said.starts_with(**kind)).copied().unwrap_or("not as expected");
            format!("{kind}; each is {{email, name, role, partner_id?, org_id?, password_hash}}")
        }
        _ => format!("not JSON at line {}", error.line()),
    }
}

/// Puts bcrypt around every digest of an earlier system that is still stored, a batch at a time, and returns how many there
/// were. Who comes back meanwhile is left alone. Ended halfway, it goes on where it was when it is called again.
pub async fn wrap_passwords(app: &AppState) -> ApiResult<usize> {
    let (mut after, mut wrapped) = (None, 0);
    loop {
        let found = scope(app, Action::SystemWrapPasswords)
            .await?
            .passwords_like(password::LEGACY, after, BATCH)
            .await?;
        let Some((last, _)) = found.last() else { return Ok(wrapped) };
        after = Some(*last);
        // No transaction is open while bcrypt works.
        let mut exchanges = Vec::new();
        for (id, stored) in found {
            if let Some(safe) = app.passwords().wrap(&stored, app.entropy().bytes()).await? {
                exchanges.push((id, stored, safe));
            }
        }
        let mut scope = scope(app, Action::SystemWrapPasswords).await?;
        let mut batch = 0;
        for (id, stored, safe) in &exchanges {
            batch += usize::from(scope.exchange_password(*id, stored, safe).await?);
        }
        scope.commit(note(app, json!({ "wrapped": batch }))).await?;
        wrapped += batch;
    }
}
