//! The definition that libvirt would store is stored as it is when it is compiled again.

use std::path::PathBuf;

use crate::compiler::{Compiler, files};

fn folders() -> Vec<PathBuf> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let corpus = std::env::var_os("VIRTC_CORPUS").map(PathBuf::from);
    if corpus.is_none() {
        eprintln!("left out: the conformance corpus (VIRTC_CORPUS is not set)");
    }
    std::iter::once(own).chain(corpus).collect()
}

#[test]
fn what_is_stored_is_stored_again() {
    let mut compiler = Compiler::default();
    let (mut seen, mut faults) = (0, Vec::new());
    for path in folders().iter().flat_map(|folder| files(folder)) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Some(stored) = compiler.stored(&text) else { continue };
        seen += 1;
        let again = match compiler.try_stored(&stored) {
            Ok(again) => again,
            Err(why) => {
                faults.push(format!("{}: what is stored is refused: {why}", path.display()));
                continue;
            }
        };
        if again != stored {
            let line = stored.lines().zip(again.lines()).find(|(a, b)| a != b);
            faults.push(format!("{}: {line:?}", path.display()));
        }
        // The guest is the same one, too.
        if compiler.argv(&text) != compiler.argv(&stored) {
            faults.push(format!("{}: what is stored has another command line", path.display()));
        }
    }
    assert!(seen >= 10, "only {seen} definitions");
    assert!(faults.is_empty(), "{} of {seen}:\n{}", faults.len(), faults.join("\n"));
}
