//! Checks values against QEMU's QAPI schema.
//!
//! A folded type is one text: `object REQUIRED;OPTIONAL|TAG CASES` with members `name:type` and cases `value=type`,
//! `enum VALUES`, `array TYPE`, `alternate TYPES`. A name without a text is a type of JSON: `str`, `int`, `number`,
//! `bool`, `null`, `any`. `!feature` ends a token. The meaning of the types is in QEMU's
//! `docs/devel/qapi-code-gen.rst`, "Client JSON Protocol introspection".

use crate::qemu::{Props, Value};
use crate::target::caps::Capabilities;
use crate::target::sorted;

/// What does not match the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A command that does not exist: its name.
    Unknown(String),
    /// An unknown member: its path.
    Member(String),
    /// A missing member: its path.
    Missing(String),
    /// A value of the wrong type: its path.
    Kind(String),
    /// A word that is not in the enum: its path, and the word.
    Word(String, String),
}

impl Fault {
    /// The same fault, seen from the object with this member.
    fn inside(self, member: &str) -> Self {
        let at = |path: String| if path.is_empty() { member.to_owned() } else { format!("{member}.{path}") };
        match self {
            Self::Unknown(name) => Self::Unknown(name),
            Self::Member(path) => Self::Member(at(path)),
            Self::Missing(path) => Self::Missing(at(path)),
            Self::Kind(path) => Self::Kind(at(path)),
            Self::Word(path, word) => Self::Word(at(path), word),
        }
    }
}

/// The largest depth of a value.
const DEPTH: u32 = 64;

impl Capabilities {
    /// Checks the arguments of a command against the schema.
    ///
    /// # Errors
    /// The first thing that does not match.
    pub fn check_command(&self, command: &str, arguments: &Props) -> Result<(), Fault> {
        let Some(kind) = self.commands.get(command) else { return Err(Fault::Unknown(command.to_owned())) };
        // The schema does not describe the arguments of `device_add`.
        if self.types.get(kind).is_none_or(|folded| folded == "object ;") && command == "device_add" {
            return Ok(());
        }
        self.object(kind, arguments, DEPTH)
    }

    /// Whether the enum of a command's member has a word; `None` where the member is not an enum.
    pub fn command_word(&self, command: &str, member: &str, word: &str) -> Option<bool> {
        let object = self.types.get(self.commands.get(command)?)?.strip_prefix("object ")?;
        let (members, _) = parts(object);
        let kind = member_type(members.split_once(';').unwrap_or((members, "")), member)?;
        let words = self.types.get(kind)?.strip_prefix("enum ")?;
        Some(sorted::find(words, word).is_some())
    }

    /// The paths of faults are relative to the value.
    fn value(&self, kind: &str, value: &Value, depth: u32) -> Result<(), Fault> {
        let wrong = || Err(Fault::Kind(String::new()));
        if depth == 0 {
            return wrong();
        }
        match (kind, value) {
            ("any", _)
            | ("str", Value::Text(_))
            | ("bool", Value::Bool(_))
            | ("null", Value::Null)
            | ("int" | "number", Value::Number(_)) => return Ok(()),
            (
                _,
                Value::Text(_) | Value::Number(_) | Value::Bool(_) | Value::Null | Value::Object(_) | Value::Array(_),
            ) => {}
        }
        let Some(folded) = self.types.get(kind) else { return wrong() };
        let (meta, rest) = folded.split_once(' ').unwrap_or((folded, ""));
        match (meta, value) {
            ("object", Value::Object(props)) => self.object(kind, props, depth),
            ("array", Value::Array(values)) => values.iter().try_for_each(|value| self.value(rest, value, depth - 1)),
            ("enum", Value::Text(text)) => {
                // What the runtime fills in is not known yet.
                let Some(word) = text.plain() else { return Ok(()) };
                match sorted::find(rest, word) {
                    Some(_) => Ok(()),
                    None => Err(Fault::Word(String::new(), word.to_owned())),
                }
            }
            ("alternate", value) => {
                let mut last = Fault::Kind(String::new());
                for kind in rest.split(' ') {
                    match self.value(kind, value, depth - 1) {
                        Ok(()) => return Ok(()),
                        Err(Fault::Kind(at)) if at.is_empty() => {}
                        Err(fault) => last = fault,
                    }
                }
                Err(last)
            }
            (
                _,
                Value::Text(_) | Value::Number(_) | Value::Bool(_) | Value::Null | Value::Object(_) | Value::Array(_),
            ) => wrong(),
        }
    }

