//! What is known of the machine besides its checks: facts for conditions, and who else manages it.

use std::collections::BTreeMap;

use proofline_healing::Fact;

use crate::host::Host;

/// Files by which configuration managers are recognised.
const MANAGERS: [(&str, &str); 9] = [
    ("/etc/puppetlabs/puppet/puppet.conf", "Puppet"),
    ("/etc/chef/client.rb", "Chef"),
    ("/etc/salt/minion", "Salt"),
    ("/etc/cron.d/ansible-pull", "Ansible"),
    ("/var/cfengine/inputs/promises.cf", "CFEngine"),
    ("/opt/rudder/etc/uuid.hive", "Rudder"),
    ("/etc/landscape/client.conf", "Landscape"),
    ("/etc/sssd/conf.d/gpo.conf", "Active Directory group policy"),
    ("/etc/cloud/cloud.cfg", "cloud-init"),
];

/// Configuration managers that left their files here.
pub(super) fn managers(host: &dyn Host) -> Vec<String> {
    let found = MANAGERS.iter().filter(|(path, _)| host.exists(path).unwrap_or(false));
    found.map(|(_, name)| (*name).to_owned()).collect()
}

/// Facts of os-release(5): `distribution` and `distribution_version`.
pub(super) fn facts(host: &dyn Host) -> BTreeMap<String, Fact> {
    let text = host.text("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(Fact::Text(line.trim().trim_matches(['"', '\'']).to_owned()))
    };
    [("distribution", "ID"), ("distribution_version", "VERSION_ID")]
        .into_iter()
        .filter_map(|(fact, name)| Some((fact.to_owned(), field(name)?)))
        .collect()
}
