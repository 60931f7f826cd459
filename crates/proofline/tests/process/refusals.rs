//! What cannot work is said in one sentence, before anything is opened, with a status that says whether to try again.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use crate::support::{CSRF_KEY, Ended, Home, MASTER_KEY, PEPPER};

/// `EX_CONFIG`: a supervisor need not try again.
const CONFIG: i32 = 78;
/// Anything that may pass.
const FAILURE: i32 = 1;

#[test]
fn production_refuses_each_bad_secret_at_once_and_never_prints_it() {
    let home = Home::new();
    // Taken by us: a server that came as far as to listen would say so, and with another status.
    let _taken = [home.listen, home.metrics].map(|address| TcpListener::bind(address).expect("ours"));
    let padded = |good: &str| Some(format!("{good}\n"));
    for (name, other, good) in [
        ("PROOFLINE_CSRF_KEY", "PROOFLINE_EARLIER_CSRF_KEYS", CSRF_KEY),
        ("PROOFLINE_PASSWORD_PEPPER", "PROOFLINE_CSRF_KEY", PEPPER),
        ("PROOFLINE_MASTER_KEY", "PROOFLINE_EARLIER_MASTER_KEYS", MASTER_KEY),
    ] {
        let bad = [
            ("unset", None),
            ("empty", Some(String::new())),
            ("blank", Some("   \t ".repeat(8))),
            ("placeholder", Some(format!("changeme-{good}"))),
            ("31 characters", Some(good[..31].to_owned())),
            ("trailing newline", padded(good)),
            ("duplicate", Some(good.to_owned())),
        ];
        for (what, value) in bad {
            let mut command = home.command(&["serve"]);
            match &value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
            if what == "duplicate" {
                command.env(other, good);
            }
            let ended = Ended::of(&mut command);
            let said = &ended.err;
            assert_eq!(ended.code, CONFIG, "{name} {what}: {said}");
            assert!(ended.took < Duration::from_secs(2), "{name} {what} took {:?}", ended.took);
            assert!(said.contains(name) && said.lines().count() == 1, "{name} {what}: {said}");
            let shown = |part: &str| !part.is_empty() && (said.contains(part) || ended.out.contains(part));
            assert!(!value.is_some_and(|value| shown(value.trim())), "{name} {what} is printed");
            assert!(!shown(&good[..31]), "{name} {what}: a part of it is printed");
            assert!(!home.data().exists(), "{name} {what}: something was opened");
        }
    }
}

#[test]
fn several_nodes_without_a_redis_server_of_their_own_are_refused_at_once() {
    let home = Home::new();
    let _taken = [home.listen, home.metrics].map(|address| TcpListener::bind(address).expect("ours"));
    let password = "0f6c2e9a81b74d35c6e0f2a94b7d1c83";
    let at = |password: &str| Some(format!("rediss://:{password}@redis.example.org:6379"));
    for (what, nodes, url) in [
        ("unset", "3", None),
        ("empty", "3", Some(String::new())),
        ("blank", "3", Some("   ".to_owned())),
        ("placeholder", "3", at(&format!("changeme-{password}"))),
        ("31 characters", "1", at(&password[..31])),
        ("no password", "1", Some("redis://redis.example.org:6379".to_owned())),
        ("trailing newline", "1", at(password).map(|url| format!("{url}\n"))),
        ("another secret", "1", at(CSRF_KEY)),
        ("not Redis", "1", Some(format!("https://:{password}@redis.example.org"))),
        ("not a URL", "1", Some(password.to_owned())),
    ] {
        let mut command = home.command(&["serve"]);
        command.env("PROOFLINE_NODES", nodes);
        if let Some(url) = &url {
            command.env("PROOFLINE_REDIS_URL", url);
        }
        let ended = Ended::of(&mut command);
        assert_eq!(ended.code, CONFIG, "{what}: {}", ended.err);
        assert!(ended.took < Duration::from_secs(2), "{what} took {:?}", ended.took);
        let named = ended.err.contains("PROOFLINE_REDIS_URL") && ended.err.lines().count() == 1;
        assert!(named, "{what}: {}", ended.err);
        for part in [&password[..31], &CSRF_KEY[..31], "redis.example"] {
            assert!(
                !ended.err.contains(part) && !ended.out.contains(part),
                "{what} is printed: {}",
                ended.err
            );
        }
        assert!(!home.data().exists(), "{what}: something was opened");
    }
}

