//! What this machine says about itself when it enrols.

use std::path::Path;

use crate::enroll::Machine;
use crate::files;

const LIMIT: u64 = 64 * 1024;

/// Reads host name, machine id and platform below `root`, which is `/` for the machine itself.
pub fn describe(root: &Path) -> Machine {
    let text = |path: &str| {
        let bytes = files::read(&root.join(path), LIMIT).ok().flatten().unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    };
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Machine {
        hostname: if hostname.is_empty() { "unnamed".into() } else { hostname },
        machine_id: text("etc/machine-id").into_bytes(),
        platform: platform(&text("etc/os-release")),
    }
}

/// `PRETTY_NAME` of os-release(5), else its name and version.
fn platform(os_release: &str) -> String {
    let field = |name: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned())
    };
    field("PRETTY_NAME").or_else(|| field("NAME")).unwrap_or_else(|| "Linux".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_has_a_name() {
        assert_eq!(
            platform("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n"),
            "Debian GNU/Linux 13 (trixie)"
        );
        assert_eq!(platform("NAME=Alpine\n"), "Alpine");
        assert_eq!(platform(""), "Linux");
    }
}
