//! The list of components: what the programs and the web app are made of, as CycloneDX 1.5 in JSON, which is what npm writes.
//!
//! Rust packages come from `cargo metadata` and `Cargo.lock`: everything that the three programs link or are built with on
//! Linux, and nothing that only tests use. The web app's come from npm. The same sources give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::repository::{Repository, output};

/// The programs that are given away.
const PROGRAMS: [&str; 3] = ["proofline", "proofline-agent", "proofline-verify"];

/// What they are built for.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// Writes both lists into `folder`.
pub(crate) fn write(repository: &Repository, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (file, list) in [("rust.cdx.json", rust(repository)?), ("web.cdx.json", web(repository)?)] {
        let problems = problems(&list);
        ensure!(problems.is_empty(), "{file} is no CycloneDX list: {}", problems.join("; "));
        let path = folder.join(file);
        fs::write(&path, format!("{list:#}\n"))
            .with_context(|| format!("cannot write {}", path.display()))?;
        let count = list["components"].as_array().map_or(0, Vec::len);
        println!("{}: {count} components", path.display());
    }
    Ok(())
}

fn rust(repository: &Repository) -> Result<Value> {
    let mut metadata = repository.cargo();
    metadata.args(["metadata", "--format-version=1", "--locked", "--offline", "--all-features"]);
    metadata.args(TARGETS.iter().flat_map(|target| ["--filter-platform", target]));
    let metadata: Value =
        serde_json::from_str(&output(&mut metadata)?).context("cargo metadata speaks JSON")?;
    Ok(of_metadata(&metadata, &checksums(&repository.read("Cargo.lock")?)))
}

/// The list of what the programs need.
fn of_metadata(metadata: &Value, checksums: &BTreeMap<(String, String), String>) -> Value {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let needs: BTreeMap<String, BTreeSet<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let needed = list(&node["deps"]).into_iter().filter(|dependency| {
                list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].as_str() != Some("dev"))
            });
            (text(&node["id"]), needed.map(|dependency| text(&dependency["pkg"])).collect())
        })
        .collect();
    let is_program = |package: &Value| PROGRAMS.contains(&package["name"].as_str().unwrap_or_default());
    let mut left: Vec<&String> =
        packages.iter().filter(|(_, package)| is_program(package)).map(|(id, _)| id).collect();
    let mut reached = BTreeSet::new();
    while let Some(id) = left.pop() {
        if reached.insert(id) {
            left.extend(needs.get(id).into_iter().flatten());
        }
    }
    let reference = |id: &String| purl(&packages[id]);
    let components: Vec<Value> = reached.iter().map(|id| component(&packages[*id], checksums)).collect();
    let dependencies: Vec<Value> = reached
        .iter()
        .map(|id| {
            let on: BTreeSet<String> = needs.get(*id).into_iter().flatten().map(reference).collect();
            json!({ "ref": reference(id), "dependsOn": on })
        })
        .collect();
    finished("proofline", &components, &dependencies)
}

/// The frame around them. The serial number is made of what stands in the list.
fn finished(name: &str, components: &[Value], dependencies: &[Value]) -> Value {
    let content = json!([components, dependencies]);
    let digest = Sha256::digest(content.to_string());
    let mut serial = hex::encode(&digest[..16]);
    // RFC 9562, version 8: the bits are our own.
    serial.replace_range(12..13, "8");
    serial.replace_range(16..17, "8");
    for place in [20, 16, 12, 8] {
        serial.insert(place, '-');
    }
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": format!("urn:uuid:{serial}"),
        "version": 1,
        "metadata": { "component": { "type": "application", "name": name, "bom-ref": name } },
        "components": components,
        "dependencies": dependencies,
    })
}

fn component(package: &Value, checksums: &BTreeMap<(String, String), String>) -> Value {
    let (name, version) = (text(&package["name"]), text(&package["version"]));
    let kind = if PROGRAMS.contains(&&*name) { "application" } else { "library" };
    let mut component = json!({
        "type": kind, "bom-ref": purl(package), "name": name, "version": version, "purl": purl(package),
    });
    if let Some(licence) = package["license"].as_str() {
        // Before SPDX had a grammar, a slash meant "or".
        component["licenses"] = json!([{ "expression": licence.replace('/', " OR ").replace("  ", " ") }]);
    } else if let Some(file) = package["license_file"].as_str() {
        component["licenses"] = json!([{ "license": { "name": format!("as in {file}") } }]);
    }
    if let Some(checksum) = checksums.get(&(name, version)) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// Package URL, type `cargo`. A `+` of the version is written as `%2B`.
fn purl(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", text(&package["name"]), text(&package["version"]).replace('+', "%2B"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The checksums of `Cargo.lock` by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |package: &str, field: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(" = \""))?;
        line.strip_suffix('"').map(str::to_owned)
    };
    let package = |package: &str| {
        Some(((value(package, "name")?, value(package, "version")?), value(package, "checksum")?))
    };
    lock.split("[[package]]").filter_map(package).collect()
}

