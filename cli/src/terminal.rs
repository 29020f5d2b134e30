//! What the place where output goes can show.

use std::io::IsTerminal;

use virtc::render::Style;

/// What standard output can show.
pub fn stdout() -> Style {
    of(std::io::stdout().is_terminal())
}

/// What standard error can show.
pub fn stderr() -> Style {
    of(std::io::stderr().is_terminal())
}

/// Colour is shown on a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; Unicode where the locale is UTF-8; lines are wrapped on a
/// terminal.
#[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
fn of(is_terminal: bool) -> Style {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| set(name)).unwrap_or_default();
    let locale = locale.to_string_lossy().to_lowercase();
    let dumb = set("TERM").is_some_and(|term| term == "dumb");
    Style {
        color: is_terminal && !dumb && set("NO_COLOR").is_none(),
        unicode: locale.contains("utf-8") || locale.contains("utf8"),
        width: is_terminal.then(|| terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into())),
    }
}
