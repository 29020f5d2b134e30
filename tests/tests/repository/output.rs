//! Output as a document shows it, with `…` for what is left out.

/// Stands for any text in a line; as a line, for any number of lines.
const ANY: &str = "…";

/// Whether a line is as `shown` says.
fn is_line(shown: &str, line: &str) -> bool {
    let Some((first, rest)) = shown.split_once(ANY) else { return shown == line };
    let Some(mut left) = line.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split(ANY).collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = left.get(at + part.len()..).unwrap_or_default();
    }
    left.ends_with(last)
}

/// Whether the lines are as those shown say.
fn is_text(shown: &[&str], lines: &[&str]) -> bool {
    match (shown.split_first(), lines.split_first()) {
        (None, _) => lines.is_empty(),
        (Some((first, rest)), _) if first.trim() == ANY => {
            (0..=lines.len()).any(|at| lines.get(at..).is_some_and(|left| is_text(rest, left)))
        }
        (Some((first, rest)), Some((line, left))) => is_line(first, line) && is_text(rest, left),
        (Some(_), None) => false,
    }
}

fn trimmed(text: &str) -> Vec<&str> {
    text.trim_matches('\n').lines().map(str::trim_end).collect()
}

/// Whether `printed` is what `shown` says; white space at the ends of lines does not count.
pub fn matches(shown: &str, printed: &str) -> bool {
    is_text(&trimmed(shown), &trimmed(printed))
}

#[test]
fn what_is_left_out_is_anything() {
    assert!(matches("a\nb\n", "a \nb"));
    assert!(matches("a\n…\nz\n", "a\nb\nc\nz\n"));
    assert!(matches("a\n…\nz\n", "a\nz\n"));
    assert!(matches("x … y\n", "x 1 y\n"));
    assert!(matches("x…y…\n", "x 1 y 2\n"));
    assert!(matches("…\n  end\n", "start\n  end\n"));
}

#[test]
fn another_text_is_found() {
    for (shown, printed) in
        [("a\n", "b\n"), ("a\n", "a\nb\n"), ("a\nb\n", "a\n"), ("a\n…\nz\n", "a\nb\n"), ("x…y\n", "x 1 z\n"), ("", "a")]
    {
        assert!(!matches(shown, printed), "{shown:?} {printed:?}");
    }
}
