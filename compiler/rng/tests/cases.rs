//! Each file in `cases` holds a schema and documents, with all that is said about them.
//!
//! A section begins with `=== schema [FILE]` (the first one is compiled, the others can be referred to), `=== document` or
//! `=== said`. With `VIRTC_BLESS` set, what is said is written anew; read it before it is committed.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads its cases")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use virtc_diag::{Diagnostic, SourceFile};
use virtc_rng::Schema;

fn show(source: &SourceFile, diagnostic: &Diagnostic, out: &mut String) {
    let at = |span: virtc_diag::Span| {
        let (start, end) = (source.line_column(span.start), source.line_column(span.end));
        format!("{}:{}-{}:{}", start.line, start.column, end.line, end.column)
    };
    let place = diagnostic.span.map_or_else(String::new, at);
    writeln!(out, "{place} {}: {}", diagnostic.code.name, diagnostic.message).unwrap();
    for label in &diagnostic.labels {
        writeln!(out, "    {} {}", at(label.span), label.text).unwrap();
    }
    if diagnostic.alternatives.len() > 10 {
        writeln!(out, "    all: {}", diagnostic.alternatives.join(" ")).unwrap();
    }
    for line in diagnostic.help.iter().flat_map(|help| help.lines()) {
        writeln!(out, "    help: {line}").unwrap();
    }
    if let Some(fix) = &diagnostic.fix {
        let edits: Vec<String> = fix.edits.iter().map(|e| format!("{} to \"{}\"", at(e.span), e.text)).collect();
        writeln!(out, "    fix: {}: {}", fix.title, edits.join(", ")).unwrap();
    }
}

/// What is said about a document, and which of its nodes are holes.
fn check(schema: &Schema, text: &str) -> String {
    let source = SourceFile::new("document", text);
    let (document, broken) = virtc_xml::parse(&source);
    let (checked, found) = schema.validate(&document);
    let mut out = String::new();
    for diagnostic in broken.iter().chain(&found) {
        show(&source, diagnostic, &mut out);
    }
    assert_eq!(checked.is_sound(), out.is_empty(), "{text}");
    let elements = (0..u32::try_from(document.node_count()).unwrap()).filter_map(|id| document.element(id));
    let mut holes = Vec::new();
    for element in elements {
        if checked.is_faulty(element) {
            holes.push(format!("<{}>", element.name()));
        }
        if checked.is_lacking(element) {
            holes.push(format!("<{}> lacking", element.name()));
        }
        let faulty = element.attributes().filter(|a| checked.is_faulty_attribute(*a));
        holes.extend(faulty.map(|a| format!("{}=", a.name())));
    }
    if !holes.is_empty() {
        writeln!(out, "holes: {}", holes.join(" ")).unwrap();
    }
    if out.is_empty() { "valid\n".to_owned() } else { out }
}

struct Case {
    /// Head line and text.
    sections: Vec<(String, String)>,
}

impl Case {
    fn read(text: &str) -> Self {
        let mut sections: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            match line.strip_prefix("=== ") {
                Some(head) => sections.push((head.to_owned(), String::new())),
                None => writeln!(sections.last_mut().unwrap().1, "{line}").unwrap(),
            }
        }
        Self { sections }
    }

    /// The same case with what is said now.
    fn run(&self) -> String {
        let files: BTreeMap<&str, &str> = self
            .sections
            .iter()
            .filter_map(|(head, text)| Some((head.strip_prefix("schema ")?, text.as_str())))
            .collect();
        let mut schema = None;
        let mut out = String::new();
        for (head, text) in &self.sections {
            if head == "said" {
                continue;
            }
            writeln!(out, "=== {head}\n{text}").unwrap();
            out.truncate(out.trim_end().len());
            out.push('\n');
            if head == "schema" {
                let source = SourceFile::new("schema", text.as_str());
                let compiled = Schema::compile(&source, &mut |href, _| {
                    let file = files.get(href).map(|text| SourceFile::new(href, *text));
                    file.ok_or_else(|| "there is no such file".to_owned())
                });
                match compiled {
                    Ok(compiled) => {
                        // What is stored must do as well as what was compiled.
                        schema = Some(Schema::from_bytes(compiled.to_bytes().leak()).unwrap());
                    }
                    Err(errors) => writeln!(out, "=== said\n{errors}").unwrap(),
                }
            }
            if let Some(schema) = schema.as_ref().filter(|_| head == "document") {
                write!(out, "=== said\n{}", check(schema, text.trim_end())).unwrap();
            }
        }
        out
    }
}

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let bless = std::env::var_os("VIRTC_BLESS").is_some();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let now = Case::read(&text).run();
        if bless {
            std::fs::write(&path, &now).unwrap();
        }
        let differ = now.lines().zip(text.lines()).find(|(now, was)| now != was);
        assert!(bless || now == text, "{}: {differ:#?}\n{now}", path.display());
        count += 1;
    }
    assert!(count > 10, "the cases are missing");
}
