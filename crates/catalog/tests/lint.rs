//! Every demand of the linter, each broken once in the real catalogue: the sentence and the file must be the right ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proofline_catalog::lint::{Source, compile};
use serde_json::{Value, json};

fn sources() -> Vec<Source> {
    static READ: LazyLock<Vec<Source>> = LazyLock::new(read_data);
    READ.clone()
}

fn read_data() -> Vec<Source> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let mut files: Vec<PathBuf> = vec![data.join("controls.yaml")];
    for folder in ["checks", "profiles", "runbooks", "rules"] {
        let entries = fs::read_dir(data.join(folder)).expect("it exists");
        files.extend(entries.map(|entry| entry.expect("readable").path()));
    }
    let read = |path: PathBuf| {
        let file = path.strip_prefix(&data).expect("below data").display().to_string();
        let bytes = fs::read(&path).expect("readable");
        Source { file, value: serde_norway::from_slice(&bytes).expect("it is YAML") }
    };
    files.into_iter().map(read).collect()
}

/// The problems after `change` was made to one file, each as it would be printed.
fn problems(file: &str, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut sources = sources();
    let source = sources.iter_mut().find(|source| source.file == file).expect("the file exists");
    change(&mut source.value);
    match compile(&sources) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn assert_refused(file: &str, sentence: &str, change: impl FnOnce(&mut Value)) {
    let found = problems(file, change);
    assert!(found.iter().any(|problem| problem == sentence), "wanted {sentence:?} among {found:#?}");
}

/// The item of a list file with this id.
fn item<'a>(value: &'a mut Value, list: &str, id: &str) -> &'a mut Value {
    let items = value[list].as_array_mut().expect("a list");
    items.iter_mut().find(|item| item["id"] == id).expect("the item exists")
}

fn check<'a>(value: &'a mut Value, id: &str) -> &'a mut Value {
    item(value, "checks", id)
}

const ROOT: &str = "linux.ssh.root_login";
const SSH: &str = "checks/ssh.yaml";
const CONTROLS: &str = "controls.yaml";

#[test]
fn the_real_catalogue_is_accepted() {
    let contents = compile(&sources()).expect("the build has accepted it");
    assert!(contents.checks.windows(2).all(|pair| pair[0].id < pair[1].id), "sorted by id");
}

#[test]
fn files_have_their_place_and_shape() {
    let mut sources = sources();
    sources.push(Source { file: "notes.yaml".to_owned(), value: json!({}) });
    let found = compile(&sources).expect_err("refused");
    assert_eq!(found[0].to_string(), "data/notes.yaml: this is no place for catalogue data");
    assert_refused(SSH, "data/checks/ssh.yaml: a list `checks` is missing", |v| *v = json!({}));
    assert_refused(SSH, "data/checks/ssh.yaml: unknown field `extra`", |v| v["extra"] = json!(1));
    assert_refused(SSH, "data/checks/ssh.yaml: item 1 of `checks` has no id", |v| {
        v["checks"][0].as_object_mut().expect("a map").remove("id");
    });
    assert_refused("rules/ssh.yaml", "data/rules/ssh.yaml: expected a map from id to rule", |v| {
        *v = json!([]);
    });
}

#[test]
fn unknown_fields_are_refused_wherever_they_are() {
    for (file, pointer) in [
        (SSH, "/checks/0"),
        (SSH, "/checks/0/probe"),
        (SSH, "/checks/0/probe/params"),
        (SSH, "/checks/0/controls/0"),
        (CONTROLS, "/controls/0"),
        (CONTROLS, "/controls/0/coverage"),
        (CONTROLS, "/controls/0/crosswalk"),
        ("profiles/hipaa.yaml", "/profiles/1"),
        ("profiles/hipaa.yaml", "/profiles/1/thresholds/0"),
    ] {
        let found = problems(file, |v| v.pointer_mut(pointer).expect("it exists")["surprise"] = json!(1));
        let named =
            found.iter().any(|problem| problem.contains("cannot be read") && problem.contains("surprise"));
        assert!(named, "{file} {pointer}: {found:?}");
    }
}

