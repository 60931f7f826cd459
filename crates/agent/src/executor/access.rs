//! Not cutting the branch that one sits on.
//!
//! Before a change to SSH or the firewall it is noted what works: the lifeline, and the ports on which the SSH server
//! listens. What worked before must work afterwards, or the change is a failure and is taken back.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::StepError;
use super::tools::Tools;
use crate::host::{Host, HostError};

/// The largest socket table that is read.
const SOCKETS_MAX: usize = 4 * 1024 * 1024;
/// How long a reloaded server may take to listen again: 60 × 50 ms.
const PATIENCE: (u32, Duration) = (60, Duration::from_millis(50));

/// Whether the agent still reaches what it must reach: Central Command, usually by opening a connection.
pub trait Lifeline: Send + Sync {
    /// `Err` says in a line what is out of reach.
    fn check(&self) -> Result<(), String>;
}

/// For agents that work without Central Command: nothing can be lost.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLifeline;

impl Lifeline for NoLifeline {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// What worked before a change.
pub(super) struct Access {
    lifeline: bool,
    ssh_ports: BTreeSet<u16>,
}

impl Access {
    /// Notes what works now.
    pub(super) fn note(tools: Tools<'_>, lifeline: &dyn Lifeline) -> Self {
        let listening = listeners(tools.host()).unwrap_or_default();
        let ssh_ports = ssh_ports(tools).unwrap_or_default();
        Self {
            lifeline: lifeline.check().is_ok(),
            ssh_ports: ssh_ports.into_iter().filter(|port| listening.tcp.contains(port)).collect(),
        }
    }

    /// Whether all of it still works.
    pub(super) fn still(&self, tools: Tools<'_>, lifeline: &dyn Lifeline) -> Result<(), StepError> {
        if self.lifeline {
            lifeline.check().map_err(StepError::CutOff)?;
        }
        let (tries, pause) = PATIENCE;
        let mut missing = self.ssh_ports.clone();
        for attempt in 0..tries {
            let listening = listeners(tools.host()).unwrap_or_default();
            missing.retain(|port| !listening.tcp.contains(port));
            if missing.is_empty() {
                return Ok(());
            }
            if attempt + 1 < tries {
                std::thread::sleep(pause);
            }
        }
        Err(StepError::CutOff(format!("the SSH server no longer listens on {missing:?}")))
    }
}

/// The ports of the SSH server as it is configured.
pub(super) fn ssh_ports(tools: Tools<'_>) -> Result<BTreeSet<u16>, StepError> {
    let output = tools.ask(&["sshd", "-T"])?;
    Ok(output.text().lines().filter_map(|line| line.strip_prefix("port ")?.trim().parse().ok()).collect())
}

/// Ports that other machines can reach.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listeners {
    pub(super) tcp: BTreeSet<u16>,
    pub(super) udp: BTreeSet<u16>,
}

/// What listens on the machine, loopback left out.
pub(super) fn listeners(host: &dyn Host) -> Result<Listeners, HostError> {
    let mut found = Listeners::default();
    for (table, udp) in [("tcp", false), ("tcp6", false), ("udp", true), ("udp6", true)] {
        let text = match host.read(&Path::new("/proc/net").join(table), SOCKETS_MAX) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(HostError::NotFound) => continue,
            Err(other) => return Err(other),
        };
        let ports = text.lines().skip(1).filter_map(|line| listening_port(line, udp));
        if udp { found.udp.extend(ports) } else { found.tcp.extend(ports) }
    }
    Ok(found)
}

/// The port of a line of `/proc/net/{tcp,udp}` that waits for others. Ephemeral UDP ports belong to clients.
fn listening_port(line: &str, udp: bool) -> Option<u16> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let waits = if udp { state == "07" && remote.ends_with(":0000") && port < 32_768 } else { state == "0A" };
    (waits && !is_loopback(address)).then_some(port)
}

/// Addresses are in the machine's byte order, in groups of four bytes; every platform of the agent is little-endian.
fn is_loopback(address: &str) -> bool {
    match address.len() {
        8 => address.ends_with("7F"),
        _ => {
            address == "00000000000000000000000001000000"
                || address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_tables_are_read() {
        let tcp = |line: &str| listening_port(line, false);
        assert_eq!(tcp("   0: 00000000:0016 00000000:0000 0A 0:0 00:0 0 0 0 1 1 0 100 0 0 10 0"), Some(22));
        assert_eq!(
            tcp("   1: 0100007F:1538 00000000:0000 0A 0:0 00:0 0 0 0 1 1 0 100 0 0 10 0"),
            None,
            "loopback"
        );
        assert_eq!(
            tcp("   2: 0A00020F:0016 0A000202:D431 01 0:0 00:0 0 0 0 1 1 0 100 0 0 10 0"),
            None,
            "connected"
        );
        assert_eq!(
            tcp("   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 0"),
            Some(443)
        );
        assert_eq!(
            tcp("   0: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 0"),
            None
        );
        let udp = |line: &str| listening_port(line, true);
        assert_eq!(udp("  10: 00000000:007B 00000000:0000 07 0"), Some(123));
        assert_eq!(udp("  11: 00000000:C350 00000000:0000 07 0"), None, "a client");
    }
}
