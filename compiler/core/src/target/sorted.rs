//! Lists of words in one text: cheap to load, since they are searched without being split.

use std::cmp::Ordering;

/// Whether the key of a token ends before this byte: `name?:type!feature`.
fn is_end(byte: u8) -> bool {
    matches!(byte, b'?' | b':' | b'=' | b'!')
}

/// Tokens by key, separated by spaces.
pub fn join(mut tokens: Vec<String>) -> String {
    tokens.sort_by(|a, b| key(a).cmp(key(b)));
    tokens.dedup();
    tokens.join(" ")
}

/// The key of a token: it ends before `?`, `:`, `=` or `!`.
pub fn key(token: &str) -> &str {
    let end = token.bytes().position(is_end).unwrap_or(token.len());
    token.get(..end).unwrap_or(token)
}

/// The token of this key in a text that [`join`] has made.
pub fn find<'t>(text: &'t str, wanted: &str) -> Option<&'t str> {
    let bytes = text.as_bytes();
    let is_space = |byte: &u8| *byte == b' ';
    let (mut low, mut high) = (0, bytes.len());
    while low < high {
        // `low` and `high` are at the starts and ends of tokens, the middle is moved to the start of its own.
        let middle = low + (high - low) / 2;
        let start = bytes.get(low..middle)?.iter().rposition(is_space).map_or(low, |space| low + space + 1);
        let rest = bytes.get(start..high)?;
        match compare(rest, wanted.as_bytes()) {
            Ordering::Equal => {
                let end = rest.iter().position(is_space).map_or(high, |space| start + space);
                return text.get(start..end);
            }
            Ordering::Less => low = rest.iter().position(is_space).map_or(high, |space| start + space + 1),
            Ordering::Greater => high = start.saturating_sub(1).max(low),
        }
    }
    None
}

/// Compares the key at the beginning of `text` with another one.
fn compare(text: &[u8], wanted: &[u8]) -> Ordering {
    let key = text.iter().take_while(|byte| **byte != b' ' && !is_end(**byte));
    key.cmp(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_found_and_no_other() {
        for count in 0..40 {
            let tokens: Vec<String> = (0..count).map(|n| format!("k{}?:t{n}", n * 7 % 41)).collect();
            let text = join(tokens.clone());
            for token in &tokens {
                assert_eq!(find(&text, key(token)), Some(token.as_str()), "{text}");
            }
            for absent in ["", "k", "k41", "z", "k1?"] {
                assert_eq!(find(&text, absent), None, "{absent} in {text}");
            }
        }
        assert_eq!(find("addr bus", "bu"), None);
        assert_eq!(find("a-b a_b ab", "a_b"), Some("a_b"));
    }

    #[test]
    fn the_key_of_a_token() {
        assert_eq!(["a", "a?:12", "a:str!deprecated", "raw=3"].map(key), ["a", "a", "a", "raw"]);
    }
}
