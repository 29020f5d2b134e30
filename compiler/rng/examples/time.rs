//! Prints how long it takes to compile, store and load a schema, and to hold documents against it.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement")]

use std::path::Path;
use std::time::Instant;

use virtc_diag::SourceFile;
use virtc_rng::Schema;

fn open(path: &Path) -> Result<SourceFile, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    Ok(SourceFile::new(path.to_str().unwrap_or_default(), text))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let grammar = open(Path::new(&arguments.next().unwrap())).unwrap();
    let sources: Vec<SourceFile> = arguments.filter_map(|path| open(Path::new(&path)).ok()).collect();
    let clock = Instant::now();
    let schema = Schema::compile(&grammar, &mut |href, from| open(&Path::new(from.name()).with_file_name(href)));
    let schema = schema.map_err(|e| e.to_string()).unwrap();
    println!("compile        {:?}", clock.elapsed());
    let bytes: &'static [u8] = schema.to_bytes().leak();
    for _ in 0..3 {
        let clock = Instant::now();
        let loaded = Schema::from_bytes(bytes).unwrap();
        println!("load           {:?} ({} bytes)", clock.elapsed(), bytes.len());
        let Some(first) = sources.first() else { return };
        let (document, _) = virtc_xml::parse(first);
        let clock = Instant::now();
        let (checked, _) = loaded.validate(&document);
        println!("first document {:?} (valid: {})", clock.elapsed(), checked.is_sound());
    }
    let clock = Instant::now();
    let documents: Vec<_> = sources.iter().map(|source| virtc_xml::parse(source).0).collect();
    println!("parse {:5}    {:?}", documents.len(), clock.elapsed());
    let clock = Instant::now();
    let mut validator = schema.validator();
    let sound = documents.iter().filter(|document| validator.validate(document).0.is_sound()).count();
    println!("validate {:5} {:?} ({sound} valid)", documents.len(), clock.elapsed());
}
