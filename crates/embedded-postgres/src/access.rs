//! Who may connect: peer authentication over the unix socket, with a map from operating-system users to roles.
//! There are no passwords. Both files are written at every start, so that they follow who supervises the cluster.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use crate::account::Account;
use crate::error::{Error, Result};
use crate::files::replace;
use crate::options::SUPERUSER;

const HBA: &str = "# Written by Proofline at every start.\nlocal all all peer map=proofline\n";

/// Writes both files and returns whether either changed.
pub(crate) fn write(data_dir: &Path, cluster: &Account, roles: &[String]) -> Result<bool> {
    let supervisor = Account::current()?;
    let users = BTreeSet::from([supervisor.name.as_str(), cluster.name.as_str()]);
    let roles: BTreeSet<&str> = roles.iter().map(String::as_str).chain([SUPERUSER]).collect();
    let mut map = String::from("# Written by Proofline at every start: operating-system user, then role.\n");
    for user in users {
        for role in &roles {
            writeln!(map, "proofline \"{}\" \"{}\"", plain(user)?, plain(role)?)
                .expect("a string takes all text");
        }
    }
    let hba_changed = replace(&data_dir.join("pg_hba.conf"), HBA, cluster)?;
    let map_changed = replace(&data_dir.join("pg_ident.conf"), &map, cluster)?;
    Ok(hba_changed || map_changed)
}

/// A name that means only itself in these files: a leading slash would make it a pattern, a quote would end it.
fn plain(name: &str) -> Result<&str> {
    let ordinary = |letter: char| letter.is_alphanumeric() || "-_.@".contains(letter);
    if !name.is_empty() && name.chars().all(ordinary) {
        Ok(name)
    } else {
        Err(Error::BadName { name: name.to_owned() })
    }
}
