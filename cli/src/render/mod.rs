//! Findings as text, one file for each output format.

mod github;
mod gitlab;
pub mod json;
mod junit;
mod sarif;

use clap::ValueEnum;
use virtc::Findings;
use virtc::render::Style;
use virtc_diag::{Diagnostic, LineColumn, Severity, SourceFile, Span};

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For the eye, with the lines of the file
    Human,
    /// JSON Lines, one object for each finding
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands of GitHub Actions
    Github,
    /// Code Quality report of GitLab
    Gitlab,
    #[value(help = "JUnit XML")]
    Junit,
}

impl Format {
    /// Whether the text of several reports is that of each, one after the other.
    pub fn is_by_file(self) -> bool {
        match self {
            Self::Human | Self::Json | Self::Github => true,
            Self::Sarif | Self::Gitlab | Self::Junit => false,
        }
    }
}

/// The findings in `reports` as text; findings below `least` are no failures where a format tells the two apart.
///
/// # Errors
/// None that a finding is known to cause; those of the serialiser are passed on in words.
pub fn render(format: Format, reports: &[Findings], least: Severity, style: Style) -> Result<String, String> {
    match format {
        Format::Human => Ok(virtc::render::render(reports, style)),
        Format::Json => json::lines(reports).map_err(|error| error.to_string()),
        Format::Sarif => sarif::render(reports).map_err(|error| error.to_string()),
        Format::Github => Ok(github::render(reports)),
        Format::Gitlab => gitlab::render(reports).map_err(|error| error.to_string()),
        Format::Junit => Ok(junit::render(reports, least)),
    }
}

/// Where a finding starts and where the first character after it is; one about the whole file is at its start.
pub fn place(source: &SourceFile, found: &Diagnostic) -> (LineColumn, LineColumn) {
    let span = found.span.unwrap_or(Span::at(0));
    (source.line_column(span.start), source.line_column(span.end))
}

/// `1 file`, `2 files`, `2 fixes`.
pub fn count(number: usize, what: &str) -> String {
    let plural = match number {
        1 => "",
        _ if what.ends_with('x') => "es",
        _ => "s",
    };
    format!("{number} {what}{plural}")
}
