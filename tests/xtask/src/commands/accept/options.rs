//! A command line of QEMU, taken apart so that parts of it can be exchanged.

use serde_json::{Map, Value};

/// The value of an option.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// Nothing.
    None,
    /// A JSON object.
    Json(Map<String, Value>),
    /// `first,key=value,…`; a part without `=` has no key.
    Parts(Vec<(String, String)>),
}

/// An option with its argument.
#[derive(Debug, Clone, PartialEq)]
pub struct Opt {
    /// With its dash.
    pub name: String,
    /// Its backend.
    pub argument: Argument,
}

impl Opt {
    /// An option from its text.
    pub fn new(name: &str, value: Option<&str>) -> Self {
        let json = value.filter(|v| v.starts_with('{')).and_then(|v| serde_json::from_str(v).ok());
        let argument = match (json, value) {
            (Some(object), _) => Argument::Json(object),
            (None, Some(value)) => Argument::Parts(split(value)),
            (None, None) => Argument::None,
        };
        Self { name: name.to_owned(), argument }
    }

    /// The JSON object.
    pub fn json(&mut self) -> Option<&mut Map<String, Value>> {
        match &mut self.argument {
            Argument::Json(object) => Some(object),
            Argument::None | Argument::Parts(_) => None,
        }
    }

    /// The parts.
    pub fn parts(&mut self) -> Option<&mut Vec<(String, String)>> {
        match &mut self.argument {
            Argument::Parts(parts) => Some(parts),
            Argument::None | Argument::Json(_) => None,
        }
    }

    /// A member that is a string, whichever form the argument has.
    pub fn get(&self, key: &str) -> Option<&str> {
        match &self.argument {
            Argument::Json(object) => object.get(key)?.as_str(),
            Argument::Parts(parts) => parts.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str()),
            Argument::None => None,
        }
    }

    /// The part without a key that comes first.
    pub fn first(&self) -> Option<&str> {
        match &self.argument {
            Argument::Parts(parts) => parts.first().filter(|(k, _)| k.is_empty()).map(|(_, v)| v.as_str()),
            Argument::None | Argument::Json(_) => None,
        }
    }

    /// The words for a command line.
    pub fn words(&self) -> Vec<String> {
        let value = match &self.argument {
            Argument::None => None,
            Argument::Json(object) => Some(Value::Object(object.clone()).to_string()),
            Argument::Parts(parts) => Some(parts.iter().map(shown).collect::<Vec<_>>().join(",")),
        };
        std::iter::once(self.name.clone()).chain(value).collect()
    }
}

/// The options of a command line without its binary.
pub fn options(argv: &[String]) -> Vec<Opt> {
    let mut out = Vec::new();
    let mut words = argv.iter().peekable();
    while let Some(word) = words.next() {
        let value = words.next_if(|next| !next.starts_with('-') || next.starts_with("-:"));
        out.push(Opt::new(word, value.map(String::as_str)));
    }
    out
}

fn shown((key, value): &(String, String)) -> String {
    let value = value.replace(',', ",,");
    if key.is_empty() { value } else { format!("{key}={value}") }
}

/// Parts at single commas; a doubled comma is one of the value.
fn split(value: &str) -> Vec<(String, String)> {
    let mut parts = vec![String::new()];
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == ',' && letters.next_if_eq(&',').is_none() {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    let pair = |part: String| match part.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (String::new(), part),
    };
    parts.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_comes_out_as_it_went_in() {
        let argv = [
            "-S",
            "-name",
            "guest=a,,b,debug-threads=on",
            "-device",
            r#"{"driver":"e1000","id":"net0"}"#,
            "-m",
            "size=1",
        ];
        let argv: Vec<String> = argv.iter().map(ToString::to_string).collect();
        let taken = options(&argv);
        assert_eq!(taken.len(), 4);
        assert_eq!(taken[1].get("guest"), Some("a,b"));
        assert_eq!(taken[2].get("driver"), Some("e1000"));
        assert_eq!(taken.iter().flat_map(Opt::words).collect::<Vec<_>>(), argv);
    }
}
