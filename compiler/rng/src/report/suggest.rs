//! What was likely meant, and the documentation that belongs to it.

use std::collections::BTreeSet;

use super::Reporter;
use super::expected::attributes;
use super::wording::{any_of, code, is_near, nearest_first};
use crate::engine::arena::Pat;
use crate::engine::names::Symbol;
use crate::synonyms::{Synonym, meant};

/// More words than this are not suggested for one.
const MAX_MEANT: usize = 3;
/// Shorter words are no beginning of another, in bytes.
const SHORTEST: usize = 3;

/// Documentation by form: what a form takes, and its comment (0 where there is none).
pub(super) type Docs = Vec<(Pat, u32)>;

/// The words of `allowed` that were likely meant by `written`, the most likely first.
pub(super) fn likely(written: &str, allowed: &[String], table: &'static [Synonym]) -> Vec<String> {
    if written.is_empty() {
        return Vec::new();
    }
    if let Some(same) = allowed.iter().find(|word| word.eq_ignore_ascii_case(written)) {
        return vec![same.clone()];
    }
    let known: Vec<String> =
        meant(table, written).filter(|word| allowed.iter().any(|it| it == word)).map(str::to_owned).collect();
    if !known.is_empty() {
        return known.into_iter().take(MAX_MEANT).collect();
    }
    let nearest = nearest_first(written, allowed.to_vec(), |word| word).into_iter().next();
    if let Some(near) = nearest.filter(|word| is_near(written, word)) {
        return vec![near];
    }
    // `virtio-blk-pci` where `virtio` is allowed, or `host` where `host-model` is.
    let related: Vec<String> =
        allowed.iter().filter(|word| begins(word, written) || begins(written, word)).cloned().collect();
    if related.len() > MAX_MEANT { Vec::new() } else { related }
}

/// Whether `long` is `short` and more words.
fn begins(long: &str, short: &str) -> bool {
    short.len() >= SHORTEST && long.strip_prefix(short).is_some_and(|rest| rest.starts_with(['-', '_', '.', ' ']))
}

/// "did you mean `a` or `b`?", empty where nothing is suggested.
pub(super) fn did_you_mean(words: &[String], decorate: fn(&str) -> String) -> String {
    if words.is_empty() { String::new() } else { format!("did you mean {}?", any_of(words, decorate)) }
}

impl Reporter<'_, '_, '_> {
    /// The documentation of an attribute in each form of a pattern that has it.
    pub(super) fn attribute_docs(&self, pat: Pat, symbol: Symbol) -> Docs {
        let arena = &self.engine.arena;
        let named = |pat: &Pat| self.schema.names.set(arena.operand(*pat, 0)).contains(symbol);
        let found = attributes(arena, pat).into_iter().filter(named);
        found.map(|pat| (arena.part(pat, 1), arena.operand(pat, 2))).collect()
    }

    /// The one documentation of all forms; where they differ, that of the forms which take `word`. 0 where that does not tell.
    pub(super) fn doc_for(&mut self, docs: &Docs, word: Option<&str>) -> u32 {
        let one = |docs: &mut dyn Iterator<Item = u32>| {
            let docs: BTreeSet<u32> = docs.filter(|doc| *doc != 0).collect();
            docs.first().copied().filter(|_| docs.len() == 1)
        };
        if let Some(doc) = one(&mut docs.iter().map(|(_, doc)| *doc)) {
            return doc;
        }
        let Some(word) = word else { return 0 };
        let takes = |(pat, _): &&(Pat, u32)| {
            self.schema.values(&self.engine.arena, &[*pat]).words.iter().any(|allowed| allowed == word)
        };
        one(&mut docs.iter().filter(takes).map(|(_, doc)| *doc)).unwrap_or_default()
    }

    /// What is said of an attribute whose name is right and whose value may have to be another: "write `state='on'`", or the question
    /// whether the name is meant. With the word that the value becomes.
    pub(super) fn as_attribute(&self, name: &str, value: &str, words: &[String]) -> (String, Option<String>) {
        let meant = likely(value.trim(), words, self.schema.synonyms.values);
        match meant.into_iter().next().filter(|_| !words.iter().any(|word| word == value)) {
            Some(word) => (format!("write {}", code(&format!("{name}='{word}'"))), Some(word)),
            None => (did_you_mean(&[name.to_owned()], code), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Synonym] = &[("amd64", &["x86_64"]), ("off", &["no", "none"])];

    fn words(written: &str, allowed: &[&str]) -> Vec<String> {
        likely(written, &allowed.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), TABLE)
    }

    #[test]
    fn what_was_meant() {
        assert_eq!(words("UTC", &["utc", "localtime"]), ["utc"]);
        assert_eq!(words("AMD64", &["aarch64", "x86_64"]), ["x86_64"]);
        assert_eq!(words("amd64", &["aarch64"]), [""; 0]);
        assert_eq!(words("off", &["none", "no", "writeback"]), ["no", "none"]);
        assert_eq!(words("off", &["writeback", "none"]), ["none"]);
        assert_eq!(words("virtoi", &["virtio", "scsi"]), ["virtio"]);
        assert_eq!(words("virtio-blk-pci", &["virtio", "scsi"]), ["virtio"]);
        assert_eq!(words("host", &["host-model", "host-passthrough", "custom"]), ["host-model", "host-passthrough"]);
        assert_eq!(words("", &["utc"]), [""; 0]);
    }
}