#[test]
fn a_probe_that_does_not_exist_is_refused() {
    let found = problems(SSH, |v| check(v, ROOT)["probe"]["kind"] = json!("shell"));
    assert!(
        found[0].starts_with(
            "data/checks/ssh.yaml: linux.ssh.root_login cannot be read: unknown variant `shell`"
        )
    );
}

#[test]
fn ids_are_unique_and_well_formed() {
    assert_refused(
        SSH,
        "data/checks/ssh.yaml: linux.ssh.root_login is defined twice, the first time in checks/ssh.yaml",
        |v| {
            let copy = check(v, ROOT).clone();
            v["checks"].as_array_mut().expect("a list").push(copy);
        },
    );
    for bad in ["linux.ssh", "linux.ssh.root.login", "linux.ssh.Root", "linux.ssh.root-login"] {
        let sentence = format!("data/checks/ssh.yaml: {bad}: an id has the shape platform.family.name");
        assert_refused(SSH, &sentence, |v| check(v, "linux.ssh.login_grace_time")["id"] = json!(bad));
    }
    assert_refused(
        SSH,
        "data/checks/ssh.yaml: windows.ssh.grace: its id says windows, its platforms do not",
        |v| {
            check(v, "linux.ssh.login_grace_time")["id"] = json!("windows.ssh.grace");
        },
    );
    assert_refused(
        SSH,
        "data/checks/ssh.yaml: linux.tls.grace: its family belongs in checks/tls.yaml",
        |v| {
            check(v, "linux.ssh.login_grace_time")["id"] = json!("linux.tls.grace");
        },
    );
}

#[test]
fn texts_say_something() {
    for field in ["title", "why_it_matters", "consequence", "expected", "source"] {
        let sentence = format!("data/checks/ssh.yaml: {ROOT}: {field} is empty");
        assert_refused(SSH, &sentence, |v| check(v, ROOT)[field] = json!(" "));
    }
    assert_refused(SSH, "data/checks/ssh.yaml: linux.ssh.root_login: title is longer than 120 bytes", |v| {
        check(v, ROOT)["title"] = json!("x".repeat(121));
    });
    assert_refused(
        SSH,
        "data/checks/ssh.yaml: linux.ssh.root_login: title has stray white space or control characters",
        |v| check(v, ROOT)["title"] = json!("No root\n"),
    );
}

#[test]
fn applicability_interval_and_parameters_are_sound() {
    let at = "data/checks/ssh.yaml: linux.ssh.root_login:";
    let cases: [(&str, &str, Value); 6] = [
        ("platforms", "it has no platform", json!([])),
        ("roles", "its list of roles is empty", json!({"only": []})),
        ("interval_s", "interval_s is not 60 to 86400", json!(59)),
        ("interval_s", "interval_s is not 60 to 86400", json!(86_401)),
        (
            "probe",
            "its probe is wrong: `PermitRootLogin` is not a keyword in lower case",
            json!({"kind": "sshd_value", "params": {"keyword": "PermitRootLogin", "accept": {"equals": "no"}}}),
        ),
        (
            "probe",
            "its probe is wrong: `640` is not a mode of four octal digits",
            json!({"kind": "file_mode", "params": {"paths": ["/a"], "max_mode": "640", "groups": [], "absent": "fails"}}),
        ),
    ];
    for (field, problem, value) in cases {
        assert_refused(SSH, &format!("{at} {problem}"), |v| check(v, ROOT)[field] = value);
    }
}

#[test]
fn the_words_name_the_limit_that_is_measured() {
    assert_refused(
        SSH,
        "data/checks/ssh.yaml: linux.ssh.max_auth_tries: `expected` does not name the limit 4",
        |v| {
            check(v, "linux.ssh.max_auth_tries")["expected"] = json!("1 to 40");
        },
    );
    assert_refused(
        "checks/backup.yaml",
        "data/checks/backup.yaml: linux.backup.age: `expected` does not name the limit 48",
        |v| check(v, "linux.backup.age")["probe"]["params"]["max_age_h"] = json!(48),
    );
    assert_refused(
        "profiles/hipaa.yaml",
        "data/profiles/hipaa.yaml: hipaa-nprm-2025, linux.patches.security_updates: `expected` does not name the limit 10",
        |v| v["profiles"][1]["thresholds"][0]["params"]["max_wait_days"] = json!(10),
    );
}

