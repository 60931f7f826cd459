//! Not cutting the branch that one sits on.
//!
//! Before a change to SSH or the firewall it is noted what works: the lifeline, and the ports on which the SSH server
//! listens. What worked before must work afterwards, or the change is a failure and is taken back.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
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

/// The port of a line of `/proc/net/{tcp,udp}` that waits for others. A UDP socket without a peer may be a client's or a
/// server's, whatever its port: WireGuard listens above 32768. It counts.
fn listening_port(line: &str, udp: bool) -> Option<u16> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let waits = if udp { state == "07" && remote.ends_with(":0000") && port > 0 } else { state == "0A" };
    (waits && !is_loopback(address)).then_some(port)
}

/// Addresses are printed as numbers of four bytes, which are in memory as they go over the network. What is not
/// understood is taken for reachable.
fn is_loopback(address: &str) -> bool {
    let numbers = address.as_bytes().chunks(8).map(|digits| {
        let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        Some(number.to_ne_bytes())
    });
    match numbers.collect::<Option<Vec<_>>>().as_deref() {
        Some(&[v4]) => Ipv4Addr::from(v4).is_loopback(),
        Some(&[a, b, c, d]) => {
            let mut bytes = [0; 16];
            bytes.as_chunks_mut().0.copy_from_slice(&[a, b, c, d]);
            Ipv6Addr::from(bytes).to_canonical().is_loopback()
        }
        Some(_) | None => false,
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
        assert_eq!(udp("  11: 00000000:CA6C 00000000:0000 07 0"), Some(51_820), "WireGuard");
        assert_eq!(udp("  12: 0A00020F:CA6C 0A000202:0035 01 0"), None, "connected");
        assert_eq!(udp("  13: 0100007F:CA6C 00000000:0000 07 0"), None, "loopback");
    }

    #[test]
    fn loopback_is_known_in_any_byte_order() {
        let as_printed = |bytes: &[u8]| {
            let numbers = bytes.as_chunks().0.iter().map(|four| format!("{:08X}", u32::from_ne_bytes(*four)));
            numbers.collect::<String>()
        };
        let v6 = |text: &str| as_printed(&text.parse::<Ipv6Addr>().expect("an address").octets());
        assert!(is_loopback(&as_printed(&[127, 8, 9, 1])) && !is_loopback(&as_printed(&[10, 0, 0, 127])));
        assert!(is_loopback(&v6("::1")) && is_loopback(&v6("::ffff:127.0.0.1")));
        assert!(!is_loopback(&v6("::")) && !is_loopback(&v6("2001:db8::7f")));
    }
}
