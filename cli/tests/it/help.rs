//! All help texts as one snapshot, so that each change is seen.

use std::fmt::Write as _;

use crate::program::Folder;

/// The subcommands in a help text.
fn subcommands(help: &str) -> Vec<String> {
    let list = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    list.lines().filter(is_name).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The help of a command and of all below it.
fn collect(folder: &Folder, path: &[&str], all: &mut String) {
    let ran = folder.virtc(&[path, &["--help"]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{path:?}");
    let _ = writeln!(all, "$ virtc {}\n{}", [path, &["--help"]].concat().join(" "), ran.out);
    for name in subcommands(&ran.out) {
        collect(folder, &[path, &[&name]].concat(), all);
    }
}

#[test]
fn the_whole_help() {
    let mut all = String::new();
    collect(&Folder::new(), &[], &mut all);
    insta::assert_snapshot!(all);
}

#[test]
fn completions_are_made_for_each_shell() {
    let folder = Folder::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = folder.virtc(&["completions", shell]);
        assert!(ran.code == 0 && ran.out.contains("check"), "{shell}");
    }
    let script = folder.virtc(&["completions", "bash"]).out;
    folder.write("virtc.bash", &script);
    let ran = std::process::Command::new("bash").arg("-n").arg(folder.path("virtc.bash")).status().unwrap();
    assert!(ran.success());
}

#[test]
fn the_version_is_told() {
    assert_eq!(Folder::new().virtc(&["--version"]).out, format!("virtc {}\n", env!("CARGO_PKG_VERSION")));
}
