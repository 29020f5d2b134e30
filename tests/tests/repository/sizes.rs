//! No source file is too long to be read at once.

use std::path::Path;

use virtc_tests::tools;

/// A file above this is named when the tests run.
const LONG: usize = 250;

/// A file above this fails, unless it is an exception.
const TOO_LONG: usize = 500;

/// Files that may be longer, each with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

struct Verdict {
    long: Vec<String>,
    faults: Vec<String>,
}

fn judge<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>, exceptions: &[(&str, &str)]) -> Verdict {
    let mut verdict = Verdict { long: Vec::new(), faults: Vec::new() };
    let mut needed = Vec::new();
    for (path, text) in files.into_iter().filter(|(path, _)| Path::new(path).extension() == Some("rs".as_ref())) {
        let lines = text.lines().count();
        if exceptions.iter().any(|(excepted, _)| *excepted == path) && lines > TOO_LONG {
            needed.push(path);
        } else if lines > TOO_LONG {
            verdict.faults.push(format!("{path}: {lines} lines, and {TOO_LONG} are allowed"));
        } else if lines > LONG {
            verdict.long.push(format!("{path}: {lines} lines"));
        }
    }
    for (path, reason) in exceptions {
        if !needed.contains(path) {
            verdict.faults.push(format!("{path}: need not be an exception any more"));
        }
        if reason.is_empty() {
            verdict.faults.push(format!("{path}: an exception without a reason"));
        }
    }
    verdict
}

#[test]
fn no_file_is_too_long() {
    let texts = super::texts();
    let verdict = judge(texts.iter().map(|(path, text)| (path.as_str(), text.as_str())), EXCEPTIONS);
    for line in verdict.long {
        tools::noted(&format!("long file: {line}"));
    }
    super::none(&verdict.faults);
}

#[test]
fn a_long_file_is_found() {
    let (long, too_long) = ("\n".repeat(251), "\n".repeat(501));
    let files = [("a.rs", long.as_str()), ("b.rs", &too_long), ("c.rs", &too_long), ("d.txt", &too_long)];
    let verdict = judge(files, &[("c.rs", "a table"), ("gone.rs", "")]);
    assert_eq!(verdict.long, ["a.rs: 251 lines"]);
    let expected = [
        "b.rs: 501 lines, and 500 are allowed",
        "gone.rs: need not be an exception any more",
        "gone.rs: an exception without a reason",
    ];
    assert_eq!(verdict.faults, expected);
}
