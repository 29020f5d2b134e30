//! Tests that may be left out where nothing else may (`cargo xtask test --strict`, as in CI).

/// What the line of a test that is left out contains, and why it may be.
const EXPECTED: &[(&str, &str)] = &[
    ("VIRTC_CORPUS does not name it", "the conformance corpus is no part of this repository; .ci/run fails without it"),
    ("this host has no `devices` hierarchy", "kernels have either control groups of version 1 or of version 2"),
];

/// What begins a line about a test that is left out.
pub const SIGN: &str = "left out: ";

/// The lines about tests that may not be left out.
pub fn unexpected<'l>(lines: impl IntoIterator<Item = &'l str>) -> Vec<&'l str> {
    let is_expected = |line: &str| EXPECTED.iter().any(|(part, _)| line.contains(part));
    lines.into_iter().filter(|line| line.starts_with(SIGN) && !is_expected(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::{EXPECTED, unexpected};

    #[test]
    fn only_what_has_a_reason_may_be_left_out() {
        let known = format!("left out: {}", EXPECTED[0].0);
        let lines = [known.as_str(), "left out: no guest was run: no QEMU", "long file: a.rs"];
        assert_eq!(unexpected(lines), ["left out: no guest was run: no QEMU"]);
        assert!(EXPECTED.iter().all(|(_, reason)| !reason.is_empty()));
    }
}
