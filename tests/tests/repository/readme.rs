//! The commands in README.md do what it says.
//!
//! A fenced block with the info string `sh test` is run: each line that begins with `virtc` in a copy of
//! testdata/examples, with `virtc` on `PATH`, and it must end with status 0, or with N where the line ends in `# exit N`;
//! a line that ends in `# needs PROGRAM` is skipped aloud where there is no such program.
//! Of a line `cargo xtask NAME …` it is tested that there is such a command. Other lines are not allowed in such a block.

use std::path::Path;
use std::process::Command;

use virtc_tests::{repository, tools};

#[derive(Debug, PartialEq, Eq)]
struct Line {
    number: usize,
    command: String,
    exit: i32,
}

/// The lines in the blocks that are to be run, or what is wrong with them.
fn lines(readme: &str) -> Result<Vec<Line>, String> {
    let mut found = Vec::new();
    let mut inside = None;
    for (number, line) in (1..).zip(readme.lines()) {
        if let Some(info) = line.strip_prefix("```") {
            inside = if inside.is_none() { Some(info.trim() == "sh test") } else { None };
        } else if inside == Some(true) && !line.trim().is_empty() {
            // A program that may be missing: then the line is skipped aloud.
            let (line, needs) =
                line.rsplit_once("# needs ").map_or((line, None), |(line, needs)| (line, Some(needs.trim())));
            if let Some(program) = needs.filter(|program| tools::find(program).is_none()) {
                tools::skipped(&format!("README.md line {number} was not run: there is no {program}"));
                continue;
            }
            let (command, exit) = match line.rsplit_once("# exit ") {
                Some((command, code)) => {
                    (command, code.trim().parse().map_err(|error| format!("line {number}: {error}"))?)
                }
                None => (line, 0),
            };
            let command = command.trim().to_owned();
            if !command.starts_with("virtc ") && !command.starts_with("cargo xtask ") {
                return Err(format!("line {number}: a block to be run holds only `virtc` and `cargo xtask`"));
            }
            found.push(Line { number, command, exit });
        }
    }
    if inside.is_some() { Err("a block has no end".into()) } else { Ok(found) }
}

/// What went wrong when `lines` were run in a copy of `examples`, with the directory `bin` first on `PATH`.
fn faults(lines: &[Line], examples: &Path, bin: &Path) -> Vec<String> {
    let copy = tempfile::tempdir().unwrap();
    for file in repository::files(examples).unwrap() {
        let target = copy.path().join(file.strip_prefix(examples).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let run = |line: &Line| {
        let mut command = match line.command.strip_prefix("cargo ") {
            None => {
                let mut command = Command::new("sh");
                command.args(["-c", &line.command]).current_dir(copy.path()).env("PATH", &path);
                command
            }
            Some(words) => {
                let mut command = repository::cargo();
                command.args(words.split_whitespace().take(2)).arg("--help");
                command
            }
        };
        let output = command.output().unwrap();
        if output.status.code() == Some(line.exit) {
            return None;
        }
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        Some(format!("line {}: `{}` ended with {}\n{words}", line.number, line.command, output.status))
    };
    lines.iter().filter_map(run).collect()
}

#[test]
fn the_commands_of_the_readme_work() {
    let Ok(readme) = std::fs::read_to_string(repository::root().join("README.md")) else {
        return tools::skipped("the commands of README.md were not run: it is not there");
    };
    let lines = lines(&readme).unwrap();
    assert!(!lines.is_empty(), "README.md has no block with the info string `sh test`");
    let virtc = repository::virtc().unwrap();
    super::none(&faults(&lines, &repository::root().join("testdata/examples"), virtc.parent().unwrap()));
}

#[test]
fn lines_are_found_and_judged() {
    let text = "```sh\nrm -r /\n```\n\n```sh test\nvirtc check a.xml\n\nvirtc check b.xml   # exit 1\n```\n";
    let line = |number, command: &str, exit| Line { number, command: command.to_owned(), exit };
    assert_eq!(lines(text), Ok(vec![line(6, "virtc check a.xml", 0), line(8, "virtc check b.xml", 1)]));
    assert!(lines("```sh test\nrm -r /\n```\n").is_err());
    assert!(lines("```sh test\nvirtc x # exit one\n```\n").is_err());
    assert!(lines("```sh test\nvirtc x\n").is_err());
}

#[test]
fn a_command_that_does_something_else_is_found() {
    let root = tempfile::tempdir().unwrap();
    let (bin, examples) = (root.path().join("bin"), root.path().join("examples"));
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(&examples).unwrap();
    std::fs::write(examples.join("a.xml"), "").unwrap();
    std::fs::write(bin.join("virtc"), "#!/bin/sh\ntest -f \"$1\"\n").unwrap();
    std::fs::set_permissions(bin.join("virtc"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let text = "```sh test\nvirtc a.xml\nvirtc b.xml # exit 1\nvirtc b.xml\nvirtc a.xml # exit 1\n\
        cargo xtask test --no-install\ncargo xtask dance\n```\n";
    let found = faults(&lines(text).unwrap(), &examples, &bin);
    let places: Vec<_> = found.iter().map(|fault| fault.split(':').next().unwrap()).collect();
    assert_eq!(places, ["line 4", "line 5", "line 7"]);
}
