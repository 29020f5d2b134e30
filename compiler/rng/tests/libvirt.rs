//! libvirt's own grammar over the documents of the conformance corpus: the verdicts are jing's.
//! Where `VIRTC_CORPUS`, the grammar or jing is missing, the test is skipped.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads a corpus")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use virtc_diag::SourceFile;
use virtc_rng::Schema;

const GRAMMAR: &str = "/usr/share/libvirt/schemas/domain.rng";

fn documents(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            documents(&path, out);
        } else if path.extension().is_some_and(|e| e == "xml") {
            out.push(path);
        }
    }
}

fn open(path: &Path) -> Option<SourceFile> {
    Some(SourceFile::new(path.to_str()?, String::from_utf8(std::fs::read(path).ok()?).ok()?))
}

/// The files that jing refuses.
fn refused(files: &[PathBuf]) -> Option<BTreeSet<PathBuf>> {
    let output = Command::new("jing").arg(GRAMMAR).args(files).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let faulty = |line: &str| line.split_once(".xml:").map(|(path, _)| PathBuf::from(format!("{path}.xml")));
    Some(text.lines().filter_map(faulty).collect())
}

#[test]
fn verdicts_are_those_of_jing() {
    let Ok(corpus) = std::env::var("VIRTC_CORPUS") else {
        return std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("skipped: VIRTC_CORPUS is not set\n"))
            .unwrap();
    };
    let Some(grammar) = open(Path::new(GRAMMAR)) else {
        return std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("skipped: there is no {GRAMMAR}\n"))
            .unwrap();
    };
    let schema = Schema::compile(&grammar, &mut |href, from| {
        let path = Path::new(from.name()).with_file_name(href);
        open(&path).ok_or_else(|| format!("{} cannot be read", path.display()))
    });
    let schema = schema.map_err(|e| e.to_string()).unwrap();
    let mut files = Vec::new();
    for folder in ["qemuxmlconf", "realworld", "memlock", "hotplug"] {
        documents(&Path::new(&corpus).join(folder), &mut files);
    }
    files.sort();
    let Some(refused) = refused(&files) else {
        return std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("skipped: jing is not installed\n"))
            .unwrap();
    };
    let mut validator = schema.validator();
    let (mut compared, mut invalid, mut wrong) = (0, 0, Vec::new());
    for path in &files {
        let Some(source) = open(path) else { continue };
        let (document, faults) = virtc_xml::parse(&source);
        if !faults.is_empty() {
            eprintln!("not compared, no XML that is taken: {}", path.display());
            continue;
        }
        let (checked, diagnostics) = validator.validate(&document);
        compared += 1;
        invalid += usize::from(!checked.is_sound());
        assert_eq!(checked.is_sound(), !diagnostics.has_errors(), "{}: {diagnostics:?}", path.display());
        if checked.is_sound() == refused.contains(path) {
            wrong.push(format!("{}: {}", path.display(), checked.is_sound()));
        }
    }
    eprintln!("{compared} documents compared, {invalid} of them invalid, {} verdicts differ", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 1000, "too few documents");
}