#[test]
fn an_address_of_another_kind_of_database_is_refused_at_once() {
    let home = Home::new();
    for url in ["mysql://us:hunter2@127.0.0.1:1/proofline", "us:hunter2@127.0.0.1", "postgres:/us:hunter2@x"]
    {
        for name in ["PROOFLINE_DATABASE_URL", "PROOFLINE_OWNER_DATABASE_URL"] {
            let mut command = home.command(&["serve"]);
            command.env("PROOFLINE_DATABASE_URL", "postgres://us@127.0.0.1:1/proofline").env(name, url);
            let ended = Ended::of(&mut command);
            let said = &ended.err;
            assert_eq!(ended.code, CONFIG, "{name} {url}: {said}");
            assert!(said.contains(&format!("{name} is not a PostgreSQL URL")), "{said}");
            assert!(said.lines().count() == 1 && !said.contains("hunter2"), "{said}");
            assert!(!home.data().exists(), "{name} {url}: something was opened");
        }
    }
    let mut command = home.command(&["serve"]);
    let silent = Ended::of(command.env("PROOFLINE_DATABASE_URL", "postgres://us@127.0.0.1:1/proofline"));
    assert_eq!(silent.code, FAILURE, "{}", silent.err);
    assert_eq!(silent.err.matches("Connection refused").count(), 1, "{}", silent.err);
}

