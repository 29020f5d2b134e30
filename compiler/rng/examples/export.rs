//! Prints a schema in XML syntax.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a tool")]

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let source = virtc_diag::SourceFile::new(path.as_str(), std::fs::read_to_string(&path).unwrap());
    println!("{}", virtc_rng::to_xml(&source).map_err(|e| e.to_string()).unwrap());
}
