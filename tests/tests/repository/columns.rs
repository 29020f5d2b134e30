//! Comments are no wider than code, which rustfmt keeps within the same width.

/// The widest line of a comment, in characters: `max_width` of `.rustfmt.toml`.
const WIDTH: usize = 120;

/// The folders whose comments are checked.
const CHECKED: &[&str] = &["tests/"];

/// The lines of `text` that are comments only and too wide.
fn too_wide(path: &str, text: &str) -> Vec<String> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| line.trim_start().starts_with("//"));
    let wide = lines.map(|(number, line)| (number, line.chars().count())).filter(|(_, width)| *width > WIDTH);
    wide.map(|(number, width)| format!("{path}:{number}: {width} columns, and {WIDTH} are allowed")).collect()
}

/// The comments that are too wide in the folders that are checked, and how many are in others.
fn judge<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>, checked: &[&str]) -> (Vec<String>, usize) {
    let (mut faults, mut others) = (Vec::new(), 0);
    for (path, text) in files.into_iter().filter(|(path, _)| super::is_rust(path)) {
        let found = too_wide(path, text);
        if checked.iter().any(|folder| path.starts_with(folder)) {
            faults.extend(found);
        } else {
            others += found.len();
        }
    }
    (faults, others)
}

#[test]
fn no_comment_is_too_wide() {
    let texts = super::texts();
    let (faults, others) = judge(texts.iter().map(|(path, text)| (path.as_str(), text.as_str())), CHECKED);
    if others > 0 {
        virtc_tests::tools::noted(&format!(
            "comments wider than {WIDTH} columns in folders that are not checked: {others}"
        ));
    }
    super::none(&faults);
}

#[test]
fn a_wide_comment_is_found() {
    let wide = format!("fn a() {{}}\n    // {}\n", "ä".repeat(114));
    let fits = format!("    // {}\nlet long = \"{}\";\n", "ä".repeat(113), "x".repeat(200));
    let files = [("tests/a.rs", wide.as_str()), ("tests/b.rs", &fits), ("cli/c.rs", &wide), ("tests/d.md", &wide)];
    let expected = vec!["tests/a.rs:2: 121 columns, and 120 are allowed".to_owned()];
    assert_eq!(judge(files, CHECKED), (expected, 1));
}
