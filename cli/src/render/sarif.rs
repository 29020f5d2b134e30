//! SARIF 2.1.0.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use virtc::Findings;
use virtc_diag::{Diagnostic, Fix, Safety, Severity, SourceFile, Span};

use crate::input::STDIN;
use crate::registry::{self, Entry};

/// One log with one run.
pub fn render(reports: &[Findings]) -> serde_json::Result<String> {
    let mut names: Vec<&str> = reports.iter().flatten().map(|found| found.code.name).collect();
    names.sort_unstable();
    names.dedup();
    let rules: Vec<Value> = names.iter().filter_map(|name| registry::find(name)).map(|entry| rule(&entry)).collect();
    let index: BTreeMap<&str, usize> = names.into_iter().zip(0..).collect();
    let results = reports.iter().flat_map(|report| {
        let index = &index;
        report.iter().map(move |found| result(report.source(), found, index.get(found.code.name)))
    });
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "virtc", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "artifacts": reports.iter().map(|report| json!({"location": artifact(report.source())})).collect::<Vec<_>>(),
            "results": results.collect::<Vec<_>>(),
        }],
    });
    Ok(serde_json::to_string_pretty(&log)? + "\n")
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn rule(entry: &Entry) -> Value {
    let text = entry.text();
    json!({
        "id": entry.code.name,
        "shortDescription": {"text": entry.summary()},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": level(entry.code.severity)},
    })
}

fn result(source: &SourceFile, found: &Diagnostic, rule: Option<&usize>) -> Value {
    let help = found.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    let mut result = json!({
        "ruleId": found.code.name,
        "ruleIndex": rule,
        "level": level(found.severity),
        "message": {"text": format!("{}{help}", found.message)},
        "locations": [{"physicalLocation": physical(source, found.span.unwrap_or(Span::at(0)))}],
    });
    let Some(object) = result.as_object_mut() else { return result };
    if !found.labels.is_empty() {
        let related = found
            .labels
            .iter()
            .map(|label| json!({"physicalLocation": physical(source, label.span), "message": {"text": label.text}}));
        object.insert("relatedLocations".into(), related.collect());
    }
    let mut properties = serde_json::Map::new();
    for (name, list) in [("alternatives", &found.alternatives), ("patterns", &found.patterns)] {
        if !list.is_empty() {
            properties.insert(name.into(), json!(list));
        }
    }
    if !properties.is_empty() {
        object.insert("properties".into(), properties.into());
    }
    // What must not be applied as it is has no place in a format that tools apply.
    if let Some(fix) = found.fix.as_ref().filter(|fix| fix.safety != Safety::DisplayOnly) {
        object.insert("fixes".into(), json!([change(source, fix)]));
    }
    result
}

fn change(source: &SourceFile, fix: &Fix) -> Value {
    let replacements = fix
        .edits
        .iter()
        .map(|edit| json!({"deletedRegion": region(source, edit.span), "insertedContent": {"text": edit.text}}));
    json!({
        "description": {"text": fix.title},
        "artifactChanges": [{"artifactLocation": artifact(source), "replacements": replacements.collect::<Vec<_>>()}],
    })
}

fn physical(source: &SourceFile, span: Span) -> Value {
    json!({"artifactLocation": artifact(source), "region": region(source, span)})
}

fn region(source: &SourceFile, span: Span) -> Value {
    let (start, end) = (source.line_column(span.start), source.line_column(span.end));
    json!({"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column})
}

fn artifact(source: &SourceFile) -> Value {
    json!({"uri": uri(source.name())})
}

/// A path as a URI: a relative one stays relative to the folder that virtc ran in.
fn uri(name: &str) -> String {
    let name = if name == STDIN { "stdin" } else { name };
    let mut uri = String::from(if Path::new(name).is_absolute() { "file://" } else { "" });
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri("a b/ä.xml"), "a%20b/%C3%A4.xml");
        assert_eq!(uri("/etc/x:1.xml"), "file:///etc/x%3A1.xml");
    }
}