#[test]
fn probe_parameters_that_cannot_be_meant_are_refused() {
    let cases: [(&str, Value); 12] = [
        ("keys is empty", json!({"kind": "sysctl_value", "params": {"keys": [], "accept": {"equals": "1"}}})),
        (
            "`net ipv4` is not a kernel parameter",
            json!({"kind": "sysctl_value", "params": {"keys": ["net ipv4"], "accept": {"equals": "1"}}}),
        ),
        (
            "accept is an empty range",
            json!({"kind": "login_defs", "params": {"key": "A", "accept": {"between": [2, 1]}}}),
        ),
        ("accept is empty", json!({"kind": "login_defs", "params": {"key": "A", "accept": {"one_of": []}}})),
        (
            "`etc` is not an absolute path",
            json!({"kind": "world_writable", "params": {"directories": ["etc"]}}),
        ),
        (
            "`/etc/../root` is not an absolute path",
            json!({"kind": "disk_encryption", "params": {"paths": ["/etc/../root"]}}),
        ),
        ("no port is named", json!({"kind": "listeners_prohibited", "params": {"tcp": [], "udp": []}})),
        (
            "max_used_percent is not 1 to 99",
            json!({"kind": "disk_space", "params": {"paths": ["/"], "max_used_percent": 100}}),
        ),
        (
            "max_age_h belongs to the aspects that age",
            json!({"kind": "backup", "params": {"aspect": "age", "max_age_h": 0}}),
        ),
        (
            "max_age_h belongs to the aspects that age",
            json!({"kind": "backup", "params": {"aspect": "encrypted", "max_age_h": 5}}),
        ),
        ("names is empty", json!({"kind": "generic_accounts", "params": {"names": []}})),
        (
            "processes is empty",
            json!({"kind": "service_running", "params": {"any_of": ["a"], "processes": []}}),
        ),
    ];
    for (problem, probe) in cases {
        let sentence = format!("data/checks/ssh.yaml: {ROOT}: its probe is wrong: {problem}");
        assert_refused(SSH, &sentence, |v| check(v, ROOT)["probe"] = probe);
    }
}

#[test]
fn checks_speak_for_known_controls_and_say_why() {
    let at = "data/checks/ssh.yaml: linux.ssh.root_login";
    assert_refused(SSH, &format!("{at} speaks for no control"), |v| check(v, ROOT)["controls"] = json!([]));
    // 164.312(d)(1) does not exist, whatever some lists say.
    assert_refused(SSH, &format!("{at} speaks for 164.312(d)(1), which is no known control"), |v| {
        check(v, ROOT)["controls"][0]["control"] = json!("164.312(d)(1)");
    });
    assert_refused(SSH, &format!("{at} speaks for 164.312(a)(1) twice"), |v| {
        let first = check(v, ROOT)["controls"][0].clone();
        check(v, ROOT)["controls"].as_array_mut().expect("a list").push(first);
    });
    assert_refused(SSH, &format!("{at} has no rationale for 164.312(a)(1)"), |v| {
        check(v, ROOT)["controls"][0]["rationale"] = json!("");
    });
    assert_refused(SSH, &format!("{at} has a rationale that says too little for 164.312(a)(1)"), |v| {
        check(v, ROOT)["controls"][0]["rationale"] = json!("because");
    });
}

#[test]
fn the_list_of_controls_is_the_rule_s() {
    assert_refused(CONTROLS, "data/controls.yaml: 164.308(a)(8) is missing", |v| {
        v["controls"].as_array_mut().expect("a list").retain(|control| control["id"] != "164.308(a)(8)");
    });
    assert_refused(
        CONTROLS,
        "data/controls.yaml: 164.312(b) is standard in the rule, not addressable",
        |v| {
            item(v, "controls", "164.312(b)")["kind"] = json!("addressable");
        },
    );
    assert_refused(
        CONTROLS,
        "data/controls.yaml: 164.312(d)(1) is not a paragraph of 45 CFR 164.308 to 164.316",
        |v| item(v, "controls", "164.312(d)")["id"] = json!("164.312(d)(1)"),
    );
}

