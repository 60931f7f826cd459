//! Credentials are opened by the appliance that they are sealed to, from the pinned key only, and lie nowhere in clear.

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use proofline_agent::identity::Identity;
use proofline_evidence::{PublicKey, SigningKey};
use proofline_protocol::{KeyRole, paths};
use support::central::{Fault, server_key};
use support::rig::Rig;

const SECRET: &str = "a-secret-that-is-nowhere";

fn own_key(rig: &Rig) -> PublicKey {
    Identity::load(&rig.state()).expect("is enrolled").1.public_key().clone()
}

/// The secrets that are held, by name.
fn held(rig: &Rig) -> Vec<(String, String)> {
    let credentials = rig.parts().sync.credentials();
    let secret = |name: String| {
        let login = credentials.get(&name).expect("is listed");
        assert_eq!(login.username.expose(), "backup");
        (name, login.secret.expose().to_owned())
    };
    credentials.names().into_iter().map(secret).collect()
}

fn pair(name: &str, secret: &str) -> (String, String) {
    (name.to_owned(), secret.to_owned())
}

/// Whether a file below `folder` holds `text`.
fn is_in_a_file(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).expect("lists").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return is_in_a_file(&path, text);
        }
        let bytes = std::fs::read(&path).expect("reads");
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn what_is_sealed_to_it_is_fetched_once_opened_and_never_written_in_clear() {
    let mut rig = Rig::new();
    let (key, own) = (server_key(KeyRole::Orders), own_key(&rig));
    rig.central.offer_credentials(1, &key, &own, &[("nas", SECRET), ("switch", "other")]);
    rig.check_in().expect("checks in");
    let expected = [pair("nas", SECRET), pair("switch", "other")];
    assert_eq!(held(&rig), expected);
    rig.check_in().expect("checks in");
    let fetched = |rig: &Rig| {
        let path = format!("GET {}", paths::CREDENTIALS);
        rig.central.lock().requests.iter().filter(|request| **request == path).count()
    };
    assert_eq!(fetched(&rig), 1, "what is there is not fetched again");

    let file = rig.state().credentials();
    assert_eq!(std::fs::metadata(&file).expect("is there").permissions().mode() & 0o777, 0o600);
    assert!(!is_in_a_file(rig.folder.path(), SECRET));
    assert!(
        is_in_a_file(rig.folder.path(), &rig.central.lock().ids.site.to_string()),
        "the search finds things"
    );

    rig.restart();
    assert_eq!(held(&rig), expected, "opened from the disk");
    assert_eq!(fetched(&rig), 1);

    rig.central.offer_credentials(2, &key, &own, &[("switch", "newer")]);
    rig.central.fail(paths::CREDENTIALS, &[Fault::Mute]);
    rig.check_in().expect("checks in");
    assert_eq!(held(&rig), expected, "a lost answer changes nothing");
    rig.check_in().expect("checks in");
    assert_eq!(held(&rig), [pair("switch", "newer")], "replaced, and taken away");
}

#[test]
fn another_appliances_copy_a_foreign_key_and_an_older_set_are_refused() {
    let mut rig = Rig::new();
    let (key, own) = (server_key(KeyRole::Orders), own_key(&rig));
    rig.central.offer_credentials(3, &key, &own, &[("nas", SECRET)]);
    rig.check_in().expect("checks in");
    let before = [pair("nas", SECRET)];
    let older = std::fs::read(rig.state().credentials()).expect("reads");

    let another = SigningKey::from_seed(&[77; 32]).public_key().clone();
    rig.central.offer_credentials(4, &key, &another, &[("nas", "theirs")]);
    rig.check_in().expect("checks in");
    assert_eq!(held(&rig), before, "sealed to another appliance's key");

    rig.central.offer_credentials(5, &server_key(KeyRole::Rules), &own, &[("nas", "forged")]);
    rig.check_in().expect("checks in");
    assert_eq!(held(&rig), before, "signed in another role");
    rig.central.offer_credentials(6, &SigningKey::from_seed(&[78; 32]), &own, &[("nas", "forged")]);
    rig.check_in().expect("checks in");
    assert_eq!(held(&rig), before, "signed by a stranger");

    rig.central.offer_credentials(7, &key, &own, &[("nas", "newest")]);
    rig.check_in().expect("checks in");
    assert_eq!(held(&rig), [pair("nas", "newest")]);
    assert!(rig.parts().sync.credentials().accept(&older).is_err());
    rig.parts = None;
    std::fs::write(rig.state().credentials(), &older).expect("writes");
    rig.start();
    assert_eq!(held(&rig), [], "an older file is not taken");
    rig.check_in().expect("checks in");
    assert_eq!(held(&rig), [pair("nas", "newest")], "the server sends the right one again");
}

#[test]
fn a_copy_of_the_files_does_not_open_under_another_identity() {
    let rig = Rig::new();
    let (key, own) = (server_key(KeyRole::Orders), own_key(&rig));
    rig.central.offer_credentials(1, &key, &own, &[("nas", SECRET)]);
    rig.check_in().expect("checks in");
    let stolen = std::fs::read(rig.state().credentials()).expect("reads");

    rig.central.add_code("PL-SECOND");
    let mut thief = Rig::bare();
    thief.central = rig.central.clone();
    thief.entropy = std::sync::Arc::new(proofline_core::SeededEntropy::new(2));
    thief.enroll("PL-SECOND").expect("enrols");
    std::fs::write(thief.state().credentials(), &stolen).expect("writes");
    thief.start();
    assert_eq!(held(&thief), []);
    assert!(thief.parts().sync.credentials().accept(&stolen).is_err());
}
