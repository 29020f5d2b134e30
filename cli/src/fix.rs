//! Applies safe fixes to a text.

use std::io::Write;
use std::path::Path;

use similar::TextDiff;
use virtc_diag::{Diagnostics, Edit, Safety, SourceFile};

/// The text with the safe fixes among `diagnostics` made, and how many were: of two that overlap the first is taken.
pub fn apply(source: &SourceFile, diagnostics: &Diagnostics) -> (String, usize) {
    let mut taken: Vec<&Edit> = Vec::new();
    let mut made = 0;
    for fix in diagnostics.iter().filter_map(|found| found.fix.as_ref()).filter(|fix| fix.safety == Safety::Safe) {
        let clashes = |edit: &Edit| taken.iter().any(|other| overlap(edit, other));
        if !fix.edits.is_empty() && !fix.edits.iter().any(clashes) {
            taken.extend(&fix.edits);
            made += 1;
        }
    }
    taken.sort_by_key(|edit| edit.span);
    let mut text = String::with_capacity(source.text().len());
    let mut done = 0;
    for edit in taken {
        let range = edit.span.range();
        text.push_str(source.text().get(done..range.start).unwrap_or_default());
        text.push_str(&edit.text);
        done = range.end;
    }
    text.push_str(source.text().get(done..).unwrap_or_default());
    (text, made)
}

/// Whether two edits touch the same text, or insert at the same place.
fn overlap(a: &Edit, b: &Edit) -> bool {
    a.span == b.span || (a.span.start < b.span.end && b.span.start < a.span.end)
}

/// The change from `old` to `new` in the unified format.
pub fn diff(name: &str, old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().context_radius(3).header(name, name).to_string()
}

/// Puts `text` in the place of the file at `path` at once: whoever reads it sees the old or the new text. Permissions stay.
///
/// # Errors
/// In words, when the folder or the file cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let write = || {
        // A link stays a link.
        let path = path.canonicalize()?;
        let permissions = path.metadata()?.permissions();
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(permissions)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    };
    write().map(drop).map_err(|error: std::io::Error| format!("cannot write `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use virtc_diag::{Code, Diagnostic, Severity, Span};

    static CODE: Code = Code { name: "test", severity: Severity::Warning, explanation: "A test." };

    #[test]
    fn safe_fixes_that_do_not_overlap_are_made() {
        let source = SourceFile::new("f", "one two three");
        let fix = |range, text: &str, safety| {
            Diagnostic::at(&CODE, Span::at(0), "m").fix(safety, "t", Span::new(range), text)
        };
        let found = [
            fix(8..13, "3", Safety::Safe),
            fix(0..3, "1", Safety::Safe),
            fix(2..5, "clashes", Safety::Safe),
            fix(4..7, "unsafe", Safety::Unsafe),
            fix(13..13, "!", Safety::Safe),
            fix(13..13, "?", Safety::Safe),
        ];
        assert_eq!(apply(&source, &found.into_iter().collect()), ("1 two 3!".to_owned(), 3));
    }
}
