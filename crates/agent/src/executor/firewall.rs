//! A default-drop input chain in a table of the agent's own, beside whatever else filters.
//!
//! What is reachable when it is applied stays reachable: the ports of the SSH server and everything that listens on an
//! address other than loopback. New listeners are dropped until someone allows them. The table is loaded at boot by a unit
//! of its own, after the distribution's firewall, whose start may flush everything.

use std::collections::BTreeSet;
use std::path::Path;

use super::StepError;
use super::access::{Access, Lifeline, listeners, ssh_ports};
use super::files::{Attributes, Files};
use super::run::Changes;
use super::settings::MARK;
use super::systemd::{self, UnitState};
use super::tools::{Tools, successful};
use super::undo::Undo;
use crate::host::HostError;

const RULES: &str = "/etc/proofline/firewall.nft";
const RESTORE: &str = "/etc/proofline/firewall-restore.nft";
const UNIT: &str = "proofline-firewall.service";
const UNIT_FILE: &str = "/etc/systemd/system/proofline-firewall.service";
const TABLE: [&str; 2] = ["inet", "proofline"];
/// Makes what follows replace the table in one transaction, whether it is there or not.
const REPLACE: &str = "table inet proofline\ndelete table inet proofline\n";
const UNIT_TEXT: &str = "[Unit]
Description=Proofline default-drop firewall
Wants=network-pre.target
Before=network-pre.target
After=nftables.service firewalld.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/proofline/firewall.nft

[Install]
WantedBy=sysinit.target
";

/// Applies it.
pub(super) fn apply(
    changes: &mut Changes<'_>,
    lifeline: &dyn Lifeline,
    allow_tcp: &str,
    allow_udp: &str,
) -> Result<(), StepError> {
    let tools = changes.tools;
    let reachable =
        listeners(tools.host()).map_err(|source| StepError::Host { what: "/proc/net".to_owned(), source })?;
    let ssh = match ssh_ports(tools) {
        Ok(ports) => ports,
        Err(StepError::Host { source: HostError::NotFound, .. }) => BTreeSet::new(),
        Err(other) => return Err(other),
    };
    let tcp: BTreeSet<u16> = reachable.tcp.into_iter().chain(ssh).chain(ports(allow_tcp)).collect();
    let udp: BTreeSet<u16> = reachable.udp.into_iter().chain(ports(allow_udp)).collect();
    changes.write(
        Path::new(RULES),
        rules(&tcp, &udp).as_bytes(),
        Attributes { mode: 0o600, uid: 0, gid: 0 },
    )?;
    let check = ["nft", "--check", "--file", RULES];
    successful(&check, &tools.ask(&check)?)?;
    changes.write(Path::new(UNIT_FILE), format!("{MARK}{UNIT_TEXT}").as_bytes(), Attributes::PLAIN)?;
    tools.act(&["systemctl", "daemon-reload"])?;

    let was = table(tools)?;
    let access = Access::note(tools, lifeline);
    changes.make(&Undo::FirewallTable { was }, |_| tools.act(&["nft", "--file", RULES]))?;
    access.still(tools, lifeline)?;

    let was = systemd::state(tools, UNIT)?.unwrap_or(UnitState::UNKNOWN);
    changes
        .make(&Undo::Unit { unit: UNIT.to_owned(), was }, |_| tools.act(&["systemctl", "enable", "--", UNIT]))
}

/// Brings the table back to what it was.
pub(super) fn restore(files: &dyn Files, tools: Tools<'_>, was: Option<&str>) -> Result<(), StepError> {
    match was {
        None => match table(tools)? {
            Some(_) => tools.act(&["nft", "delete", "table", TABLE[0], TABLE[1]]),
            None => Ok(()),
        },
        Some(text) => {
            let path = Path::new(RESTORE);
            files.write(
                path,
                format!("{REPLACE}{text}").as_bytes(),
                Attributes { mode: 0o600, uid: 0, gid: 0 },
            )?;
            tools.act(&["nft", "--file", RESTORE])?;
            files.remove(path)
        }
    }
}

/// The table's present rules.
fn table(tools: Tools<'_>) -> Result<Option<String>, StepError> {
    let output = tools.ask(&["nft", "list", "table", TABLE[0], TABLE[1]])?;
    Ok(output.success().then(|| output.text()))
}

fn ports(list: &str) -> impl Iterator<Item = u16> {
    list.split(',').filter_map(|port| port.parse().ok())
}

fn rules(tcp: &BTreeSet<u16>, udp: &BTreeSet<u16>) -> String {
    let accept = |protocol: &str, ports: &BTreeSet<u16>| {
        let list: Vec<String> = ports.iter().map(u16::to_string).collect();
        if list.is_empty() {
            String::new()
        } else {
            format!("\t\t{protocol} dport {{ {} }} accept\n", list.join(", "))
        }
    };
    format!(
        "{MARK}{REPLACE}table inet proofline {{\n\tchain input {{\n\
         \t\ttype filter hook input priority filter; policy drop;\n\
         \t\tiif \"lo\" accept\n\
         \t\tct state established,related accept\n\
         \t\tct state invalid drop\n\
         \t\tmeta l4proto {{ 1, 58 }} accept\n\
         \t\tudp sport 67 udp dport 68 accept\n\
         \t\tudp sport 547 udp dport 546 accept\n\
         {}{}\t}}\n}}\n",
        accept("tcp", tcp),
        accept("udp", udp)
    )
}