#[test]
fn coverage_claims_no_more_than_the_checks_hold() {
    let cases = [
        ("164.308(a)(2)", "automated", "is marked automated, but no check proves even a part of it"),
        // A supporting check is not enough to be automated.
        ("164.310(d)(2)(iv)", "automated", "is marked automated, but no check proves even a part of it"),
        ("164.308(a)(2)", "hybrid", "is marked hybrid, but no check speaks for it"),
        ("164.312(b)", "attestation", "is marked attestation, but a check proves a part of it: it is hybrid"),
        ("164.312(b)", "not_covered", "is marked not covered, but a check speaks for it"),
    ];
    for (id, kind, problem) in cases {
        assert_refused(CONTROLS, &format!("data/controls.yaml: {id} {problem}"), |v| {
            item(v, "controls", id)["coverage"]["kind"] = json!(kind);
        });
    }
    assert_refused(CONTROLS, "data/controls.yaml: 164.312(b): the reason for its coverage is empty", |v| {
        item(v, "controls", "164.312(b)")["coverage"]["reason"] = json!("");
    });
}

#[test]
fn crosswalks_are_dated_reasoned_and_current() {
    let at = "data/controls.yaml: 164.312(b):";
    let cases: [(&str, Value, &str); 7] = [
        ("/crosswalk/rationale", json!(""), "the crosswalk has no rationale"),
        ("/crosswalk/reviewed", json!("2026-13-01"), "`2026-13-01` is not a date"),
        ("/crosswalk/reviewed", json!("1.11.2026"), "`1.11.2026` is not a date"),
        ("/crosswalk/to", json!([]), "the crosswalk maps to nothing"),
        ("/crosswalk/to/0/ids", json!([]), "a framework is mapped to nothing"),
        ("/crosswalk/to/1/ids", json!(["PR.PT-1"]), "`PR.PT-1` is not an identifier of CSF 2.0"),
        ("/crosswalk/to/1/framework", json!("nist_800_53_r5"), "a framework is mapped twice"),
    ];
    for (pointer, value, problem) in cases {
        assert_refused(CONTROLS, &format!("{at} {problem}"), |v| {
            *item(v, "controls", "164.312(b)").pointer_mut(pointer).expect("it exists") = value;
        });
    }
}

#[test]
fn profiles_tighten_what_exists() {
    let file = "profiles/hipaa.yaml";
    let at = "data/profiles/hipaa.yaml: hipaa-nprm-2025";
    let cases: [(&str, Value, &str); 7] = [
        ("/profiles/1/source", json!("a book"), " has no https source"),
        ("/profiles/1/reviewed", json!("lately"), " was reviewed on `lately`, which is not a date"),
        (
            "/profiles/1/thresholds/0/check",
            json!("linux.no.such"),
            " tightens linux.no.such, which is no known check",
        ),
        (
            "/profiles/1/thresholds/0/params",
            json!({"days": 15}),
            " cannot tighten linux.patches.security_updates: the probe has no parameter `days`",
        ),
        (
            "/profiles/1/thresholds/0/params",
            json!({"max_wait_days": 30}),
            " tightens linux.patches.security_updates to the value that it has",
        ),
        (
            "/profiles/1/thresholds/0/rationale",
            json!(""),
            " has no rationale for linux.patches.security_updates",
        ),
        ("/profiles/1/title", json!(""), ": title is empty"),
    ];
    for (pointer, value, problem) in cases {
        assert_refused(file, &format!("{at}{problem}"), |v| {
            *v.pointer_mut(pointer).expect("it exists") = value;
        });
    }
}

