//! What can be asked of parameters, beyond that they have their types: replaced, named, and held to sense.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Accept, BackupAspect, ProbeSpec};

impl ProbeSpec {
    /// The same measurement with some parameters replaced. Parameters that it does not have are refused.
    pub fn with_params(&self, params: &BTreeMap<String, Value>) -> Result<Self, String> {
        let mut whole = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in params {
            let place = whole.get_mut("params").and_then(|own| own.get_mut(name));
            *place.ok_or_else(|| format!("the probe has no parameter `{name}`"))? = value.clone();
        }
        serde_json::from_value(whole).map_err(|error| error.to_string())
    }

    /// The name of the measurement, as written in the catalogue.
    pub fn kind(&self) -> String {
        let whole = serde_json::to_value(self).unwrap_or_default();
        whole.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The limits of this measurement as people would write them: what its text of expectation has to name.
    pub fn limits(&self) -> Vec<String> {
        let whole = serde_json::to_value(self).unwrap_or_default();
        let params = whole.get("params").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut limits = Vec::new();
        for (name, value) in &params {
            match value {
                // A zero says that the limit does not apply.
                Value::Number(number) if number.as_i64() != Some(0) => limits.push(number.to_string()),
                Value::String(mode) if name == "max_mode" => limits.push(mode.clone()),
                _ => {}
            }
        }
        if let Ok(accept) =
            serde_json::from_value::<Accept>(params.get("accept").cloned().unwrap_or_default())
        {
            match accept {
                Accept::Equals(text) => limits.push(text),
                Accept::AtMost(limit) | Accept::AtLeast(limit) => limits.push(limit.to_string()),
                Accept::Between(low, high) => limits.extend([low.to_string(), high.to_string()]),
                Accept::OneOf(_) | Accept::NoneOf(_) => {}
            }
        }
        limits
    }

    /// What is wrong with the parameters beyond their types, if anything.
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::SshdValue { keyword, accept } => {
                let plain = !keyword.is_empty()
                    && keyword.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
                if plain {
                    accept.problem()
                } else {
                    Some(format!("`{keyword}` is not a keyword in lower case"))
                }
            }
            Self::SysctlValue { keys, accept } => empty("keys", keys)
                .or_else(|| keys.iter().find_map(|key| bad_sysctl(key)))
                .or_else(|| accept.problem()),
            Self::LoginDefs { accept, .. } => accept.problem(),
            Self::FileMode { paths, max_mode, .. } => {
                bad_paths("paths", paths).or_else(|| bad_mode(max_mode))
            }
            Self::HomeModes { max_mode } => bad_mode(max_mode),
            Self::WorldWritable { directories } => bad_paths("directories", directories),
            Self::MountOptions { path, options } => {
                bad_paths("path", std::slice::from_ref(path)).or_else(|| empty("options", options))
            }
            Self::DiskEncryption { paths } => bad_paths("paths", paths),
            Self::DiskSpace { paths, max_used_percent } => bad_paths("paths", paths).or_else(|| {
                (!(1..=99).contains(max_used_percent)).then(|| "max_used_percent is not 1 to 99".to_owned())
            }),
            Self::GenericAccounts { names } => empty("names", names),
            Self::PasswordHashes { accepted } | Self::HashAlgorithm { accepted } => {
                empty("accepted", accepted)
            }
            Self::ListenersProhibited { tcp, udp } => {
                (tcp.is_empty() && udp.is_empty()).then(|| "no port is named".to_owned())
            }
            Self::TlsProtocols { forbidden } => empty("forbidden", forbidden),
            Self::ServiceRunning { any_of, processes } => {
                empty("any_of", any_of).or_else(|| empty("processes", processes))
            }
            Self::EnabledServicesRunning { units } => empty("units", units),
            Self::PackageFiles { deb, rpm } => empty("deb", deb).or_else(|| empty("rpm", rpm)),
            Self::ModulesBlocked { modules } => empty("modules", modules),
            Self::Backup { aspect, max_age_h } => {
                let ages = matches!(aspect, BackupAspect::Age | BackupAspect::RestoreTest);
                (ages != (*max_age_h > 0)).then(|| "max_age_h belongs to the aspects that age".to_owned())
            }
            Self::EmptyPasswords
            | Self::UidZero
            | Self::DuplicateUids
            | Self::PasswordAgeing { .. }
            | Self::StaleAccounts { .. }
            | Self::SystemAccountShells
            | Self::SudoWithoutPassword
            | Self::EmergencyAccount
            | Self::LoginLockout { .. }
            | Self::PasswordQuality { .. }
            | Self::FirewallDefaultDrop
            | Self::ListenersAllowed { .. }
            | Self::CertificateExpiry { .. }
            | Self::CertificateStrength { .. }
            | Self::CertificateChain
            | Self::SwapEncryption
            | Self::ClockOffset { .. }
            | Self::TimeSources { .. }
            | Self::AuditRunning
            | Self::AuditRules { .. }
            | Self::AuditImmutable
            | Self::FailedUnits
            | Self::LogPersistent
            | Self::LogForwarding
            | Self::LogRetention { .. }
            | Self::SecurityUpdates { .. }
            | Self::PackageLists { .. }
            | Self::RebootPending
            | Self::AutomaticUpdates
            | Self::IntegrityBaseline { .. }
            | Self::MalwareProtection { .. }
            | Self::MandatoryAccessControl
            | Self::ShellTimeout { .. }
            | Self::ScreenLock { .. }
            | Self::LoginBanner
            | Self::CoreDumps
            | Self::AgentProgram
            | Self::AgentKey => None,
        }
    }
}

impl Accept {
    fn problem(&self) -> Option<String> {
        match self {
            Self::OneOf(list) | Self::NoneOf(list) => empty("accept", list),
            Self::Between(low, high) => (low > high).then(|| "accept is an empty range".to_owned()),
            Self::Equals(_) | Self::AtMost(_) | Self::AtLeast(_) => None,
        }
    }
}

fn empty<T>(name: &str, list: &[T]) -> Option<String> {
    list.is_empty().then(|| format!("{name} is empty"))
}

fn bad_paths(name: &str, paths: &[String]) -> Option<String> {
    let bad = |path: &&String| !path.starts_with('/') || path.split('/').any(|part| part == "..");
    empty(name, paths)
        .or_else(|| paths.iter().find(bad).map(|path| format!("`{path}` is not an absolute path")))
}

fn bad_mode(mode: &str) -> Option<String> {
    let octal = mode.len() == 4 && mode.bytes().all(|b| (b'0'..=b'7').contains(&b));
    (!octal).then(|| format!("`{mode}` is not a mode of four octal digits"))
}

fn bad_sysctl(key: &str) -> Option<String> {
    let every_interface = key.matches('*').count() == 1 && key.contains(".conf.*.");
    let plain = key.split('.').all(|word| {
        !word.is_empty()
            && (word == "*" && every_interface
                || word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b)))
    });
    (!(plain && key.contains('.'))).then(|| format!("`{key}` is not a kernel parameter"))
}
