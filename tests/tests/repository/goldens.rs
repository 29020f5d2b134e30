//! Every golden belongs to an input. That the runner finds one that does not is tested in `tests/cases.rs`, too.

use virtc_tests::cases::Suite;
use virtc_tests::repository;

fn faults(suite: &Suite) -> Vec<String> {
    let orphans = suite.orphans().unwrap();
    orphans.iter().map(|path| format!("{}: no input uses this golden", path.display())).collect()
}

#[test]
fn no_golden_is_an_orphan() {
    super::none(&faults(&Suite { dir: repository::root().join("testdata"), exempt: Vec::new() }));
}

#[test]
fn an_orphan_is_found() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.xml"), "<?virtc check?><domain/>").unwrap();
    std::fs::write(dir.path().join("a.check.out"), "").unwrap();
    std::fs::write(dir.path().join("b.check.out"), "").unwrap();
    let found = faults(&Suite { dir: dir.path().to_owned(), exempt: Vec::new() });
    assert_eq!(found, [format!("{}: no input uses this golden", dir.path().join("b.check.out").display())]);
}