#[test]
fn repairs_lead_somewhere() {
    assert_refused(
        SSH,
        &format!("data/checks/ssh.yaml: {ROOT} names the runbook linux.ssh.no_such, which no file defines"),
        |v| {
            check(v, ROOT)["runbook"] = json!("linux.ssh.no_such");
        },
    );
    assert_refused(
        SSH,
        &format!(
            "data/checks/ssh.yaml: {ROOT} names the runbook linux.usb.block_storage, which does not answer it"
        ),
        |v| check(v, ROOT)["runbook"] = json!("linux.usb.block_storage"),
    );
    let runbooks = "runbooks/usb.yaml";
    assert_refused(
        runbooks,
        "data/runbooks/usb.yaml: linux.usb.spare is unreachable: no check and no rule names it",
        |v| {
            v["linux.usb.spare"] = v["linux.usb.block_storage"].clone();
        },
    );
    assert_refused(
        runbooks,
        "data/runbooks/usb.yaml: linux.usb.block_storage answers linux.no.such, which is no known check",
        |v| {
            v["linux.usb.block_storage"]["checks"]
                .as_array_mut()
                .expect("a list")
                .push(json!("linux.no.such"));
        },
    );
    assert_refused(
        runbooks,
        "data/runbooks/usb.yaml: linux.usb.block_storage is not sound: title is empty",
        |v| {
            v["linux.usb.block_storage"]["title"] = json!("");
        },
    );
    assert_refused(
        runbooks,
        "data/runbooks/usb.yaml: linux.usb.block_storage detects nothing and gives no reason in `no_detect`",
        |v| {
            v["linux.usb.block_storage"].as_object_mut().expect("a map").remove("no_detect");
        },
    );
    assert_refused(
        runbooks,
        "data/runbooks/usb.yaml: linux.usb.block_storage gives a reason for detecting nothing, and detects",
        |v| {
            v["linux.usb.block_storage"]["detect"] =
                json!([{"detect": "directory_exists", "path": "/etc/modprobe.d"}]);
        },
    );
    assert_refused(runbooks, "data/runbooks/usb.yaml: linux.usb.block_storage verifies nothing", |v| {
        v["linux.usb.block_storage"]["verify"] = json!([]);
    });
    assert_refused(
        runbooks,
        "data/runbooks/usb.yaml: linux.usb.block_storage has no step whose previous state a rollback would bring back",
        |v| {
            v["linux.usb.block_storage"]["remediate"] =
                json!([{"action": "command", "run": "journal_flush"}]);
        },
    );
    assert_refused(
        "runbooks/time.yaml",
        "data/runbooks/time.yaml: linux.time.synchronise changes what is held in memory, and its rollback does not make it read again: TimeSync",
        |v| v["linux.time.synchronise"]["rollback"] = json!([]),
    );
    assert_refused(runbooks, "data/runbooks/usb.yaml: linux.usb.block_storage repeats its id inside", |v| {
        v["linux.usb.block_storage"]["id"] = json!("linux.usb.block_storage");
    });
}

#[test]
fn rules_refer_to_what_exists() {
    let file = "rules/ssh.yaml";
    let mut id = String::new();
    let mut first = |v: &mut Value, field: &str, value: Value| {
        let rules = v.as_object_mut().expect("a map");
        let (name, rule) = rules.iter_mut().next().expect("there is a rule");
        id.clone_from(name);
        rule[field] = value;
    };
    let found = problems(file, |v| first(v, "check", json!("linux.no.such")));
    assert!(
        found.iter().any(|p| p.ends_with("waits for linux.no.such, which is no known check")),
        "{found:?}"
    );
    let found = problems(file, |v| first(v, "runbook", json!("linux.no.such")));
    assert!(found.iter().any(|p| p.ends_with("runs linux.no.such, which is no known runbook")), "{found:?}");
    let found = problems(file, |v| first(v, "check", json!("linux.usb.storage_blocked")));
    assert!(
        found.iter().any(|p| p.ends_with("for linux.usb.storage_blocked, which it does not answer")),
        "{found:?}"
    );
    let found = problems(file, |v| first(v, "parameters", json!({"surprise": 1})));
    assert!(found.iter().any(|p| p.contains("parameters that it refuses")), "{found:?}");
    let found = problems(file, |v| first(v, "cooldown_s", json!(1)));
    assert!(found.iter().any(|p| p.ends_with("is not sound: cooldown_s is out of bounds")), "{found:?}");
}
