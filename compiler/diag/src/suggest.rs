//! Which known word was likely meant by one that is not known.

/// The word of `known` that was likely meant by `written`: the same in another case, or one that is a few letters away.
pub fn likely<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = written.to_lowercase();
    let apart = |word: &str| {
        let other = word.to_lowercase();
        // Letters of the wrong case count less than a wrong letter.
        let case = usize::from(other == folded && word != written);
        (strsim::damerau_levenshtein(&folded, &other) * 2 + case, word.len().abs_diff(written.len()))
    };
    let near = known.into_iter().map(|word| (apart(word), word)).min()?;
    let ((distance, _), word) = near;
    is_near(written, word, distance).then_some(word)
}

/// Whether two words at that distance (two for each letter) are likely meant to be the same: a letter in three, and three letters at most.
fn is_near(written: &str, word: &str, distance: usize) -> bool {
    let length = written.chars().count().max(word.chars().count());
    distance <= ((length / 3).min(3) * 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::likely;

    #[test]
    fn what_is_near_is_likely() {
        let models = ["Skylake-Client", "Skylake-Server", "Haswell", "EPYC"];
        assert_eq!(likely("Skylake-Sever", models), Some("Skylake-Server"));
        assert_eq!(likely("haswell", models), Some("Haswell"));
        assert_eq!(likely("q36", ["pc", "q35", "microvm"]), Some("q35"));
        assert_eq!(likely("vmxx", ["svm", "vmx", "vme"]), Some("vmx"));
        assert_eq!(likely("PC", ["pc", "q35"]), Some("pc"));
    }

    #[test]
    fn what_is_not_near_is_not() {
        assert_eq!(likely("powernv", ["pc", "q35", "microvm"]), None);
        assert_eq!(likely("xy", ["pc"]), None);
        assert_eq!(likely("", ["pc"]), None);
        assert_eq!(likely("q35", []), None);
    }
}
