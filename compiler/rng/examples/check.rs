//! Holds documents against a schema and prints what is wrong with them.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a tool for trying messages")]

use std::path::Path;

use virtc_diag::SourceFile;
use virtc_rng::Schema;

fn open(path: &Path) -> Result<SourceFile, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    Ok(SourceFile::new(path.to_str().unwrap_or_default(), text))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let grammar = open(Path::new(&arguments.next().unwrap())).unwrap();
    let schema = Schema::compile(&grammar, &mut |href, from| open(&Path::new(from.name()).with_file_name(href)));
    let schema = schema.map_err(|e| e.to_string()).unwrap();
    for path in arguments {
        let source = open(Path::new(&path)).unwrap();
        let (document, faults) = virtc_xml::parse(&source);
        let (_, mut found) = schema.validate(&document);
        found.extend(schema.validator().libxml2_order(&document));
        for diagnostic in faults.iter().chain(&found) {
            let place = diagnostic.span.map_or_else(|| path.clone(), |span| source.locate(span));
            println!("{place}: {} [{}]", diagnostic.message, diagnostic.code.name);
            for label in &diagnostic.labels {
                println!("    {}: {}", source.locate(label.span), label.text);
            }
            for line in diagnostic.help.iter().flat_map(|help| help.lines()) {
                println!("    {line}");
            }
            for edit in diagnostic.fix.iter().flat_map(|fix| &fix.edits) {
                println!("    fix: `{}` -> `{}`", source.slice(edit.span), edit.text);
            }
        }
    }
}
