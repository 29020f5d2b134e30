//! Which crate may depend on which of ours.

use std::collections::BTreeSet;

use serde_json::Value;
use virtc_tests::repository;

/// Name, folder, and what it may depend on; the same table as in ARCHITECTURE.md.
const TABLE: &[(&str, &str, &[&str])] = &[
    ("virtc-diag", "compiler/diag", &[]),
    ("virtc-xml", "compiler/xml", &["virtc-diag"]),
    ("virtc-rng", "compiler/rng", &["virtc-diag", "virtc-xml"]),
    ("virtc-schemas", "schemas", &["virtc-diag", "virtc-xml", "virtc-rng"]),
    ("virtc-address", "runtime/address", &[]),
    ("virtc-inventory", "runtime/inventory", &["virtc-address"]),
    ("virtc-plan", "runtime/plan", &["virtc-address"]),
    (
        "virtc-compiler",
        "compiler/core",
        &["virtc-diag", "virtc-xml", "virtc-rng", "virtc-address", "virtc-plan", "virtc-inventory"],
    ),
    ("virtc-lints", "lints", &["virtc-diag", "virtc-xml", "virtc-compiler", "virtc-inventory"]),
    (
        "virtc",
        "compiler/driver",
        &[
            "virtc-diag",
            "virtc-xml",
            "virtc-rng",
            "virtc-schemas",
            "virtc-plan",
            "virtc-inventory",
            "virtc-compiler",
            "virtc-lints",
        ],
    ),
    ("virtc-runtime", "runtime/engine", &["virtc-plan"]),
    ("virtc-cli", "cli", EVERYTHING_SHIPPED),
    ("virtc-tests", "tests", &[]),
    ("virtc-xtask", "tests/xtask", EVERYTHING),
];

const EVERYTHING_SHIPPED: &[&str] = &[
    "virtc-diag",
    "virtc-xml",
    "virtc-rng",
    "virtc-schemas",
    "virtc-address",
    "virtc-inventory",
    "virtc-plan",
    "virtc-compiler",
    "virtc-lints",
    "virtc",
    "virtc-runtime",
];

const EVERYTHING: &[&str] = &[
    "virtc-diag",
    "virtc-xml",
    "virtc-rng",
    "virtc-schemas",
    "virtc-address",
    "virtc-inventory",
    "virtc-plan",
    "virtc-compiler",
    "virtc-lints",
    "virtc",
    "virtc-runtime",
    "virtc-cli",
    "virtc-tests",
];

/// What may be a dependency of tests only, in addition to what the table allows.
const DEV: &[(&str, &[&str])] = &[("virtc-compiler", &["virtc-schemas"]), ("virtc-tests", EVERYTHING_SHIPPED)];

/// What the tests of every crate may use: it depends on none of ours.
const TEST_TOOLS: &str = "virtc-tests";

/// A crate of ours and its dependencies on others of ours.
struct Package {
    name: String,
    folder: String,
    /// The name, and whether it is there for tests only.
    dependencies: Vec<(String, bool)>,
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn array<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// The workspace's crates in the output of `cargo metadata --no-deps`.
fn packages(metadata: &Value) -> Vec<Package> {
    let root = format!("{}/", text(metadata, "workspace_root"));
    let package = |package: &Value| Package {
        name: text(package, "name"),
        folder: text(package, "manifest_path").replace(&root, "").replace("/Cargo.toml", ""),
        dependencies: array(package, "dependencies")
            .filter(|dependency| dependency.get("path").is_some_and(|path| !path.is_null()))
            .map(|dependency| (text(dependency, "name"), text(dependency, "kind") == "dev"))
            .collect(),
    };
    array(metadata, "packages").map(package).collect()
}

fn faults(packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let Some((_, folder, allowed)) = TABLE.iter().find(|(known, ..)| *known == name) else {
            faults.push(format!("{name} is not in the table of crates"));
            continue;
        };
        if package.folder != *folder {
            faults.push(format!("{name} is in {}, and the table says {folder}", package.folder));
        }
        for (dependency, for_tests) in &package.dependencies {
            let known = |list: &[&str]| list.contains(&dependency.as_str());
            let as_dev = dependency == TEST_TOOLS || DEV.iter().any(|(of, list)| *of == name && known(list));
            let may = known(allowed) || (*for_tests && as_dev);
            if !may {
                faults.push(format!("{name} may not depend on {dependency}"));
            }
        }
    }
    let found: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let gone = TABLE.iter().filter(|(name, ..)| !found.contains(name));
    faults.extend(gone.map(|(name, ..)| format!("{name} is only in the table of crates")));
    faults
}

#[test]
fn crates_depend_on_what_the_table_allows() {
    let output = repository::cargo().args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    super::none(&faults(&packages(&serde_json::from_slice(&output.stdout).unwrap())));
}

#[test]
fn a_forbidden_dependency_is_found() {
    let dependency = |name: &str, kind: Value| serde_json::json!({"name": name, "kind": kind, "path": "/r/x"});
    let package = |name: &str, folder: &str, dependencies: Vec<Value>| {
        let manifest = format!("/r/{folder}/Cargo.toml");
        serde_json::json!({"name": name, "manifest_path": manifest, "dependencies": dependencies})
    };
    let outside = serde_json::json!({"name": "serde", "kind": null, "path": null});
    let metadata = serde_json::json!({"workspace_root": "/r", "packages": [
        package("virtc-diag", "diag", vec![outside]),
        package("virtc-runtime", "runtime/engine", vec![dependency("virtc-xml", Value::Null)]),
        package("virtc-plan", "runtime/plan", vec![dependency("virtc-diag", "dev".into()), dependency("virtc-tests", "dev".into())]),
        package("virtc-tests", "tests", vec![dependency("virtc-lints", "dev".into()), dependency("virtc-plan", Value::Null)]),
        package("virtc-new", "new", vec![]),
    ]});
    let found = faults(&packages(&metadata));
    let expected = [
        "virtc-diag is in diag, and the table says compiler/diag",
        "virtc-runtime may not depend on virtc-xml",
        "virtc-plan may not depend on virtc-diag",
        "virtc-tests may not depend on virtc-plan",
        "virtc-new is not in the table of crates",
        "virtc-xml is only in the table of crates",
    ];
    assert_eq!(found.get(..6).unwrap(), expected);
}