#[test]
fn a_mail_server_that_cannot_be_used_is_named_and_its_password_never_printed() {
    let home = Home::new();
    let from = "Proofline <compliance@example.org>";
    for (name, url, from) in [
        ("PROOFLINE_SMTP_URL", "smtp://us:hunter2@mail.example.org", Some(from)),
        ("PROOFLINE_SMTP_URL", "https://us:hunter2@mail.example.org", Some(from)),
        ("PROOFLINE_MAIL_FROM", "smtps://us:hunter2@mail.example.org", None),
        ("PROOFLINE_MAIL_FROM", "smtps://us:hunter2@mail.example.org", Some("nobody")),
    ] {
        let mut command = home.command(&["serve"]);
        command.env("PROOFLINE_SMTP_URL", url);
        if let Some(from) = from {
            command.env("PROOFLINE_MAIL_FROM", from);
        }
        let ended = Ended::of(&mut command);
        let said = &ended.err;
        assert_eq!(ended.code, CONFIG, "{url} {from:?}: {said}");
        assert!(
            said.contains(name) && said.lines().count() == 1 && !said.contains("hunter2"),
            "{url}: {said}"
        );
        assert!(!home.data().exists(), "{url}: something was opened");
    }
    let mut doctor = home.command(&["doctor"]);
    doctor.env("PROOFLINE_SMTP_URL", "smtps://us:hunter2@mail.example.org").env("PROOFLINE_MAIL_FROM", from);
    let said = Ended::of(&mut doctor).out;
    assert!(said.contains("through the server of PROOFLINE_SMTP_URL") && !said.contains("hunter2"), "{said}");
    let said = home.run(&["doctor"]).out;
    assert!(said.contains("PROOFLINE_SMTP_URL is not set"), "{said}");
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_is_named() {
    let home = Home::new();
    let file = home.path().join("authorities.pem");
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (text, why) in [
        (None, "No such file"),
        (Some(""), "there is no certificate in it"),
        (Some("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"), "not in PEM form"),
        (Some(damaged), "a certificate in it cannot be read"),
    ] {
        if let Some(text) = text {
            fs::write(&file, text).expect("written");
        }
        for arguments in [["serve"], ["run"]] {
            let ended = Ended::of(home.command(&arguments).env("PROOFLINE_EXTRA_CA_FILE", &file));
            assert_eq!(ended.code, CONFIG, "{text:?}: {}", ended.err);
            assert!(
                ended.err.contains("PROOFLINE_EXTRA_CA_FILE") && ended.err.contains(why),
                "{}",
                ended.err
            );
            assert!(!home.data().exists(), "{text:?}: something was opened");
        }
    }
    let doctor = Ended::of(home.command(&["doctor"]).env("PROOFLINE_EXTRA_CA_FILE", &file));
    assert!(doctor.out.contains("FAIL  authorities"), "{}", doctor.out);
    fs::write(&file, include_str!("../../../server/tests/tls/authority.pem")).expect("written");
    let doctor = Ended::of(home.command(&["doctor"]).env("PROOFLINE_EXTRA_CA_FILE", &file));
    assert!(doctor.out.contains("the public ones and those of"), "{}", doctor.out);
    // Not set, as a template leaves it.
    let doctor = Ended::of(home.command(&["doctor"]).env("PROOFLINE_EXTRA_CA_FILE", ""));
    assert!(doctor.out.contains("the public ones\n"), "{}", doctor.out);
}

/// A folder that looks like an installation of PostgreSQL.
fn pretend_installation(folder: &Path, initdb: &str) {
    fs::create_dir_all(folder).expect("created");
    let says_version = "#!/bin/sh\necho \"postgres (PostgreSQL) 17.2\"\n";
    for (name, text) in [("postgres", says_version), ("initdb", initdb)] {
        let path = folder.join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made executable");
    }
}

#[test]
fn a_missing_postgresql_is_one_sentence_with_the_way_to_get_it() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    command.env("PROOFLINE_POSTGRES_PROGRAMS", home.path());
    // Somebody else's variable, which many tools read, names no database of ours.
    command.env("DATABASE_URL", "postgres://somebody@127.0.0.1:1/elsewhere");
    let ended = Ended::of(&mut command);
    assert_eq!(ended.code, CONFIG, "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    assert!(
        ended
            .err
            .starts_with("proofline: PostgreSQL 15 or newer was not found on this machine: install it with"),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("apt-get install postgresql") && ended.err.contains("PROOFLINE_DATABASE_URL"));
}

#[test]
fn what_a_person_has_to_change_is_not_tried_again_and_what_may_pass_is() {
    let home = Home::new();
    let postgres = home.data().join("postgres");
    fs::create_dir_all(&postgres).expect("created");
    fs::write(postgres.join("PG_VERSION"), "9\n").expect("written");
    let other_major = home.run(&["serve"]);
    assert_eq!(other_major.code, CONFIG, "{}", other_major.err);
    assert!(other_major.err.contains("holds a PostgreSQL 9 cluster but only"), "{}", other_major.err);

    fs::rename(postgres.join("PG_VERSION"), postgres.join("letter.txt")).expect("renamed");
    let other_things = home.run(&["serve"]);
    assert_eq!(other_things.code, CONFIG, "{}", other_things.err);
    assert!(other_things.err.contains("is not a PostgreSQL cluster"), "{}", other_things.err);
    fs::remove_dir_all(&postgres).expect("removed");

    let programs = home.path().join("programs");
    pretend_installation(&programs, "#!/bin/sh\necho 'initdb: error: No space left on device' >&2\nexit 1\n");
    let mut command = home.command(&["serve"]);
    let full_disk = Ended::of(command.env("PROOFLINE_POSTGRES_PROGRAMS", &programs));
    assert_eq!(full_disk.code, FAILURE, "{}", full_disk.err);
    assert!(full_disk.err.contains("No space left on device"), "{}", full_disk.err);
}

