//! Changes of files aim at what was looked at, wherever its path leads meanwhile. On the machine's real root, in a folder
//! of its own.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use proofline_agent::executor::{Attributes, Disk, Files, StepError};
use tempfile::TempDir;

const OPEN: &str = "ours/file";
const VICTIM: &str = "theirs/file";

/// `ours/file`, open to everybody, and `theirs/file`, which is nobody's business.
fn folders() -> (TempDir, impl Fn(&str) -> PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let real = fs::canonicalize(folder.path()).expect("has a path");
    let path = move |name: &str| real.join(name);
    for (name, mode) in [(OPEN, 0o666), (VICTIM, 0o600)] {
        fs::create_dir_all(path(name).parent().expect("has one")).expect("a folder");
        fs::write(path(name), name).expect("writes");
        fs::set_permissions(path(name), Permissions::from_mode(mode)).expect("sets the mode");
    }
    (folder, path)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("is there").permissions().mode() & 0o7777
}

fn swap(path: &impl Fn(&str) -> PathBuf) {
    fs::rename(path("ours"), path("moved")).expect("moves");
    symlink("theirs", path("ours")).expect("a link");
}

#[test]
fn a_folder_swapped_for_a_link_between_read_and_change_leads_nowhere() {
    let (_folder, path) = folders();
    let disk = Disk::new("/");
    let held = disk.hold(&path(OPEN)).expect("holds");
    swap(&path);
    disk.set_attributes(&held, Attributes { mode: 0o644, ..held.attributes }).expect("changes");
    assert_eq!(mode(&path("moved/file")), 0o644, "what was read is what was changed");
    assert_eq!(mode(&path(VICTIM)), 0o600);
}

#[test]
fn no_link_above_a_file_is_followed() {
    let (_folder, path) = folders();
    swap(&path);
    let (disk, file) = (Disk::new("/"), path(OPEN));
    let refused = |error: StepError| {
        assert!(error.to_string().contains("behind a symbolic link"), "{error}");
    };
    refused(disk.hold(&file).expect_err("is refused"));
    refused(disk.snapshot(&file).expect_err("is refused"));
    refused(disk.write(&file, b"ours", Attributes::PLAIN).expect_err("is refused"));
    refused(disk.write_in_place(&file, b"ours").expect_err("is refused"));
    refused(disk.remove(&file).expect_err("is refused"));
    refused(disk.make_directory(&path("ours/new")).expect_err("is refused"));
    assert_eq!(fs::read(path(VICTIM)).expect("reads"), VICTIM.as_bytes());
}

#[test]
fn a_mode_alone_changes_no_owner() {
    let (_folder, path) = folders();
    fs::set_permissions(path(OPEN), Permissions::from_mode(0o4777)).expect("sets the mode");
    let disk = Disk::new("/");
    let held = disk.hold(&path(OPEN)).expect("holds");
    let changed = fs::metadata(path(OPEN)).expect("is there");
    if rustix::process::geteuid().is_root() {
        // Given away in between: the change of the mode must not take it back.
        std::os::unix::fs::chown(path(OPEN), Some(12_345), None).expect("gives it away");
    }
    disk.set_attributes(&held, Attributes { mode: 0o4755, ..held.attributes }).expect("changes");
    let owner = |meta: &fs::Metadata| std::os::unix::fs::MetadataExt::uid(meta);
    let now = fs::metadata(path(OPEN)).expect("is there");
    let expected = if rustix::process::geteuid().is_root() { 12_345 } else { owner(&changed) };
    assert_eq!((owner(&now), mode(&path(OPEN))), (expected, 0o4755));
}
