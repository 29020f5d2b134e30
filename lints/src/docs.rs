//! The text of a rule's own file: what `virtc explain` prints, and the examples that run as tests.

/// The explanation: the `//!` lines at the top of a rule's file. Any other text is returned unchanged.
pub fn text(source: &str) -> String {
    if !source.starts_with("//!") {
        return source.to_owned();
    }
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n")
}

/// The fenced blocks of `text` whose info string is `info`, such as `xml fires`.
pub fn blocks(text: &str, info: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(word)) => open = Some((word.trim() == info, String::new())),
            (None, None) => {}
            (Some((_, body)), None) => {
                body.push_str(line);
                body.push('\n');
            }
            (Some(_), Some(_)) => found.extend(open.take().filter(|(wanted, _)| *wanted).map(|(_, body)| body)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_at_the_top_are_text() {
        assert_eq!(text("//! One.\n//!\n//! ```x\n//!  two\n//! ```\n\nuse a;\n//! no\n"), "One.\n\n```x\n two\n```");
        assert_eq!(text("Plain.\n\nText."), "Plain.\n\nText.");
    }

    #[test]
    fn blocks_are_told_apart_by_their_info_string() {
        let text = "a\n```xml fires\n<a/>\n<b/>\n```\n```xml silent\n<c/>\n```\n```xml fires\n<d/>\n```\n";
        assert_eq!(blocks(text, "xml fires"), ["<a/>\n<b/>\n", "<d/>\n"]);
        assert_eq!(blocks(text, "xml"), Vec::<String>::new());
    }
}
