//! What one more of something costs: its file, and one line in a list.

/// The files in `folder` that are named in another number of lines of the list than one.
fn not_in_one_line(folder: &str, files: &[&str], list: &str) -> Vec<String> {
    // As in `mod check;`, `check::Check`, `check: Check` and `duplicate_mac,`.
    let names = |line: &str, name: &str| {
        let line = line.split("//").next().unwrap_or_default();
        let mut words = line.split_inclusive([':', ';', ',']).filter_map(|part| part.strip_suffix([':', ';', ',']));
        words.any(|part| part.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next() == Some(name))
    };
    let count = |name: &str| list.lines().filter(|line| names(line, name)).count();
    let wrong = files.iter().map(|name| (name, count(name))).filter(|(_, count)| *count != 1);
    wrong.map(|(name, count)| format!("{folder}{name}.rs is named in {count} lines of its list")).collect()
}

/// Checks that each file in `folder` is in one line of `mod.rs` there; `least` says how many there are at least.
fn check(folder: &str, least: usize) {
    let texts = super::texts();
    let inside = texts.iter().filter_map(|(path, _)| path.strip_prefix(folder)?.strip_suffix(".rs"));
    let files: Vec<&str> = inside.filter(|name| *name != "mod" && !name.contains('/')).collect();
    let (_, list) = texts.iter().find(|(path, _)| *path == format!("{folder}mod.rs")).unwrap();
    assert!(files.len() >= least, "{files:?}");
    super::none(&not_in_one_line(folder, &files, list));
}

#[test]
fn a_subcommand_is_a_file_and_a_line() {
    check("cli/src/commands/", 10);
}

#[test]
fn a_lint_is_a_file_and_a_line() {
    check("lints/src/rules/", 4);
}

#[test]
fn a_device_is_a_file_and_two_lines() {
    let folder = "compiler/core/src/model/devices/";
    let texts = super::texts();
    let text = |name: &str| &texts.iter().find(|(path, _)| *path == format!("{folder}{name}.rs")).unwrap().1;
    let (list, modules) = (text("list"), text("mod"));
    // `disks: disk::Disk as Disk, pci 5, usb none;`
    let kind = |line: &str| line.trim().split_once(": ")?.1.split_once("::").map(|(module, _)| module.to_owned());
    let lines = list.lines().filter(|line| line.contains(" as ") && line.trim_end().ends_with(';'));
    let kinds: Vec<String> = lines.filter_map(kind).collect();
    assert!(kinds.len() > 25, "{kinds:?}");
    for module in &kinds {
        assert_eq!(kinds.iter().filter(|other| *other == module).count(), 1, "{module}");
        assert!(modules.contains(&format!("pub mod {module};")), "{module}");
        let named = |path: &str| path == format!("{folder}{module}.rs") || path == format!("{folder}{module}/mod.rs");
        assert_eq!(texts.iter().filter(|(path, _)| named(path)).count(), 1, "{module}");
    }
}

#[test]
fn a_second_line_is_found() {
    let list = "mod check;\nenum Command {\n    Check(check::Check),\n}\n// list\nlist: List,\nrule,\n";
    assert_eq!(
        not_in_one_line("a/", &["check", "list", "run", "rule"], list),
        ["a/check.rs is named in 2 lines of its list", "a/run.rs is named in 0 lines of its list"]
    );
}
