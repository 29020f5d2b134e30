//! One argument of a command line: text with named holes that only the host can fill.
//!
//! An argument is a list of parts. Only [`Part::Hole`] is ever filled in; text that happens to look like `{state}` stays text.

use serde::{Deserialize, Serialize};

/// What only the host knows when the VM starts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hole {
    /// The directory in the VM's state that is QEMU's own: an absolute path without a slash at its end.
    State,
    /// The number of an open descriptor that QEMU inherits, by its name in the plan.
    Fd(String),
    /// A secret as ciphertext under the key of this run, in base 64, by the name of its object.
    Secret(String),
    /// The initialisation vector of that ciphertext, in base 64.
    SecretIv(String),
}

impl Hole {
    /// The hole for the eye: `{state}`, `{fd:NAME}`, `{secret:NAME}`, `{secret-iv:NAME}`.
    pub fn display(&self) -> String {
        match self {
            Self::State => "{state}".to_owned(),
            Self::Fd(name) => format!("{{fd:{name}}}"),
            Self::Secret(name) => format!("{{secret:{name}}}"),
            Self::SecretIv(name) => format!("{{secret-iv:{name}}}"),
        }
    }
}

/// How a filled-in value is quoted for the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quote {
    /// As it is.
    #[default]
    None,
    /// In an option of QEMU's `key=value,…` form: a comma is doubled.
    Comma,
    /// Inside a JSON string: escaped as JSON asks.
    Json,
}

/// One part of an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Literal text.
    Text(String),
    /// A value that is filled in on the host.
    Hole {
        /// Which value.
        name: Hole,
        /// How it is quoted when it is filled in.
        #[serde(default)]
        quote: Quote,
    },
}

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Arg(pub Vec<Part>);

impl Arg {
    /// An argument without holes.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![Part::Text(text.into())])
    }

    /// The argument with every hole filled by `fill`, which gets a hole and answers with its raw value.
    ///
    /// # Errors
    /// The first error of `fill`.
    pub fn fill<E>(&self, mut fill: impl FnMut(&Hole) -> Result<String, E>) -> Result<String, E> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Hole { name, quote } => quote.append(&fill(name)?, &mut out),
            }
        }
        Ok(out)
    }

    /// The argument for the eye and for JSON output: `{state}`, `{fd:NAME}`.
    pub fn display(&self) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Hole { name, .. } => out.push_str(&name.display()),
            }
        }
        out
    }

    /// The argument where it has no holes.
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
}

impl Quote {
    /// Writes `value`, quoted, behind `out`.
    pub fn append(self, value: &str, out: &mut String) {
        match self {
            Self::Comma if value.contains(',') => out.push_str(&value.replace(',', ",,")),
            // JSON forbids no other characters in a string (RFC 8259, section 7).
            Self::Json if value.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) => {
                let quoted = serde_json::Value::from(value).to_string();
                out.push_str(quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"')).unwrap_or_default());
            }
            Self::None | Self::Comma | Self::Json => out.push_str(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_holes_and_nothing_else() {
        let arg = Arg(vec![
            Part::Text("path={state}/".into()),
            Part::Hole { name: Hole::State, quote: Quote::Comma },
            Part::Hole { name: Hole::Fd("monitor".into()), quote: Quote::None },
        ]);
        let filled = arg.fill(|hole| Ok::<_, ()>(if *hole == Hole::State { "/a,b".into() } else { "7".into() }));
        assert_eq!(filled, Ok("path={state}//a,,b7".to_owned()));
        assert_eq!(arg.display(), "path={state}/{state}{fd:monitor}");
    }

    #[test]
    fn json_keeps_quotes_at_the_edges() {
        let mut out = "x".to_owned();
        Quote::Json.append("\"a\\\n", &mut out);
        Quote::Json.append("é/b", &mut out);
        assert_eq!(out, "x\\\"a\\\\\\né/b");
    }
}
