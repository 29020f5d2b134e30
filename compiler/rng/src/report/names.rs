//! Names as they are to be written in a place, with the prefix of their namespace.

use virtc_xml::Element;

use super::Reporter;
use super::expected::Candidate;
use crate::engine::names::Symbol;

impl<'d> Reporter<'_, '_, 'd> {
    /// A known name as elements in `place` write it: with the prefix that is declared there for its namespace, else with the one that
    /// people give it.
    pub(super) fn written_name(&self, symbol: Symbol, place: Element<'d>) -> Option<String> {
        let (namespace, local) = self.schema.known_name(symbol)?;
        if namespace.is_empty() {
            return Some(local.to_owned());
        }
        let prefix = prefix_of(namespace, place).or_else(|| common_prefix(namespace)).unwrap_or_default();
        Some(if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") })
    }

    /// The names of elements as `place` writes them, each once.
    pub(super) fn written_names(&self, candidates: &[Candidate], place: Element<'d>) -> Vec<String> {
        candidates.iter().filter_map(|candidate| self.written_name(candidate.symbol, place)).collect()
    }

    /// The declaration that `place` needs before it can write a name; `None` where it needs none.
    pub(super) fn declaration(&self, symbol: Symbol, place: Element<'d>) -> Option<String> {
        let (namespace, _) = self.schema.known_name(symbol)?;
        if namespace.is_empty() || prefix_of(namespace, place).is_some() {
            return None;
        }
        Some(format!("xmlns:{}='{namespace}'", common_prefix(namespace)?))
    }
}

/// The prefix that means a namespace inside `place`, empty for the default namespace.
fn prefix_of<'d>(namespace: &str, place: Element<'d>) -> Option<&'d str> {
    let mut at = Some(place);
    while let Some(element) = at {
        let found =
            element.declarations().find(|(prefix, uri)| *uri == namespace && place.resolve(prefix) == Some(uri));
        if let Some((prefix, _)) = found {
            return Some(prefix);
        }
        at = element.parent();
    }
    None
}

/// The last part of a namespace's URI that is a word and no version: what people take for a prefix.
pub(super) fn common_prefix(namespace: &str) -> Option<&str> {
    let is_word = |part: &&str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    namespace.rsplit(['/', ':', '#']).find(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_that_people_give() {
        assert_eq!(common_prefix("http://libvirt.org/schemas/domain/qemu/1.0"), Some("qemu"));
        assert_eq!(common_prefix("urn:example:lab"), Some("lab"));
        assert_eq!(common_prefix("1.0"), None);
    }
}