/// The web app without what only builds and tests it, as npm reads it from the lock file.
fn web(repository: &Repository) -> Result<Value> {
    let mut npm = repository.command("npm");
    npm.current_dir(repository.path("web"));
    npm.args(["sbom", "--sbom-format", "cyclonedx", "--sbom-type", "application", "--omit", "dev"]);
    npm.arg("--package-lock-only");
    let mut list: Value = serde_json::from_str(&output(&mut npm)?).context("npm sbom speaks JSON")?;
    let taken = |list: &mut Value, field: &str| match list[field].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    // The serial number and the time would differ each time.
    let (components, dependencies) = (taken(&mut list, "components"), taken(&mut list, "dependencies"));
    let mut again = finished("proofline-web", &components, &dependencies);
    again["metadata"]["component"] = list["metadata"]["component"].take();
    Ok(again)
}

/// What the schema of CycloneDX demands and is not there.
fn problems(list: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut demand = |holds: bool, what: String| {
        if !holds {
            problems.push(what);
        }
    };
    demand(list["bomFormat"] == "CycloneDX", "bomFormat".to_owned());
    demand(list["specVersion"] == "1.5", "specVersion".to_owned());
    demand(list["version"].as_u64().is_some_and(|version| version > 0), "version".to_owned());
    let serial = list["serialNumber"].as_str().and_then(|serial| serial.strip_prefix("urn:uuid:"));
    demand(serial.is_some_and(|serial| serial.len() == 36), "serialNumber".to_owned());
    let components = list["components"].as_array().map_or(&[][..], Vec::as_slice);
    demand(!components.is_empty(), "components".to_owned());
    let mut references = BTreeSet::from([text(&list["metadata"]["component"]["bom-ref"])]);
    for component in components {
        let name = text(&component["name"]);
        demand(
            !name.is_empty() && component["version"].is_string(),
            format!("name and version of {component}"),
        );
        demand(["application", "library"].contains(&&*text(&component["type"])), format!("type of {name}"));
        demand(text(&component["purl"]).starts_with("pkg:"), format!("purl of {name}"));
        for hash in component["hashes"].as_array().into_iter().flatten() {
            let length = text(&hash["content"]).len();
            let fits = match hash["alg"].as_str() {
                Some("SHA-256") => length == 64,
                Some("SHA-512") => length == 128,
                Some("SHA-1") => length == 40,
                _ => false,
            };
            demand(fits, format!("hash of {name}"));
        }
        demand(references.insert(text(&component["bom-ref"])), format!("{name} is there twice"));
    }
    for dependency in list["dependencies"].as_array().into_iter().flatten() {
        let on = dependency["dependsOn"].as_array().into_iter().flatten();
        for reference in std::iter::once(&dependency["ref"]).chain(on) {
            demand(references.contains(&text(reference)), format!("{reference} is no component"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_components_are_listed_with_checksum_and_licence() {
        let list = rust(&Repository::find().expect("the checkout")).expect("cargo metadata");
        assert_eq!(problems(&list), Vec::<String>::new());
        let components = list["components"].as_array().expect("a list");
        let named = |name: &str| components.iter().find(|component| component["name"] == name);
        for component in components {
            let ours = component["name"].as_str().is_some_and(|name| name.starts_with("proofline"));
            assert!(ours || component["hashes"].is_array(), "{component} has no checksum");
            assert!(component["licenses"].is_array(), "{component} has no licence");
        }
        assert!(named("ring").is_some() && named("axum").is_some() && named("ureq").is_some());
        assert!(named("proptest").is_none(), "only tests use it");
        assert_eq!(list, rust(&Repository::find().expect("the checkout")).expect("cargo metadata"));
    }

    #[test]
    fn a_list_that_lacks_something_is_none() {
        let whole = || {
            let component = json!({
                "type": "library", "bom-ref": "pkg:cargo/a@1", "name": "a", "version": "1", "purl": "pkg:cargo/a@1",
                "hashes": [{ "alg": "SHA-256", "content": "ab".repeat(32) }],
            });
            finished("x", &[component], &[json!({ "ref": "pkg:cargo/a@1", "dependsOn": [] })])
        };
        assert_eq!(problems(&whole()), Vec::<String>::new());
        for (place, wrong) in [
            ("/bomFormat", json!("SPDX")),
            ("/specVersion", json!("2")),
            ("/serialNumber", json!("1")),
            ("/components", json!([])),
            ("/components/0/purl", json!("a")),
            ("/components/0/version", json!(null)),
            ("/components/0/hashes/0/content", json!("ab")),
            ("/dependencies/0/dependsOn", json!(["pkg:cargo/b@1"])),
        ] {
            let mut list = whole();
            *list.pointer_mut(place).expect("is there") = wrong;
            assert!(!problems(&list).is_empty(), "{place}");
        }
    }
}
