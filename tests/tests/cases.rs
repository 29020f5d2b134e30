//! The cases in testdata/, and tests of the runner itself with a made-up program.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail at once, and reads and writes files"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use virtc_tests::cases::{Mode, Suite};
use virtc_tests::{repository, tools};

fn testdata() -> Suite {
    let dir = repository::root().join("testdata");
    let exempt = ["examples", "hosts", "broken", "grammar", "libvirt"].map(|name| dir.join(name)).to_vec();
    Suite { dir, exempt }
}

#[test]
fn testdata_is_as_its_goldens_say() {
    let mode = if std::env::var_os("UPDATE").is_some() { Mode::Update } else { Mode::Compare };
    let filter = std::env::var("CASES").unwrap_or_default();
    let suite = testdata();
    if suite.cases().unwrap().0.is_empty() {
        tools::skipped("there are no cases in testdata/");
    }
    let report = suite.run(&repository::virtc().unwrap(), mode, &filter).unwrap();
    println!("{} commands", report.ran);
    let many = report.failures.len();
    let text = report.failures.join("\n");
    assert!(
        many == 0,
        "{text}\n{many} failures; `cargo xtask bless` writes the goldens anew: read the difference then"
    );
}

/// A folder of one case, and a program that says what it was asked and what it was given.
fn made_up(script: &str) -> (TempDir, Suite, PathBuf) {
    let root = TempDir::new().unwrap();
    let dir = root.path().join("cases");
    fs::create_dir_all(dir.join("examples")).unwrap();
    fs::write(dir.join("a.xml"), "<?virtc check?><?virtc two --with second.xml?>\n<domain/>\n").unwrap();
    fs::write(dir.join("second.xml"), "<device/>\n").unwrap();
    fs::write(dir.join("examples/free.xml"), "<domain/>\n").unwrap();
    let program = root.path().join("program");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let exempt = vec![dir.join("examples")];
    (root, Suite { dir, exempt }, program)
}

fn failures(suite: &Suite, program: &Path, mode: Mode) -> Vec<String> {
    suite.run(program, mode, "").unwrap().failures
}

#[test]
fn goldens_are_written_and_then_agree() {
    let (_root, suite, program) = made_up("echo \"$@\"; echo \"in $PWD/a.xml\" >&2; exit 3");
    let report = suite.run(&program, Mode::Update, "").unwrap();
    assert_eq!((report.ran, report.failures), (2, vec![]));
    let golden = fs::read_to_string(suite.dir.join("a.check.out")).unwrap();
    assert_eq!(golden, "$ virtc check a.xml\nexit 3\n--- stdout\ncheck a.xml\n--- stderr\nin a.xml\n");
    assert!(suite.dir.join("a.two.out").is_file());
    assert_eq!(failures(&suite, &program, Mode::Compare), Vec::<String>::new());
    assert_eq!(suite.run(&program, Mode::Compare, "elsewhere").unwrap().ran, 0);
}

#[test]
fn a_missing_golden_fails() {
    let (_root, suite, program) = made_up("echo hello");
    let found = failures(&suite, &program, Mode::Compare);
    assert_eq!(found.len(), 2);
    assert!(found[0].contains("a.check.out: differs") && found[0].contains("+hello"), "{}", found[0]);
}

#[test]
fn another_output_or_status_fails() {
    let (_root, suite, program) = made_up("printf no-line-feed");
    assert_eq!(failures(&suite, &program, Mode::Update), Vec::<String>::new());
    let golden = suite.dir.join("a.check.out");
    let text = fs::read_to_string(&golden).unwrap();
    assert!(text.ends_with("no-line-feed\n(no line feed at the end)\n"), "{text}");
    fs::write(&golden, text.replace("exit 0", "exit 1")).unwrap();
    let found = failures(&suite, &program, Mode::Compare);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("-exit 1\n+exit 0\n"), "{}", found[0]);
}

#[test]
fn a_golden_without_input_fails_until_it_is_removed() {
    let (_root, suite, program) = made_up("true");
    assert_eq!(failures(&suite, &program, Mode::Update), Vec::<String>::new());
    let orphan = suite.dir.join("a.gone.out");
    fs::write(&orphan, "").unwrap();
    assert_eq!(failures(&suite, &program, Mode::Compare), ["a.gone.out: no input uses this golden"]);
    assert_eq!(failures(&suite, &program, Mode::Update), Vec::<String>::new());
    assert!(!orphan.exists());
}

#[test]
fn an_input_that_says_nothing_fails() {
    let (_root, suite, program) = made_up("true");
    assert_eq!(failures(&suite, &program, Mode::Update), Vec::<String>::new());
    fs::write(suite.dir.join("silent.xml"), "<domain/>\n").unwrap();
    let expected = ["silent.xml: no `<?virtc …?>` before its first element"];
    assert_eq!(failures(&suite, &program, Mode::Compare), expected);
}

#[test]
fn two_inputs_cannot_share_a_golden() {
    let (_root, suite, program) = made_up("true");
    fs::write(suite.dir.join("a.two.xml"), "<?virtc x?><domain/>\n").unwrap();
    fs::write(suite.dir.join("a.xml"), "<?virtc two.x?><domain/>\n").unwrap();
    let found = failures(&suite, &program, Mode::Update);
    assert!(found.iter().any(|line| line == "a.two.x.out: belongs to a.two.xml and to a.xml"), "{found:?}");
}
