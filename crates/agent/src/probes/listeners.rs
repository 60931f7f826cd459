//! What listens beyond the loopback, from the kernel's socket tables.
//!
//! The owning program is named where the agent may look into other processes; the verdict does not depend on it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::declarations;
use super::finding::{Finding, Outcome, Unmeasured};
use crate::host::{Host, HostError};

/// A socket table has a line of 150 bytes for every connection: this is for about 27 000, one table held at a time. A
/// machine with more is told that it was not measured.
const TABLE_LIMIT: usize = 4 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// The state of a socket that takes what comes: listening, or for UDP unconnected. include/net/tcp_states.h
    const fn open_state(self) -> &'static str {
        match self {
            Self::Tcp => "0A",
            Self::Udp => "07",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Listener {
    protocol: Protocol,
    port: u16,
    inode: String,
}

pub(super) fn only_allowed(host: &dyn Host, allowed: &[u16]) -> Outcome {
    let declared = declarations::read(host)?.allowed_ports;
    let others: Vec<Listener> = exposed(host, Protocol::Tcp)?
        .into_iter()
        .filter(|listener| !allowed.contains(&listener.port) && !declared.contains(&listener.port))
        .collect();
    let reason = "these ports are not declared for this machine";
    Ok(report(host, &others, "only allowed ports", reason, "/proc/net/tcp, /proc/net/tcp6"))
}

pub(super) fn none_of(host: &dyn Host, tcp: &[u16], udp: &[u16]) -> Outcome {
    let mut found: Vec<Listener> = Vec::new();
    for (protocol, ports) in [(Protocol::Tcp, tcp), (Protocol::Udp, udp)] {
        found.extend(exposed(host, protocol)?.into_iter().filter(|listener| ports.contains(&listener.port)));
    }
    let location = "/proc/net/tcp, /proc/net/tcp6, /proc/net/udp, /proc/net/udp6";
    Ok(report(host, &found, "none", "these ports must not be reachable from the network", location))
}

fn report(host: &dyn Host, found: &[Listener], nothing: &str, reason: &str, location: &str) -> Finding {
    let wanted: BTreeSet<&str> = found.iter().map(|listener| listener.inode.as_str()).collect();
    let owners = owners(host, &wanted);
    let named = found.iter().map(|listener| {
        let port = format!("{}/{}", listener.port, listener.protocol.as_str());
        match owners.get(&listener.inode) {
            Some(program) => format!("{port} ({program})"),
            None => port,
        }
    });
    Finding::offenders(named.collect(), nothing, reason, location)
}

fn exposed(host: &dyn Host, protocol: Protocol) -> Result<Vec<Listener>, Unmeasured> {
    let mut found = Vec::new();
    for ending in ["", "6"] {
        let path = format!("/proc/net/{}{ending}", protocol.as_str());
        let text = match host.read(Path::new(&path), TABLE_LIMIT) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // A kernel without IPv6 has no second table.
            Err(HostError::NotFound) if ending == "6" => continue,
            Err(error) => return Err(Unmeasured::from_host(&error, &path)),
        };
        let unclear = || Unmeasured::unknown("the table of sockets was not understood", path.clone());
        let mut lines = text.lines();
        if !lines.next().is_some_and(|header| header.contains("local_address")) {
            return Err(unclear());
        }
        for line in lines {
            let (state, address, listener) = parse(line, protocol).ok_or_else(unclear)?;
            if state == protocol.open_state() && !address.is_loopback() {
                found.push(listener);
            }
        }
    }
    Ok(found)
}

/// State, local address and the rest: `sl local remote st queues timer retries uid timeout inode …`; proc_pid_net(5)
fn parse(line: &str, protocol: Protocol) -> Option<(&str, IpAddr, Listener)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (state, (address, port)) = (*fields.get(3)?, fields.get(1)?.split_once(':')?);
    let (address, port) = (parse_address(address)?, u16::from_str_radix(port, 16).ok()?);
    let inode = (*fields.get(9)?).to_owned();
    Some((state, address, Listener { protocol, port, inode }))
}

/// Addresses are printed as 32-bit words in the machine's byte order.
fn parse_address(text: &str) -> Option<IpAddr> {
    let words: Vec<[u8; 4]> = text
        .as_bytes()
        .chunks(8)
        .map(|word| Some(u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?.to_ne_bytes()))
        .collect::<Option<_>>()?;
    match words[..] {
        [v4] => Some(IpAddr::V4(Ipv4Addr::from(v4))),
        [_, _, _, _] => {
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            // `::ffff:127.0.0.1` is the loopback as well.
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

/// The programs that hold these sockets, as far as the agent may see.
fn owners(host: &dyn Host, inodes: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let mut owners = BTreeMap::new();
    let Ok(processes) = host.list(Path::new("/proc")) else { return owners };
    for process in processes.iter().filter(|entry| entry.name.bytes().all(|b| b.is_ascii_digit())) {
        if owners.len() == inodes.len() {
            break;
        }
        let folder = format!("/proc/{}", process.name);
        let Ok(files) = host.list(Path::new(&format!("{folder}/fd"))) else { continue };
        for file in files {
            let Ok(target) = host.read_link(Path::new(&format!("{folder}/fd/{}", file.name))) else {
                continue;
            };
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            let Some(inode) = inode.filter(|inode| inodes.contains(inode)) else { continue };
            if let Ok(name) = host.text(&format!("{folder}/comm")) {
                owners.entry(inode.to_owned()).or_insert_with(|| name.trim().to_owned());
            }
        }
    }
    owners
}
