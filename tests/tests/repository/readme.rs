//! The commands in README.md do what it says.
//!
//! A fenced block with the info string `sh test` is run: each line that begins with `virtc` in a copy of
//! testdata/examples, with `virtc` on `PATH`, and it must end with status 0, or with N where the line ends in `# exit
//! N`; a line that ends in `# needs PROGRAM` is skipped aloud where there is no such program.
//! Of a line `cargo xtask NAME …` it is tested that there is such a command. Other lines are not allowed in such a
//! block.
//!
//! A block `text output` shows what the block `sh test` before it prints, its standard output and then its standard
//! error, one command after the other. A line `…` in it is any number of lines, `…` in a line any text.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use virtc_tests::{repository, tools};

use crate::output;

#[derive(Debug, PartialEq, Eq)]
struct Line {
    number: usize,
    command: String,
    exit: i32,
}

/// Lines that are run one after the other.
#[derive(Debug, Default, PartialEq, Eq)]
struct Block {
    lines: Vec<Line>,
    /// What they print, with the number of its first line.
    output: Option<(usize, String)>,
    /// Whether a line is not run here, so that the output is not all of it.
    is_partial: bool,
}

/// What a fenced block is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fence {
    Commands,
    Output,
    Other,
}

/// The blocks that are to be run, or what is wrong with them.
fn blocks(readme: &str) -> Result<Vec<Block>, String> {
    let mut found: Vec<Block> = Vec::new();
    let mut inside = None;
    let mut before = Fence::Other;
    for (number, line) in (1..).zip(readme.lines()) {
        if let Some(info) = line.strip_prefix("```") {
            let fence = match info.trim() {
                "sh test" => Fence::Commands,
                "text output" => Fence::Output,
                _ => Fence::Other,
            };
            match (inside, fence, found.last_mut()) {
                (Some(fence), ..) => before = fence,
                (None, Fence::Commands, _) => found.push(Block::default()),
                (None, Fence::Output, Some(block)) if before == Fence::Commands => {
                    block.output = Some((number + 1, String::new()));
                }
                (None, Fence::Output, _) => {
                    return Err(format!("line {number}: output that follows no block of commands"));
                }
                (None, Fence::Other, _) => {}
            }
            inside = if inside.is_none() { Some(fence) } else { None };
            continue;
        }
        let Some(block) = found.last_mut() else { continue };
        if let (Some(Fence::Output), Some((_, output))) = (inside, &mut block.output) {
            output.push_str(line);
            output.push('\n');
        } else if inside == Some(Fence::Commands) && !line.trim().is_empty() {
            // A program that may be missing: then the line is skipped aloud.
            let (line, needs) =
                line.rsplit_once("# needs ").map_or((line, None), |(line, needs)| (line, Some(needs.trim())));
            if let Some(program) = needs.filter(|program| tools::find(program).is_none()) {
                tools::skipped(&format!("README.md line {number} was not run: there is no {program}"));
                block.is_partial = true;
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
            block.lines.push(Line { number, command, exit });
        }
    }
    if inside.is_some() { Err("a block has no end".into()) } else { Ok(found) }
}

/// A copy of `examples`, as the commands are run in.
fn copy_of(examples: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in repository::files(examples).unwrap() {
        let target = copy.path().join(file.strip_prefix(examples).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
    copy
}

/// What went wrong when `blocks` were run in a copy of `examples`, with the directory `bin` first on `PATH`.
fn faults(blocks: &[Block], examples: &Path, bin: &Path) -> Vec<String> {
    let copy = copy_of(examples);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let run = |line: &Line| match line.command.strip_prefix("cargo ") {
        None => {
            let mut command = Command::new("sh");
            command.args(["-c", &line.command]).current_dir(copy.path()).env("PATH", &path).env("NO_COLOR", "1");
            command.output().unwrap()
        }
        Some(words) => {
            let mut command = repository::cargo();
            command.args(words.split_whitespace().take(2)).arg("--help").output().unwrap()
        }
    };
    let mut faults = Vec::new();
    for block in blocks {
        let mut printed = String::new();
        for line in &block.lines {
            let output = run(line);
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.code() != Some(line.exit) {
                faults.push(format!("line {}: `{}` ended with {}\n{words}", line.number, line.command, output.status));
            }
            printed.push_str(&String::from_utf8_lossy(&output.stdout));
            printed.push_str(&words);
        }
        let Some((number, shown)) = block.output.as_ref().filter(|_| !block.is_partial) else { continue };
        if !output::matches(shown, &printed) {
            faults.push(format!("line {number}: this is not what is printed, which is\n{printed}"));
        }
    }
    faults
}

#[test]
fn the_commands_of_the_readme_work() {
    let Ok(readme) = std::fs::read_to_string(repository::root().join("README.md")) else {
        return tools::skipped("the commands of README.md were not run: it is not there");
    };
    let blocks = blocks(&readme).unwrap();
    assert!(!blocks.is_empty(), "README.md has no block with the info string `sh test`");
    let virtc = repository::virtc().unwrap();
    super::none(&faults(&blocks, &repository::root().join("testdata/examples"), virtc.parent().unwrap()));
}

#[test]
fn blocks_are_found_and_judged() {
    let text = "```sh\nrm -r /\n```\n\n```sh test\nvirtc check a.xml\n\nvirtc check b.xml   # exit 1\n```\n\n\
        ```text output\nfine\n…\n```\n```text\nother\n```\n";
    let line = |number, command: &str, exit| Line { number, command: command.to_owned(), exit };
    let block = Block {
        lines: vec![line(6, "virtc check a.xml", 0), line(8, "virtc check b.xml", 1)],
        output: Some((12, "fine\n…\n".to_owned())),
        is_partial: false,
    };
    assert_eq!(blocks(text), Ok(vec![block]));
    for wrong in [
        "```sh test\nrm -r /\n```\n",
        "```sh test\nvirtc x # exit one\n```\n",
        "```sh test\nvirtc x\n",
        "```text output\nfine\n```\n",
        "```sh test\nvirtc x\n```\n```sh\nls\n```\n```text output\nfine\n```\n",
    ] {
        assert!(blocks(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_command_that_does_something_else_is_found() {
    let root = tempfile::tempdir().unwrap();
    let (bin, examples) = (root.path().join("bin"), root.path().join("examples"));
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(&examples).unwrap();
    std::fs::write(examples.join("a.xml"), "").unwrap();
    std::fs::write(bin.join("virtc"), "#!/bin/sh\necho about $1\ntest -f \"$1\"\n").unwrap();
    std::fs::set_permissions(bin.join("virtc"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let text = "```sh test\nvirtc a.xml\nvirtc b.xml # exit 1\nvirtc b.xml\nvirtc a.xml # exit 1\n\
        cargo xtask test --no-install\ncargo xtask dance\n```\n\
        ```sh test\nvirtc a.xml\n```\n```text output\nabout a.xml\n```\n\
        ```sh test\nvirtc a.xml\n```\n```text output\nabout b.xml\n```\n";
    let found = faults(&blocks(text).unwrap(), &examples, &bin);
    let places: Vec<_> = found.iter().map(|fault| fault.split(':').next().unwrap()).collect();
    assert_eq!(places, ["line 4", "line 5", "line 7", "line 19"]);
}