#[test]
fn switches_take_the_words_that_people_write_into_environment_files() {
    let home = Home::new();
    let stage = |value: &str| {
        let mut command = home.command(&["doctor"]);
        let ended = Ended::of(command.env("PROOFLINE_DEV", value));
        ended.out.lines().find_map(|line| Some(line.split_once("stage")?.1.trim().to_owned()))
    };
    for yes in ["1", "true", "yes"] {
        assert_eq!(stage(yes).as_deref(), Some("development"), "{yes}");
    }
    for no in ["0", "false", "no"] {
        assert_eq!(stage(no).as_deref(), Some("production"), "{no}");
    }
    assert_eq!(stage("perhaps"), None);

    let mut command = home.command(&["run", "--agent", "/nonexistent/proofline-agent"]);
    let ended = Ended::of(command.env("PROOFLINE_HEAL", "1"));
    assert_eq!(ended.code, CONFIG, "{}", ended.err);
    assert!(ended.err.contains("the agent's program is not at /nonexistent"), "{}", ended.err);
}

#[test]
fn doctor_explains_a_place_where_nothing_ran_yet_and_leaves_it_so() {
    let home = Home::new();
    let ended = home.run(&["doctor"]);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("will be made at the first start"), "{}", ended.out);
    assert!(ended.out.contains("does not run: nothing listens on"), "{}", ended.out);
    let mut command = home.command(&["doctor"]);
    let ended = Ended::of(command.env("PROOFLINE_DEV", "1").env_remove("PROOFLINE_CSRF_KEY"));
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    assert!(!home.data().exists(), "it has made something");

    let incomplete = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env_remove("PROOFLINE_CSRF_KEY").env("PROOFLINE_PASSWORD_PEPPER", "changeme");
        Ended::of(command.env("PROOFLINE_EARLIER_MASTER_KEYS", MASTER_KEY))
    };
    let all = "PROOFLINE_CSRF_KEY is not set, PROOFLINE_PASSWORD_PEPPER still holds a placeholder, \
               PROOFLINE_EARLIER_MASTER_KEYS equals PROOFLINE_MASTER_KEY; ";
    let ended = incomplete(&["doctor"]);
    assert_eq!(ended.code, FAILURE, "{}", ended.out);
    assert!(ended.out.contains(&format!("FAIL  secrets            {all}")), "{}", ended.out);
    let ended = incomplete(&["serve"]);
    assert_eq!(ended.code, CONFIG, "{}", ended.err);
    assert!(ended.err.starts_with(&format!("proofline: {all}")), "{}", ended.err);
}

#[test]
fn looking_after_an_installation_makes_none() {
    let home = Home::new();
    for arguments in [
        &["migrate", "status"][..],
        &["admin", "rotate-key", "orders", "--reason", "a key was seen by somebody"],
        &["admin", "rotate-key", "master"],
    ] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, CONFIG, "{arguments:?}: {}{}", ended.out, ended.err);
        assert!(ended.err.contains("give the environment that the server has"), "{}", ended.err);
        assert!(!home.data().join("postgres").exists(), "{arguments:?} has made a database");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    let home = Home::new();
    for (name, value, said) in [
        ("PROOFLINE_PUBLIC_URL", "https://compliance.example.org,foo", "it must be https:// and a host"),
        ("PROOFLINE_PUBLIC_URL", "https://user.example:99999", "it must be https:// and a host"),
        ("PROOFLINE_PUBLIC_URL", "https://", "it must be https:// and a host"),
        ("PROOFLINE_PUBLIC_URL", "http://compliance.example.org", "it must be https:// and a host"),
        ("PROOFLINE_LOG", "info,=what", "PROOFLINE_LOG is"),
        ("PROOFLINE_DATA", "/dev/null/data", "cannot make the data directory /dev/null/data"),
    ] {
        let ended = Ended::of(home.command(&["serve"]).env(name, value));
        assert_eq!(ended.code, CONFIG, "{value}: {}", ended.err);
        assert!(ended.err.contains(said), "{value}: {}", ended.err);
    }
}
