//! Words of messages: lists, and the nearest of several names.

/// Longer lists are not shown whole: what does not help to choose is left to formats for machines.
pub(super) const MANY: usize = 10;

/// How many are named of a longer list.
const SHOWN: usize = 5;

/// Words whose lengths differ by more than this are not looked at more closely, in bytes.
const MAX_DIFFERENCE: usize = 64;

/// How far `b` is from `a`, the larger the farther. Case counts little.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let difference = a.len().abs_diff(b.len());
    if difference > MAX_DIFFERENCE {
        return difference * 2;
    }
    if a.eq_ignore_ascii_case(b) { 1 } else { strsim::osa_distance(&a.to_lowercase(), &b.to_lowercase()) * 2 }
}

/// Whether two names at that distance are likely meant to be the same.
pub(super) fn is_near(a: &str, b: &str) -> bool {
    let length = a.chars().count().max(b.chars().count());
    // Of names of one or two letters, only the case can be mistaken.
    distance(a, b) <= ((length / 3).min(3) * 2).max(1)
}

/// Sorted by how near they are to `name`, then by themselves.
pub(super) fn nearest_first<T>(name: &str, mut list: Vec<T>, text: impl Fn(&T) -> &str) -> Vec<T> {
    let apart = |other: &str| (distance(name, other), name.len().abs_diff(other.len()));
    list.sort_by_cached_key(|item| (apart(text(item)), text(item).to_owned()));
    list
}

/// What is expected in place of `written`, `words` being sorted by how near they are to it: all where they are few, else those that are
/// somewhat like it. `what` is the plural of what they are.
pub(super) fn expected(written: &str, words: &[String], what: &str, decorate: fn(&str) -> String) -> String {
    if words.len() <= MANY {
        return if words.is_empty() { String::new() } else { format!("expected {}", any_of(words, decorate)) };
    }
    let like: Vec<&String> = words.iter().filter(|word| is_like(written, word)).take(SHOWN).collect();
    let count = words.len();
    match like.len() {
        0 => format!("none of the {count} {what} that are allowed resembles `{}`", short(written)),
        1 => format!("of the {count} {what} that are allowed, {} is nearest", all_of(&like, decorate)),
        _ => format!("of the {count} {what} that are allowed, {} are nearest", all_of(&like, decorate)),
    }
}

/// Whether somebody who wrote `a` may think of `b`: it holds it, begins like it, or half of it is the same.
fn is_like(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let begin = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let longest = a.chars().count().max(b.chars().count());
    begin >= 3 || (a.len() >= 3 && b.contains(&a)) || (b.len() >= 3 && a.contains(&b)) || distance(&a, &b) <= longest
}

/// "`a`, `b` or `c`", cut where there are many. `decorate` puts each in its marks.
pub(super) fn any_of<T: AsRef<str>>(list: &[T], decorate: fn(&str) -> String) -> String {
    joined(list, "or", decorate)
}

/// "`a`, `b` and `c`".
pub(super) fn all_of<T: AsRef<str>>(list: &[T], decorate: fn(&str) -> String) -> String {
    joined(list, "and", decorate)
}

fn joined<T: AsRef<str>>(list: &[T], word: &str, decorate: fn(&str) -> String) -> String {
    let shown = if list.len() > MANY { SHOWN } else { list.len() };
    let mut texts: Vec<String> = list.iter().take(shown).map(|item| decorate(item.as_ref())).collect();
    if shown < list.len() {
        return format!("{}, among others", texts.join(", "));
    }
    match (texts.pop(), texts.is_empty()) {
        (Some(single), true) => single,
        (Some(end), false) => format!("{} {word} {end}", texts.join(", ")),
        (None, _) => String::new(),
    }
}

/// The name of an element.
pub(super) fn tag(name: &str) -> String {
    format!("`<{name}>`")
}

/// A piece of XML.
pub(super) fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A value as it is written in a file.
pub(super) fn escaped(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;").replace('"', "&quot;")
}

/// What is said, and the documentation comment below.
pub(super) fn with_doc(said: String, doc: &str) -> String {
    match (said.is_empty(), doc.is_empty()) {
        (_, true) => said,
        (true, false) => doc.to_owned(),
        (false, false) => format!("{said}\n{doc}"),
    }
}

/// A value as messages show it: cut where it is long, without line ends.
pub(super) fn short(value: &str) -> String {
    let line: String = value.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if value.chars().count() > 60 { format!("{line}…") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut() {
        assert_eq!(any_of(&["a"], code), "`a`");
        assert_eq!(any_of(&["a", "b", "c"], tag), "`<a>`, `<b>` or `<c>`");
        assert_eq!(all_of(&["1", "2", "3", "4", "5", "6", "7"], code), "`1`, `2`, `3`, `4`, `5`, `6` and `7`");
        let many: Vec<String> = (1..=11).map(|number| format!("n{number}")).collect();
        assert_eq!(any_of(&many, code), "`n1`, `n2`, `n3`, `n4`, `n5`, among others");
    }

    #[test]
    fn of_many_the_nearest_are_shown() {
        let mut words: Vec<String> = (1..=11).map(|number| format!("word{number}")).collect();
        assert_eq!(expected("abc", &words, "words", code), "none of the 11 words that are allowed resembles `abc`");
        words.insert(0, "abcd".to_owned());
        assert_eq!(expected("abc", &words, "words", code), "of the 12 words that are allowed, `abcd` is nearest");
        assert_eq!(expected("abc", &words[..2], "words", code), "expected `abcd` or `word1`");
    }

    #[test]
    fn near_names() {
        assert!(is_near("adress", "address"));
        assert!(is_near("UUID", "uuid"));
        assert!(!is_near("disk", "rng"));
        assert!(!is_near("os", "pm"));
        assert!(is_near("OS", "os"));
        assert!(!is_near("3", "1"));
    }
}
