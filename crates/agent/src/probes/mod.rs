//! Probes: how each measurement of the catalogue is taken on a Linux machine.
//!
//! Promises:
//! - a probe sees the machine only through [`Host`], changes nothing on it and ends in bounded time;
//! - `pass` and `fail` need a reading. Permission denied and time-outs are `error`, a missing tool or an answer that was
//!   not understood is `unknown`, and `not_applicable` is said only when platform, role or the absence of the very thing
//!   that the check is about says so;
//! - what was observed does not change while nothing changes: no times, counters or process ids in it, since every
//!   change becomes evidence;
//! - texts are at most 2 KiB, and what identifies a patient by its form or label is scrubbed from them: after the verdict.
//!
//! This module does not know incidents, evidence or rules, and never decides what a verdict leads to.

mod accept;
mod accounts;
mod agent_files;
mod audit;
mod backup;
mod clock;
mod context;
mod declarations;
mod disk;
mod encryption;
mod finding;
mod firewall;
mod kernel_modules;
mod listeners;
mod logging;
mod memory;
mod mounts;
mod pam;
mod permissions;
mod processes;
mod reading;
mod safeguards;
mod services;
mod session;
mod ssh;
mod sysctl;
mod tls;
mod updates;

use proofline_catalog::{Check, ProbeSpec};
use proofline_core::Verdict;
pub use proofline_healing::Observation;

pub use agent_files::{RECORDED_DIGEST, record_program};
pub use backup::PATH as BACKUP_STATUS;
pub use context::{Context, inapplicable};
pub use declarations::PATH as DECLARATIONS;
pub use memory::{FileMemory, Memory, NoMemory, Sighting};

use crate::host::Host;
use crate::scrub::scrub;
use finding::{Outcome, clip};

/// The most bytes of each text of an observation.
pub const TEXT_LIMIT: usize = 2048;

/// Takes one measurement for an asset without known roles; see [`run_for`].
pub fn run(check: &Check, host: &dyn Host) -> Observation {
    run_for(check, host, &Context::default())
}

/// Takes one measurement. Wrap `host` in a [`CycleHost`](crate::host::CycleHost) when several checks are due.
pub fn run_for(check: &Check, host: &dyn Host, context: &Context) -> Observation {
    let mut observation = Observation {
        check: check.id.clone(),
        at: host.now(),
        verdict: Verdict::NotApplicable,
        expected: text(&check.expected),
        observed: String::new(),
        reason: String::new(),
        location: String::new(),
    };
    if let Some(reason) = inapplicable(check, context) {
        observation.reason = text(&reason);
        return observation;
    }
    let (reason, location) = match measure(&check.probe, host, context) {
        Ok(finding) => {
            observation.observed = text(&finding.observed);
            if observation.observed.trim().is_empty() {
                // Whatever a probe made of it: nothing that a person could read is no verdict.
                observation.observed.clear();
                observation.verdict = Verdict::Unknown;
                ("the answer was empty".to_owned(), finding.location)
            } else {
                observation.verdict = if finding.passed { Verdict::Pass } else { Verdict::Fail };
                (finding.reason, finding.location)
            }
        }
        Err(unmeasured) => {
            observation.verdict = unmeasured.verdict();
            (unmeasured.reason, unmeasured.location)
        }
    };
    observation.reason = text(&reason);
    observation.location = text(&location);
    observation
}

/// What a person may read, within the limit. Scrubbed before it is cut: half a number is not recognised afterwards.
fn text(found: &str) -> String {
    clip(&scrub(found), TEXT_LIMIT)
}

