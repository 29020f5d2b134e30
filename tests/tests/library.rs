//! The crate `virtc` as somebody else's program uses it: outside of the workspace, with one dependency and one import.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail at once, and reads and writes files"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use virtc_tests::repository;

/// The program that the README shows: from a definition to a command line.
fn program(readme: &str) -> &str {
    let (_, tail) = readme.split_once("```rust\n").unwrap();
    tail.split_once("```\n").unwrap().0
}

/// The profile of the workspace, so that crates need not be built once more: with it they are the same in both.
fn profile(workspace: &str) -> String {
    let (_, profiles) = workspace.split_once("[profile.dev]").unwrap();
    let (profiles, _) = profiles.split_once("[profile.release]").unwrap();
    let mut text = format!("[profile.dev]{profiles}");
    // In the workspace these are members, which the rule for all packages leaves out.
    let ours = workspace.lines().filter(|line| line.starts_with("virtc")).filter_map(|line| line.split_once(" = {"));
    for (name, _) in ours {
        let _ = writeln!(text, "[profile.dev.package.{name}]\nopt-level = 0\n");
    }
    text
}

/// Builds the program in `folder` and runs it on a definition.
fn run(folder: &Path, definition: &str) -> Output {
    std::fs::write(folder.join("a.xml"), definition).unwrap();
    let own = std::env::current_exe().unwrap();
    // A test is TARGET/PROFILE/deps/NAME-HASH.
    let target = own.ancestors().nth(3).unwrap();
    let mut cargo = repository::cargo();
    cargo.current_dir(folder).args(["run", "--quiet", "--offline", "--target-dir"]).arg(target).arg("a.xml");
    cargo.output().unwrap()
}

#[test]
fn ten_lines_are_enough() {
    let (root, folder) = (repository::root(), tempfile::tempdir().unwrap());
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let readme = read("README.md");
    let program = program(&readme);
    assert!(program.lines().filter(|line| !line.is_empty()).count() <= 10, "{program}");
    let manifest = format!(
        "[package]\nname = \"outside\"\nedition = \"2024\"\n\n[dependencies]\nvirtc = {{ path = {:?} }}\n\n[workspace]\n\n{}",
        root.join("compiler/driver"),
        profile(&read("Cargo.toml"))
    );
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.path().join("Cargo.lock"), read("Cargo.lock")).unwrap();
    std::fs::write(folder.path().join("src/main.rs"), program).unwrap();

    let domain = |devices: &str| {
        format!(
            "<domain type='kvm'><name>ten</name><memory unit='GiB'>1</memory><os><type machine='q35'>hvm</type></os>\n\
             <devices>{devices}</devices></domain>"
        )
    };
    let disk = "<disk type='file'><source file='/a,b'/><target dev='vda'/></disk>";
    let good = run(folder.path(), &domain(disk));
    let (said, faults) = (String::from_utf8_lossy(&good.stdout), String::from_utf8_lossy(&good.stderr));
    assert!(good.status.success(), "{faults}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.get(..3), Some(&["/usr/bin/qemu-system-x86_64", "-name", "guest=ten,debug-threads=on"][..]));
    assert!(lines.iter().any(|line| line.contains(r#""filename":"/a,b""#)), "{said}");

    let bad = run(folder.path(), &domain(&disk.repeat(2)));
    assert!(!bad.status.success() && bad.stdout.is_empty());
    let faults = String::from_utf8_lossy(&bad.stderr);
    assert!(faults.starts_with("Error: a.xml:2:"), "{faults}");
    assert!(faults.contains(": error[conflicting-definition] two disks have the target `vda`"), "{faults}");
}
