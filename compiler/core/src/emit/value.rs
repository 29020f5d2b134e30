//! Values of QEMU options: structured until they are rendered, so that quoting happens in one place.

use virtc_plan::{Arg, Hole, Part, Quote};

/// Text with holes that the host fills.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(String),
    Hole(Hole),
}

/// The VM's state directory and a path below it.
pub fn state(rest: &str) -> Text {
    Text(vec![Piece::Hole(Hole::State), Piece::Plain(rest.to_owned())])
}

/// The number of the descriptor `name`.
pub fn fd(name: &str) -> Text {
    Text(vec![Piece::Hole(Hole::Fd(name.to_owned()))])
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(vec![Piece::Plain(text.to_owned())])
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(vec![Piece::Plain(text)])
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self(vec![Piece::Plain(text.clone())])
    }
}

impl Text {
    /// This text and `other` behind it.
    #[must_use]
    pub fn then(mut self, other: impl Into<Self>) -> Self {
        self.0.extend(other.into().0);
        self
    }

    /// The text where it has no holes.
    pub fn plain(&self) -> Option<String> {
        self.0
            .iter()
            .map(|p| match p {
                Piece::Plain(text) => Some(text.as_str()),
                Piece::Hole(_) => None,
            })
            .collect()
    }
}

/// A value of a JSON option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string.
    Text(Text),
    /// A number.
    Number(i128),
    /// A boolean.
    Bool(bool),
    /// An object.
    Object(Props),
    /// An array.
    Array(Vec<Value>),
}

impl Value {
    /// The string, where it is one without holes.
    pub fn plain(&self) -> Option<String> {
        match self {
            Self::Text(text) => text.plain(),
            Self::Number(_) | Self::Bool(_) | Self::Object(_) | Self::Array(_) => None,
        }
    }

    /// How many descriptors the string names.
    pub fn descriptors(&self) -> u32 {
        match self {
            Self::Text(text) => text.0.iter().map(|p| u32::from(matches!(p, Piece::Hole(Hole::Fd(_))))).sum(),
            Self::Number(_) | Self::Bool(_) | Self::Object(_) | Self::Array(_) => 0,
        }
    }
}

macro_rules! value_from {
    ($($t:ty => |$v:ident| $e:expr),+ $(,)?) => { $(impl From<$t> for Value { fn from($v: $t) -> Self { $e } })+ };
}
value_from! {
    &str => |v| Self::Text(v.into()),
    String => |v| Self::Text(v.into()),
    &String => |v| Self::Text(v.into()),
    Text => |v| Self::Text(v),
    bool => |v| Self::Bool(v),
    u8 => |v| Self::Number(v.into()),
    u16 => |v| Self::Number(v.into()),
    u32 => |v| Self::Number(v.into()),
    u64 => |v| Self::Number(v.into()),
    i32 => |v| Self::Number(v.into()),
    Props => |v| Self::Object(v),
    Vec<Value> => |v| Self::Array(v),
}

/// A JSON object in the order in which it was filled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Props(Vec<(String, Value)>);

impl Props {
    /// An empty object.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more member.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }

    /// One more member, where it is there.
    #[must_use]
    pub fn opt(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// One more member.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.push((key.to_owned(), value.into()));
    }

    /// All members of `other` behind these.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The member `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Without the member `key`, which is the other result.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(k, _)| k == key)?;
        Some(self.0.remove(at).1)
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v))
    }
}

/// An option of the form `first,key=value,…`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opts(Vec<(Option<String>, Text)>);

impl Opts {
    /// An option without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// An option that begins with a bare value.
    pub fn first(value: impl Into<Text>) -> Self {
        Self(vec![(None, value.into())])
    }

    /// One more `key=value`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Text>) -> Self {
        self.set(key, value);
        self
    }

    /// One more `key=value`, where it is there.
    #[must_use]
    pub fn opt(self, key: &str, value: Option<impl Into<Text>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// One more `key=on` or `key=off`.
    #[must_use]
    pub fn switch(self, key: &str, on: bool) -> Self {
        self.with(key, if on { "on" } else { "off" })
    }

    /// One more `key=value`.
    pub fn set(&mut self, key: &str, value: impl Into<Text>) {
        self.0.push((Some(key.to_owned()), value.into()));
    }

    /// One more bare value.
    pub fn bare(&mut self, value: impl Into<Text>) {
        self.0.push((None, value.into()));
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &Text)> {
        self.0.iter().map(|(k, v)| (k.as_deref(), v))
    }
}

