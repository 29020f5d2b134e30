//! The Code Quality report of GitLab.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest, Sha256};
use virtc::Findings;
use virtc_diag::Severity;

use super::place;

/// One array with all findings.
pub fn render(reports: &[Findings]) -> serde_json::Result<String> {
    let mut issues = Vec::new();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for report in reports {
        for found in report {
            let (start, end) = place(report.source(), found);
            // Without the line, so that a finding stays the same one when lines are added above it; equal ones are counted.
            let what = format!("{}\0{}\0{}", report.source().name(), found.code.name, found.message);
            let nth = seen.entry(what.clone()).or_default();
            let fingerprint = Sha256::digest(format!("{what}\0{nth}"));
            *nth += 1;
            issues.push(json!({
                "description": found.message,
                "check_name": found.code.name,
                "fingerprint": format!("{fingerprint:x}"),
                "severity": match found.severity {
                    Severity::Error => "major",
                    Severity::Warning => "minor",
                    Severity::Info => "info",
                },
                "location": {"path": report.source().name(), "lines": {"begin": start.line, "end": end.line}},
            }));
        }
    }
    Ok(serde_json::to_string_pretty(&issues)? + "\n")
}
