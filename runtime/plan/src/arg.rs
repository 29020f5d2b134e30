//! One argument of a command line: text with named placeholders that only the host can fill.
//!
//! An argument is a list of parts. Only [`Part::Placeholder`] is ever filled in; text that happens to look like `{state}` stays text.

use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A value that only the host knows when the VM starts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placeholder {
    /// The directory that belongs to QEMU's user, in the VM's private directory: an absolute path without a slash at its end.
    State,
    /// The number of an open descriptor that QEMU inherits, by its name in the plan.
    Fd(String),
    /// A secret as ciphertext under the key of this run, in base 64, by the name of its object.
    Secret(String),
    /// The initialisation vector of that ciphertext, in base 64.
    SecretIv(String),
}

impl Placeholder {
    /// As people write it: `{state}`, `{fd:NAME}`, `{secret:NAME}`, `{secret-iv:NAME}`.
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
    /// Inside a JSON string: escaped as JSON requires.
    Json,
}

/// One part of an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Literal text.
    Text(String),
    /// A value that is filled in on the host.
    Placeholder {
        /// Which value.
        name: Placeholder,
        /// How it is quoted when it is filled in.
        #[serde(default)]
        quote: Quote,
    },
}

/// One argument. It is stored as a list of [`Part`]s.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Part>", into = "Vec<Part>")]
pub struct Arg {
    text: String,
    /// In the order of their places.
    placeholders: Vec<Placed>,
}

/// A placeholder, and where in the text it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Placed {
    /// The byte offset in the text.
    at: usize,
    name: Placeholder,
    quote: Quote,
}

impl From<Vec<Part>> for Arg {
    fn from(parts: Vec<Part>) -> Self {
        let mut arg = Self::default();
        for part in parts {
            match part {
                Part::Text(text) => arg.push(&text),
                Part::Placeholder { name, quote } => arg.push_placeholder(name, quote),
            }
        }
        arg
    }
}

impl From<Arg> for Vec<Part> {
    fn from(arg: Arg) -> Self {
        let text = |range: Range<usize>| {
            arg.text.get(range).filter(|text| !text.is_empty()).map(|text| Part::Text(text.to_owned()))
        };
        let mut parts = Self::new();
        let mut done = 0;
        for Placed { at, name, quote } in arg.placeholders {
            parts.extend(text(done..at));
            parts.push(Part::Placeholder { name, quote });
            done = at;
        }
        parts.extend(text(done..arg.text.len()));
        parts
    }
}

impl Arg {
    /// An argument without placeholders.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), placeholders: Vec::new() }
    }

    /// An empty argument with room for this number of bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self::text(String::with_capacity(bytes))
    }

    /// More text.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// More text, quoted.
    pub fn push_quoted(&mut self, text: &str, quote: Quote) {
        quote.append(text, &mut self.text);
    }

    /// A placeholder after what is there.
    pub fn push_placeholder(&mut self, name: Placeholder, quote: Quote) {
        self.placeholders.push(Placed { at: self.text.len(), name, quote });
    }

    /// The argument with every placeholder replaced by the raw value that `fill` returns for it.
    ///
    /// # Errors
    /// The first error of `fill`.
    pub fn fill<E>(&self, mut fill: impl FnMut(&Placeholder) -> Result<String, E>) -> Result<String, E> {
        self.join(|gap, out| {
            gap.quote.append(&fill(&gap.name)?, out);
            Ok(())
        })
    }

    /// The argument for people and for JSON output, with its placeholders as they are written: `{state}`, `{fd:NAME}`.
    pub fn display(&self) -> Cow<'_, str> {
        if self.placeholders.is_empty() {
            return Cow::Borrowed(&self.text);
        }
        let shown = self.join(|gap, out| {
            out.push_str(&gap.name.display());
            Ok::<_, Infallible>(())
        });
        match shown {
            Ok(shown) => Cow::Owned(shown),
        }
    }

    /// The text, with what `fill` writes in the places of the placeholders.
    fn join<E>(&self, mut fill: impl FnMut(&Placed, &mut String) -> Result<(), E>) -> Result<String, E> {
        let mut out = String::with_capacity(self.text.len());
        let mut done = 0;
        for gap in &self.placeholders {
            out.push_str(self.text.get(done..gap.at).unwrap_or_default());
            fill(gap, &mut out)?;
            done = gap.at;
        }
        out.push_str(self.text.get(done..).unwrap_or_default());
        Ok(out)
    }
}

impl Quote {
    /// Appends `value`, quoted, to `out`.
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
    fn fills_placeholders_and_nothing_else() {
        let arg = Arg::from(vec![
            Part::Text("path={state}/".into()),
            Part::Placeholder { name: Placeholder::State, quote: Quote::Comma },
            Part::Placeholder { name: Placeholder::Fd("monitor".into()), quote: Quote::None },
        ]);
        assert_eq!(Arg::from(Vec::from(arg.clone())), arg);
        let filled = arg.fill(|placeholder| {
            Ok::<_, ()>(if *placeholder == Placeholder::State { "/a,b".into() } else { "7".into() })
        });
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
