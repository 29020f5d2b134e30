//! The backports of the distribution that is installed, as an apt source derived from the source that is there.

use std::fs;
use std::path::Path;

/// The name of the file that is added under `sources.list.d`.
const ADDED: &str = "virtc-backports.sources";

/// The value of a field in a stanza of the deb822 form.
fn field<'s>(stanza: &'s str, name: &str) -> Option<&'s str> {
    stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// The stanza and the suite of the backports, derived from the first stanza of `sources` that names a plain suite (one
/// without a dash, as in `Suites: bookworm bookworm-updates`).
pub fn backports(sources: &str) -> Option<(String, String)> {
    sources.split("\n\n").find_map(|stanza| {
        let suites = field(stanza, "Suites")?;
        let suite = suites.split_whitespace().find(|suite| !suite.contains('-'))?;
        let suite = format!("{suite}-backports");
        let lines = stanza.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let replace =
            |line: &str| if line.starts_with("Suites:") { format!("Suites: {suite}\n") } else { format!("{line}\n") };
        Some((lines.map(replace).collect(), suite))
    })
}

/// Adds the backports to the sources under `etc` (`/etc/apt` on a host), unless a source names them already.
///
/// # Errors
/// When no source in the deb822 form names a suite, or the file cannot be written.
pub fn enable_backports(etc: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let dir = etc.join("sources.list.d");
    let text = fs::read_to_string(dir.join("debian.sources"))
        .map_err(|error| format!("{}: {error}", dir.join("debian.sources").display()))?;
    let (stanza, suite) = backports(&text).ok_or("no suite in debian.sources")?;
    for entry in fs::read_dir(&dir)? {
        let text = fs::read_to_string(entry?.path()).unwrap_or_default();
        if text.split("\n\n").filter_map(|stanza| field(stanza, "Suites")).any(|suites| suites.contains(&suite)) {
            return Ok(suite);
        }
    }
    fs::write(dir.join(ADDED), stanza)?;
    Ok(suite)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: &str = "Types: deb\n# a comment\nURIs: http://mirror.invalid/security\nSuites: trixie-security\n\n\
        Types: deb\nURIs: http://mirror.invalid/debian\nSuites: trixie trixie-updates\nComponents: main\n";

    #[test]
    fn the_plain_suite_is_replaced() {
        let (stanza, suite) = backports(SOURCES).unwrap();
        assert_eq!(suite, "trixie-backports");
        assert_eq!(
            stanza,
            "Types: deb\nURIs: http://mirror.invalid/debian\nSuites: trixie-backports\nComponents: main\n"
        );
        assert_eq!(backports("Types: deb\n"), None);
    }

    #[test]
    fn the_file_is_written_once() {
        let etc = tempfile::tempdir().unwrap();
        let dir = etc.path().join("sources.list.d");
        fs::create_dir(&dir).unwrap();
        assert!(enable_backports(etc.path()).is_err());
        fs::write(dir.join("debian.sources"), SOURCES).unwrap();
        assert_eq!(enable_backports(etc.path()).unwrap(), "trixie-backports");
        fs::rename(dir.join(ADDED), dir.join("other.sources")).unwrap();
        assert_eq!(enable_backports(etc.path()).unwrap(), "trixie-backports");
        assert!(!dir.join(ADDED).exists());
    }
}
