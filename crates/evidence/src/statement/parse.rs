//! From bytes to a statement, strictly, field by field in the order of the specification.

use super::{
    Attestation, Body, CheckResult, CheckRun, Gap, Header, Heal, HealStep, Heartbeat, IncidentChange,
    KeyEvent, MAX_RESULTS, MAX_STATEMENT_BYTES, MAX_STEPS, MAX_SUBJECTS, PREDICATE_TYPE, STATEMENT_TYPE,
    ServerFact, Statement, Subject, text, time,
};
use crate::json::{self, Object, Value};
use crate::{Defect, PublicKey, Reason};

pub(super) fn statement(bytes: &[u8]) -> Result<Statement, Defect> {
    let mut statement = json::read(bytes, MAX_STATEMENT_BYTES)?.into_object("statement")?;
    constant(&mut statement, "_type", STATEMENT_TYPE)?;
    let subject = list(&mut statement, "subject", MAX_SUBJECTS, subject)?;
    if subject.is_empty() {
        return Err(Defect::new(Reason::FieldValue, "`subject` is empty"));
    }
    constant(&mut statement, "predicateType", PREDICATE_TYPE)?;
    let mut predicate = statement.take("predicate")?.into_object("predicate")?;
    statement.finish()?;
    let header = header(&mut predicate)?;
    let body = body(predicate.take("body")?)?;
    predicate.finish()?;
    Ok(Statement { subject, header, body })
}

fn constant(object: &mut Object<'_>, field: &'static str, expected: &str) -> Result<(), Defect> {
    if object.text(field)? == expected {
        return Ok(());
    }
    Err(Defect::new(Reason::FieldValue, format!("`{field}` is not {expected}")))
}

fn list<'a, T>(
    object: &mut Object<'a>,
    field: &'static str,
    max: usize,
    element: fn(Value<'a>) -> Result<T, Defect>,
) -> Result<Vec<T>, Defect> {
    let elements = object.take(field)?.into_list(field)?;
    if elements.len() > max {
        return Err(Defect::new(Reason::FieldValue, format!("`{field}` has more than {max} elements")));
    }
    elements.into_iter().map(element).collect()
}

fn name(object: &mut Object<'_>, field: &'static str) -> Result<String, Defect> {
    text::name(field, object.text(field)?)
}

fn free(object: &mut Object<'_>, field: &'static str) -> Result<String, Defect> {
    text::free(field, object.text(field)?)
}

fn name_nullable(object: &mut Object<'_>, field: &'static str) -> Result<Option<String>, Defect> {
    match object.take_nullable(field)? {
        Some(value) => text::name(field, value.into_text(field)?).map(Some),
        None => Ok(None),
    }
}

fn subject(value: Value<'_>) -> Result<Subject, Defect> {
    let mut subject = value.into_object("subject")?;
    let name = name(&mut subject, "name")?;
    let mut digest = subject.take("digest")?.into_object("digest")?;
    let sha256 = digest.parsed("sha256")?;
    digest.finish()?;
    subject.finish()?;
    Ok(Subject { name, sha256 })
}

fn header(predicate: &mut Object<'_>) -> Result<Header, Defect> {
    Ok(Header {
        installation: predicate.parsed("installation")?,
        site: predicate.parsed("site")?,
        appliance: predicate.parsed_nullable("appliance")?,
        asset: predicate.parsed_nullable("asset")?,
        seq: predicate.count("seq", 1)?,
        prev: predicate.parsed("prev")?,
        catalogue: predicate.parsed("catalogue")?,
        started: time::parse("started", &predicate.text("started")?)?,
        ended: time::parse("ended", &predicate.text("ended")?)?,
        clock_offset_ms: match predicate.take_nullable("clock_offset_ms")? {
            Some(offset) => Some(offset.into_integer("clock_offset_ms")?),
            None => None,
        },
    })
}

