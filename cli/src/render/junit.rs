//! `JUnit` XML: a suite for each file, a case for each finding.

use std::fmt::Write as _;

use virtc::Findings;
use virtc_diag::Severity;

use super::place;

/// One document. Findings below `least` are cases that pass and say something.
pub fn render(reports: &[Findings], least: Severity) -> String {
    let mut suites = String::new();
    let (mut tests, mut failures) = (0, 0);
    for report in reports {
        let name = escape(report.source().name());
        let mut cases = String::new();
        let mut failed = 0;
        for found in report {
            let (start, _) = place(report.source(), found);
            let title = format!("{}:{}: {}", start.line, start.column, found.code.name);
            let help = found.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
            let text = escape(&format!("{}:{title}: {}{help}", report.source().name(), found.message));
            let _ = writeln!(cases, "    <testcase classname=\"{name}\" name=\"{}\">", escape(&title));
            if found.severity >= least {
                failed += 1;
                let _ = writeln!(
                    cases,
                    "      <failure type=\"{}\" message=\"{}\">{text}</failure>",
                    found.severity.word(),
                    escape(&found.message)
                );
            } else {
                let _ = writeln!(cases, "      <system-out>{}: {text}</system-out>", found.severity.word());
            }
            cases.push_str("    </testcase>\n");
        }
        if report.is_empty() {
            cases = format!("    <testcase classname=\"{name}\" name=\"check\"/>\n");
        }
        let count = report.len().max(1);
        let _ = writeln!(
            suites,
            "  <testsuite name=\"{name}\" tests=\"{count}\" failures=\"{failed}\" errors=\"0\">\n{cases}  </testsuite>"
        );
        tests += count;
        failures += failed;
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"virtc\" tests=\"{tests}\" failures=\"{failures}\" \
        errors=\"0\">\n{suites}</testsuites>\n"
    )
}

/// `text` for an attribute or an element; a character that XML 1.0 cannot hold becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_stand_in_an_attribute() {
        assert_eq!(escape("<a b=\"&'\n\u{1b}é"), "&lt;a b=&quot;&amp;'&#10;\u{fffd}é");
    }
}
