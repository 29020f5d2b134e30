//! The definition that libvirt would store is stored as it is when it is compiled again.

use crate::compiler::{Compiler, corpus, files, root};

#[test]
fn what_is_stored_is_stored_again() {
    let mut compiler = Compiler::default();
    let (mut seen, mut faults) = (0, Vec::new());
    let folders = std::iter::once(root().join("testdata")).chain(corpus());
    for path in folders.flat_map(|folder| files(&folder)) {
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