fn body(value: Value<'_>) -> Result<Body, Defect> {
    let mut body = value.into_object("body")?;
    let kind = body.text("kind")?;
    let parsed = match kind.as_ref() {
        "check_run" => Body::CheckRun(check_run(&mut body)?),
        "heal" => Body::Heal(heal(&mut body)?),
        "heartbeat" => Body::Heartbeat(Heartbeat {
            unchanged_since: body.count("unchanged_since", 1)?,
            state: body.parsed("state")?,
        }),
        "gap" => Body::Gap(Gap {
            first_seq: body.count("first_seq", 1)?,
            last_seq: body.count("last_seq", 1)?,
            from: time::parse("from", &body.text("from")?)?,
            to: time::parse("to", &body.text("to")?)?,
            reason: free(&mut body, "reason")?,
        }),
        "attestation" => Body::Attestation(Attestation {
            statement: free(&mut body, "statement")?,
            by: free(&mut body, "by")?,
        }),
        "incident" => Body::Incident(IncidentChange {
            incident: body.parsed("incident")?,
            check: name(&mut body, "check")?,
            from: name_nullable(&mut body, "from")?,
            to: name(&mut body, "to")?,
            actor: name(&mut body, "actor")?,
            cause: free(&mut body, "cause")?,
        }),
        "key" => Body::Key(key_event(&mut body)?),
        "server_fact" => Body::ServerFact(ServerFact {
            fact: name(&mut body, "fact")?,
            subject_id: name(&mut body, "subject_id")?,
            actor: name(&mut body, "actor")?,
            detail: free(&mut body, "detail")?,
        }),
        _ => return Err(Defect::new(Reason::FieldValue, "`kind` is not a known kind")),
    };
    body.finish()?;
    Ok(parsed)
}

fn check_run(body: &mut Object<'_>) -> Result<CheckRun, Defect> {
    let results = list(body, "results", MAX_RESULTS, check_result)?;
    let mut checks: Vec<_> = results.iter().map(|result| &result.check).collect();
    checks.sort_unstable();
    if checks.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Defect::new(Reason::FieldValue, "`results` names a check twice"));
    }
    Ok(CheckRun { results, state: body.parsed_nullable("state")? })
}

fn check_result(value: Value<'_>) -> Result<CheckResult, Defect> {
    let mut result = value.into_object("result")?;
    let parsed = CheckResult {
        check: name(&mut result, "check")?,
        verdict: result.parsed("verdict")?,
        expected: free(&mut result, "expected")?,
        observed: free(&mut result, "observed")?,
        reason: free(&mut result, "reason")?,
        location: free(&mut result, "location")?,
    };
    result.finish()?;
    Ok(parsed)
}

fn heal(body: &mut Object<'_>) -> Result<Heal, Defect> {
    Ok(Heal {
        incident: body.parsed("incident")?,
        check: name(body, "check")?,
        rule: name_nullable(body, "rule")?,
        runbook: name(body, "runbook")?,
        plan_digest: body.parsed("plan_digest")?,
        actor: name(body, "actor")?,
        mode: name(body, "mode")?,
        before: check_result(body.take("before")?)?,
        steps: list(body, "steps", MAX_STEPS, step)?,
        after: check_result(body.take("after")?)?,
        outcome: body.parsed("outcome")?,
        rollback: match body.take_nullable("rollback")? {
            Some(handle) => Some(text::free("rollback", handle.into_text("rollback")?)?),
            None => None,
        },
    })
}

fn step(value: Value<'_>) -> Result<HealStep, Defect> {
    let mut step = value.into_object("step")?;
    let parsed = HealStep {
        step: name(&mut step, "step")?,
        outcome: step.parsed("outcome")?,
        detail: free(&mut step, "detail")?,
    };
    step.finish()?;
    Ok(parsed)
}

fn key_event(body: &mut Object<'_>) -> Result<KeyEvent, Defect> {
    let event = KeyEvent {
        action: body.parsed("action")?,
        role: body.parsed("role")?,
        public_key: PublicKey::from_base64(&body.text("public_key")?)?,
        key_id: body.parsed("key_id")?,
        holder: body.parsed_nullable("holder")?,
        reason: free(body, "reason")?,
    };
    if event.key_id != event.public_key.id() {
        return Err(Defect::new(Reason::FieldValue, "`key_id` is not the name of `public_key`"));
    }
    Ok(event)
}