    /// An object, with the members that its variant adds.
    fn object(&self, kind: &str, props: &Props, depth: u32) -> Result<(), Fault> {
        let (mut kinds, mut next) = (Vec::with_capacity(3), Some(kind));
        while let Some(kind) = next.take() {
            let folded = self.types.get(kind).and_then(|folded| folded.strip_prefix("object "));
            let Some(folded) = folded else { return Err(Fault::Kind(String::new())) };
            let (members, variants) = parts(folded);
            kinds.push(members.split_once(';').unwrap_or((members, "")));
            if let Some((tag, cases)) = variants {
                let said = props.get(tag).and_then(Value::plain);
                next =
                    said.and_then(|said| sorted::find(cases, said)).and_then(|case| case.split_once('=')).map(|c| c.1);
            }
            if kinds.len() > 8 {
                break;
            }
        }
        for (name, value) in props.iter() {
            let found = kinds.iter().find_map(|members| member_type(*members, name));
            let Some(kind) = found else { return Err(Fault::Member(name.to_owned())) };
            self.value(kind, value, depth.saturating_sub(1)).map_err(|fault| fault.inside(name))?;
        }
        let required = kinds.iter().flat_map(|(required, _)| required.split_ascii_whitespace());
        let mut names = required.map(sorted::key);
        match names.find(|name| props.get(name).is_none()) {
            Some(name) => Err(Fault::Missing(name.to_owned())),
            None => Ok(()),
        }
    }
}

/// The members of a folded object, and the tag with its cases.
fn parts(folded: &str) -> (&str, Option<(&str, &str)>) {
    match folded.split_once('|') {
        Some((members, rest)) => (members, rest.split_once(' ')),
        None => (folded, None),
    }
}

/// The type of a member, required or optional.
fn member_type<'f>((required, optional): (&'f str, &'f str), name: &str) -> Option<&'f str> {
    let token = sorted::find(required, name).or_else(|| sorted::find(optional, name))?;
    let kind = token.split_once(':')?.1;
    Some(kind.split_once('!').map_or(kind, |(kind, _)| kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps() -> Capabilities {
        let text = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Capabilities {
            commands: text(&[("add", "1"), ("device_add", "9")]),
            types: text(&[
                ("1", "object driver:2;size:int tags:4!unstable|driver file=3 null=9"),
                ("2", "enum file null"),
                ("3", "object filename:str;next:5"),
                ("4", "array str"),
                ("5", "alternate str 1"),
                ("9", "object ;"),
            ]),
            ..Capabilities::default()
        }
    }

    fn file() -> Props {
        Props::new().with("driver", "file").with("filename", "/a")
    }

    #[test]
    fn what_the_description_allows_is_taken() {
        let list = Value::Array(vec!["x".into()]);
        let all = [file(), file().with("size", 3u32).with("tags", list), Props::new().with("driver", "null")];
        for props in all.iter().chain([&file().with("next", "y"), &file().with("next", file())]) {
            assert_eq!(caps().check_command("add", props), Ok(()), "{props:?}");
        }
        assert_eq!(caps().check_command("device_add", &file()), Ok(()));
        assert_eq!(caps().command_word("add", "driver", "null"), Some(true));
        assert_eq!(caps().command_word("add", "driver", "nvme"), Some(false));
        assert_eq!(caps().command_word("add", "size", "1"), None);
    }

    #[test]
    fn what_it_does_not_allow_is_named() {
        let fault = |props: Props| caps().check_command("add", &props).unwrap_err();
        assert_eq!(fault(Props::new().with("driver", "file")), Fault::Missing("filename".into()));
        assert_eq!(fault(file().with("sise", 3u32)), Fault::Member("sise".into()));
        assert_eq!(fault(file().with("size", "3")), Fault::Kind("size".into()));
        assert_eq!(fault(Props::new().with("driver", "nvme")), Fault::Word("driver".into(), "nvme".into()));
        assert_eq!(fault(file().with("next", file().with("size", true))), Fault::Kind("next.size".into()));
        assert_eq!(fault(Props::new().with("driver", "null").with("filename", "/a")), Fault::Member("filename".into()));
        assert_eq!(caps().check_command("sub", &file()), Err(Fault::Unknown("sub".into())));
    }
}
