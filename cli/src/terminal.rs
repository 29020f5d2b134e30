//! What the place where output goes can show.

use std::io::IsTerminal;

/// How text may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether colour is shown: on a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    pub color: bool,
    /// Whether lines are drawn with Unicode characters: where the locale is UTF-8.
    pub unicode: bool,
    /// The width to wrap at, in columns; `None` where output is no terminal.
    pub width: Option<usize>,
}

impl Terminal {
    /// Of standard output.
    pub fn stdout() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    /// Of standard error.
    pub fn stderr() -> Self {
        Self::of(std::io::stderr().is_terminal())
    }

    #[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
    fn of(is_terminal: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| set(name)).unwrap_or_default();
        let locale = locale.to_string_lossy().to_lowercase();
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        Self {
            color: is_terminal && !dumb && set("NO_COLOR").is_none(),
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
            width: is_terminal.then(|| terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into())),
        }
    }
}
