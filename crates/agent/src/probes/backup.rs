//! What the backup job wrote down about itself.
//!
//! No machine can see from outside whether a backup is good, so the job reports: `/var/lib/proofline/backup-status.json`
//! with `last_success` and `last_restore_test` (RFC 3339), `encrypted` and `off_site`. What is not reported is unknown.

use chrono::{DateTime, Utc};
use proofline_catalog::BackupAspect;
use serde::Deserialize;

use super::finding::{Finding, Outcome, Unmeasured};
use super::reading;
use crate::host::Host;

/// Where the job reports.
pub const PATH: &str = "/var/lib/proofline/backup-status.json";

/// Jobs may write more than what is read here.
#[derive(Deserialize)]
struct Status {
    last_success: Option<DateTime<Utc>>,
    last_restore_test: Option<DateTime<Utc>>,
    encrypted: Option<bool>,
    off_site: Option<bool>,
}

pub(super) fn aspect(host: &dyn Host, aspect: BackupAspect, max_age_h: u32) -> Outcome {
    let Some(text) = reading::text_if_there(host, PATH)? else {
        return Err(Unmeasured::unknown("no backup job reports its status", PATH));
    };
    let status: Status = serde_json::from_str(&text)
        .map_err(|error| Unmeasured::unknown(format!("the status cannot be understood: {error}"), PATH))?;
    match aspect {
        BackupAspect::Age => age(host, status.last_success, "last_success", max_age_h),
        BackupAspect::RestoreTest => age(host, status.last_restore_test, "last_restore_test", max_age_h),
        BackupAspect::Encrypted => flag(status.encrypted, "encrypted", "encrypted", "not encrypted"),
        BackupAspect::OffSite => flag(status.off_site, "off_site", "kept elsewhere", "kept here only"),
    }
}

fn age(host: &dyn Host, at: Option<DateTime<Utc>>, field: &str, max_age_h: u32) -> Outcome {
    let location = format!("{PATH}: {field}");
    let Some(at) = at else {
        return Err(Unmeasured::unknown(format!("the job does not report {field}"), location));
    };
    let age = host.now().signed_duration_since(at);
    Ok(if age < -chrono::TimeDelta::hours(1) {
        return Err(Unmeasured::unknown("the reported time lies in the future", location));
    } else if age <= chrono::TimeDelta::hours(i64::from(max_age_h)) {
        Finding::pass(format!("within {max_age_h} hours"), location)
    } else {
        Finding::fail(
            format!("more than {max_age_h} hours ago"),
            "the last success is too long ago",
            location,
        )
    })
}

fn flag(value: Option<bool>, field: &str, yes: &str, no: &str) -> Outcome {
    let location = format!("{PATH}: {field}");
    match value {
        Some(true) => Ok(Finding::pass(yes, location)),
        Some(false) => Ok(Finding::fail(no, "as the backup job reports", location)),
        None => Err(Unmeasured::unknown(format!("the job does not report {field}"), location)),
    }
}