/// Builds an [`Arg`] from text and holes.
#[derive(Default)]
struct ArgBuilder(Vec<Part>);

impl ArgBuilder {
    fn text(&mut self, text: &str) {
        if let Some(Part::Text(last)) = self.0.last_mut() {
            last.push_str(text);
        } else if !text.is_empty() {
            self.0.push(Part::Text(text.to_owned()));
        }
    }

    fn quoted(&mut self, text: &Text, quote: Quote) {
        for piece in &text.0 {
            match piece {
                Piece::Plain(plain) => self.text(&quote.apply(plain)),
                Piece::Hole(name) => self.0.push(Part::Hole { name: name.clone(), quote }),
            }
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Text(text) => {
                self.text("\"");
                self.quoted(text, Quote::Json);
                self.text("\"");
            }
            Value::Number(number) => self.text(&number.to_string()),
            Value::Bool(bool) => self.text(if *bool { "true" } else { "false" }),
            Value::Object(props) => self.object(props),
            Value::Array(values) => {
                for (at, value) in values.iter().enumerate() {
                    self.text(if at == 0 { "[" } else { "," });
                    self.value(value);
                }
                self.text(if values.is_empty() { "[]" } else { "]" });
            }
        }
    }

    fn object(&mut self, props: &Props) {
        self.text("{");
        for (at, (key, value)) in props.iter().enumerate() {
            self.text(if at == 0 { "\"" } else { ",\"" });
            self.text(&Quote::Json.apply(key));
            self.text("\":");
            self.value(value);
        }
        self.text("}");
    }
}

/// Where a JSON value has text that the host fills in: JSON pointers.
pub type Holes = Vec<(String, Arg)>;

/// The object as JSON for QMP, with its holes apart.
pub fn props_json(props: &Props) -> (serde_json::Map<String, serde_json::Value>, Holes) {
    let mut holes = Holes::new();
    let map = object_json(props, "", &mut holes);
    (map, holes)
}

fn object_json(props: &Props, at: &str, holes: &mut Holes) -> serde_json::Map<String, serde_json::Value> {
    props
        .iter()
        .map(|(key, value)| (key.to_owned(), value_json(value, &format!("{at}/{}", pointer_token(key)), holes)))
        .collect()
}

fn pointer_token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn value_json(value: &Value, at: &str, holes: &mut Holes) -> serde_json::Value {
    match value {
        Value::Text(text) => {
            if let Some(plain) = text.plain() {
                plain.into()
            } else {
                holes.push((at.to_owned(), word_arg(text)));
                word_arg(text).display().into()
            }
        }
        Value::Number(number) => match (u64::try_from(*number), i64::try_from(*number)) {
            (Ok(number), _) => number.into(),
            (Err(_), Ok(number)) => number.into(),
            (Err(_), Err(_)) => serde_json::Value::Null,
        },
        Value::Bool(bool) => (*bool).into(),
        Value::Object(props) => object_json(props, at, holes).into(),
        Value::Array(values) => {
            let each =
                values.iter().enumerate().map(|(index, value)| value_json(value, &format!("{at}/{index}"), holes));
            each.collect::<Vec<_>>().into()
        }
    }
}

/// The one place where text becomes an argument as it is.
pub fn word_arg(text: &Text) -> Arg {
    let mut out = ArgBuilder::default();
    out.quoted(text, Quote::None);
    Arg(out.0)
}

/// The one place where commas are doubled.
pub fn opts_arg(opts: &Opts) -> Arg {
    let mut out = ArgBuilder::default();
    for (at, (key, value)) in opts.iter().enumerate() {
        if at > 0 {
            out.text(",");
        }
        if let Some(key) = key {
            out.text(key);
            out.text("=");
        }
        out.quoted(value, Quote::Comma);
    }
    Arg(out.0)
}

/// The one place where JSON options become text.
pub fn json_arg(props: &Props) -> Arg {
    let mut out = ArgBuilder::default();
    out.object(props);
    Arg(out.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_are_doubled_once() {
        let opts = Opts::first("a,b").with("path", state("/x,y")).switch("wait", false);
        assert_eq!(opts_arg(&opts).display(), "a,,b,path={state}/x,,y,wait=off");
    }

    #[test]
    fn json_is_json() {
        let props =
            Props::new().with("a", "q\"\n,").with("n", 3u32).with("l", vec![Value::from(true), Value::from(fd("m"))]);
        assert_eq!(json_arg(&props).display(), r#"{"a":"q\"\n,","n":3,"l":[true,"{fd:m}"]}"#);
    }
}
