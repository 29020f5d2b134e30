//! Words of messages: lists, and the nearest of several names.

/// How many of several are named.
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

/// "`a`, `b` or `c`", cut with the number of the rest where there are many. `decorate` puts each in its marks.
pub(super) fn any_of<T: AsRef<str>>(list: &[T], decorate: fn(&str) -> String) -> String {
    joined(list, "or", decorate)
}

/// "`a`, `b` and `c`".
pub(super) fn all_of<T: AsRef<str>>(list: &[T], decorate: fn(&str) -> String) -> String {
    joined(list, "and", decorate)
}

fn joined<T: AsRef<str>>(list: &[T], word: &str, decorate: fn(&str) -> String) -> String {
    let shown = if list.len() > SHOWN + 1 { SHOWN } else { list.len() };
    let mut texts: Vec<String> = list.iter().take(shown).map(|item| decorate(item.as_ref())).collect();
    if shown < list.len() {
        return format!("{} and {} more", texts.join(", "), list.len() - shown);
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
        assert_eq!(all_of(&["1", "2", "3", "4", "5", "6", "7"], code), "`1`, `2`, `3`, `4`, `5` and 2 more");
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