fn measure(probe: &ProbeSpec, host: &dyn Host, context: &Context) -> Outcome {
    match probe {
        ProbeSpec::SshdValue { keyword, accept } => ssh::value(host, keyword, accept),
        ProbeSpec::SysctlValue { keys, accept } => sysctl::value(host, keys, accept),
        ProbeSpec::FileMode { paths, max_mode, groups, absent } => {
            permissions::file_mode(host, paths, max_mode, groups, *absent)
        }
        ProbeSpec::WorldWritable { directories } => permissions::world_writable(host, directories),
        ProbeSpec::HomeModes { max_mode } => permissions::home_modes(host, max_mode),
        ProbeSpec::MountOptions { path, options } => mounts::options(host, path, options),
        ProbeSpec::EmptyPasswords => accounts::empty_passwords(host),
        ProbeSpec::UidZero => accounts::uid_zero(host),
        ProbeSpec::DuplicateUids => accounts::duplicate_uids(host),
        ProbeSpec::PasswordAgeing { max_days } => accounts::password_ageing(host, *max_days),
        ProbeSpec::StaleAccounts { max_days } => accounts::stale(host, *max_days),
        ProbeSpec::GenericAccounts { names } => accounts::generic_names(host, names),
        ProbeSpec::SystemAccountShells => accounts::system_shells(host),
        ProbeSpec::PasswordHashes { accepted } => accounts::password_hashes(host, accepted),
        ProbeSpec::SudoWithoutPassword => accounts::sudo_without_password(host),
        ProbeSpec::EmergencyAccount => accounts::emergency(host),
        ProbeSpec::HashAlgorithm { accepted } => pam::hash_algorithm(host, accepted),
        ProbeSpec::LoginDefs { key, accept } => pam::login_defs(host, key, accept),
        ProbeSpec::LoginLockout { max_attempts, min_unlock_s } => {
            pam::lockout(host, *max_attempts, *min_unlock_s)
        }
        ProbeSpec::PasswordQuality { min_length } => pam::password_quality(host, *min_length),
        ProbeSpec::FirewallDefaultDrop => firewall::default_drop(host),
        ProbeSpec::ListenersAllowed { allowed } => listeners::only_allowed(host, allowed),
        ProbeSpec::ListenersProhibited { tcp, udp } => listeners::none_of(host, tcp, udp),
        ProbeSpec::CertificateExpiry { min_days } => tls::expiry(host, *min_days),
        ProbeSpec::CertificateStrength { min_rsa_bits, min_ec_bits } => {
            tls::strength(host, *min_rsa_bits, *min_ec_bits)
        }
        ProbeSpec::CertificateChain => tls::chain(host),
        ProbeSpec::TlsProtocols { forbidden } => tls::protocols(host, forbidden),
        ProbeSpec::DiskEncryption { paths } => encryption::data_at_rest(host, paths),
        ProbeSpec::SwapEncryption => encryption::swap(host),
        ProbeSpec::ClockOffset { max_ms } => clock::offset(host, *max_ms),
        ProbeSpec::TimeSources { min_sources } => clock::sources(host, *min_sources),
        ProbeSpec::AuditRunning => audit::running(host),
        ProbeSpec::AuditRules { subject } => audit::rules(host, *subject),
        ProbeSpec::AuditImmutable => audit::immutable(host),
        ProbeSpec::ServiceRunning { any_of, processes } => services::any_running(host, any_of, processes),
        ProbeSpec::EnabledServicesRunning { units } => services::enabled_running(host, units),
        ProbeSpec::FailedUnits => services::failed(host),
        ProbeSpec::LogPersistent => logging::persistent(host),
        ProbeSpec::LogForwarding => logging::forwarding(host),
        ProbeSpec::LogRetention { min_days } => logging::retention(host, *min_days),
        ProbeSpec::SecurityUpdates { max_wait_days } => {
            updates::security_waiting(host, *max_wait_days, context.memory.as_ref())
        }
        ProbeSpec::PackageLists { max_age_days } => updates::lists(host, *max_age_days),
        ProbeSpec::RebootPending => updates::restart_pending(host),
        ProbeSpec::AutomaticUpdates => updates::automatic(host),
        ProbeSpec::PackageFiles { deb, rpm } => updates::as_delivered(host, deb, rpm),
        ProbeSpec::IntegrityBaseline { max_age_days } => safeguards::integrity_baseline(host, *max_age_days),
        ProbeSpec::MalwareProtection { max_signature_age_h } => {
            safeguards::malware(host, *max_signature_age_h)
        }
        ProbeSpec::MandatoryAccessControl => safeguards::access_control(host),
        ProbeSpec::DiskSpace { paths, max_used_percent } => disk::space(host, paths, *max_used_percent),
        ProbeSpec::Backup { aspect, max_age_h } => backup::aspect(host, *aspect, *max_age_h),
        ProbeSpec::ShellTimeout { max_s } => session::shell_timeout(host, *max_s),
        ProbeSpec::ScreenLock { max_s } => session::screen_lock(host, *max_s),
        ProbeSpec::LoginBanner => session::banner(host),
        ProbeSpec::ModulesBlocked { modules } => kernel_modules::blocked(host, modules),
        ProbeSpec::CoreDumps => kernel_modules::core_dumps(host),
        ProbeSpec::AgentProgram => agent_files::program(host, context),
        ProbeSpec::AgentKey => agent_files::key(host, context),
    }
}
