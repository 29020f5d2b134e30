//! Workflow commands of GitHub Actions.

use std::fmt::Write as _;

use virtc::Findings;
use virtc_diag::Severity;

use super::place;

/// One line for each finding.
pub fn render(reports: &[Findings]) -> String {
    let mut text = String::new();
    for report in reports {
        for found in report {
            let (start, end) = place(report.source(), found);
            let command = match found.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "notice",
            };
            // Columns are shown only where start and end are on the same line.
            let columns = if start.line == end.line {
                format!(",col={},endColumn={}", start.column, end.column)
            } else {
                String::new()
            };
            let help = found.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
            let _ = writeln!(
                text,
                "::{command} file={},line={},endLine={}{columns},title={}::{}",
                property(report.source().name()),
                start.line,
                end.line,
                property(found.code.name),
                data(&format!("{}{help}", found.message)),
            );
        }
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(data("50%: a,\r\nb"), "50%25: a,%0D%0Ab");
        assert_eq!(property("a:b,c\n::error::x"), "a%3Ab%2Cc%0A%3A%3Aerror%3A%3Ax");
    }
}
