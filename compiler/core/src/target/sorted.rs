//! Lists of words in one text: cheap to load, since nothing is taken apart before it is asked for.

/// Where the key of a token ends: `name?:type!feature`.
const ENDS: [u8; 4] = *b"?:=!";

/// Tokens by key, separated by spaces.
pub fn join(mut tokens: Vec<String>) -> String {
    tokens.sort_by(|a, b| key(a).cmp(key(b)));
    tokens.dedup();
    tokens.join(" ")
}

/// What a token is found by.
pub fn key(token: &str) -> &str {
    let end = token.bytes().position(|byte| ENDS.contains(&byte)).unwrap_or(token.len());
    token.get(..end).unwrap_or(token)
}

/// The token of this key in a text that [`join`] has made.
pub fn find<'t>(text: &'t str, wanted: &str) -> Option<&'t str> {
    let (mut low, mut high) = (0, text.len());
    while low < high {
        // `low` and `high` are at the starts and ends of tokens, the middle is moved to the start of its own.
        let middle = low + (high - low) / 2;
        let start = text.get(low..middle)?.rfind(' ').map_or(low, |space| low + space + 1);
        let end = text.get(start..high)?.find(' ').map_or(high, |space| start + space);
        let token = text.get(start..end)?;
        match key(token).cmp(wanted) {
            std::cmp::Ordering::Equal => return Some(token),
            std::cmp::Ordering::Less => low = (end + 1).min(high),
            std::cmp::Ordering::Greater => high = start.saturating_sub(1).max(low),
        }
    }
    None
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
