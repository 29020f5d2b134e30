//! A test that is not run says so where it is counted: by `virtc_tests::tools::skipped`.

/// What a line holds that says it elsewhere; the bar keeps this list from finding itself.
const SIGNS: &[&str] = &["eprintln!(\"ski|pped", "eprintln!(\"left |out"];

fn faults(path: &str, text: &str) -> Vec<String> {
    let says = |line: &str| SIGNS.iter().any(|sign| line.to_lowercase().contains(&sign.replace('|', "")));
    let lines = (1..).zip(text.lines()).filter(|(_, line)| says(line));
    lines
        .map(|(number, _)| format!("{path}:{number}: a test is skipped without `virtc_tests::tools::skipped`"))
        .collect()
}

#[test]
fn no_test_is_skipped_unseen() {
    let texts = super::texts();
    let checked = texts.iter().filter(|(path, _)| super::is_rust(path));
    super::none(&checked.flat_map(|(path, text)| faults(path, text)).collect::<Vec<_>>());
}

#[test]
fn a_test_that_skips_unseen_is_found() {
    let text = format!("fn a() {{\n    {}: no QEMU\");\n}}\n", SIGNS[0].replace('|', ""));
    assert_eq!(faults("a.rs", &text), ["a.rs:2: a test is skipped without `virtc_tests::tools::skipped`"]);
    assert_eq!(faults("a.rs", "tools::skipped(\"no QEMU\");"), Vec::<String>::new());
}
