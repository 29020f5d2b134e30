//! Floors: how many cases must be equal or accepted, at the least.

use std::collections::BTreeMap;
use std::path::Path;

/// The floors in the file, if one is named.
///
/// # Errors
/// When it cannot be read, or a line is not `WHAT NUMBER`.
pub fn read(path: Option<&Path>) -> Result<BTreeMap<String, u32>, String> {
    let Some(path) = path else { return Ok(BTreeMap::new()) };
    floors(&std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

/// The lines `WHAT NUMBER` of a file of floors; `#` begins a comment.
fn floors(text: &str) -> Result<BTreeMap<String, u32>, String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (what, number) = line.split_once(' ').ok_or_else(|| format!("`{line}` is not `WHAT NUMBER`"))?;
            let number = number.trim().parse().map_err(|error| format!("`{line}`: {error}"))?;
            Ok((what.to_owned(), number))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_lines_of_a_word_and_a_number() {
        let read = floors("# a comment\nargv 12\nxml  3 # more\n\n").unwrap();
        assert_eq!(read, BTreeMap::from([("argv".to_owned(), 12), ("xml".to_owned(), 3)]));
        assert!(floors("argv").is_err() && floors("argv many").is_err());
    }
}
