//! Values of QEMU options: structured until they are rendered, so that quoting happens in one place.

use virtc_plan::Hole;

/// Text with holes that the host fills.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(Vec<Piece>);

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text as it is.
    Plain(String),
    /// A hole.
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

/// The ciphertext of the secret behind the object `id`, in base 64.
pub fn secret_text(id: &str) -> Text {
    Text(vec![Piece::Hole(Hole::Secret(id.to_owned()))])
}

/// The initialisation vector of that ciphertext, in base 64.
pub fn secret_iv(id: &str) -> Text {
    Text(vec![Piece::Hole(Hole::SecretIv(id.to_owned()))])
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

    /// The pieces in order.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
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
    /// Nothing.
    Null,
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
            Self::Null | Self::Number(_) | Self::Bool(_) | Self::Object(_) | Self::Array(_) => None,
        }
    }

    /// The name of the first descriptor that the string names.
    pub fn descriptor(&self) -> Option<&str> {
        let Self::Text(text) = self else { return None };
        text.0.iter().find_map(|piece| match piece {
            Piece::Hole(Hole::Fd(name)) => Some(name.as_str()),
            Piece::Hole(Hole::State | Hole::Secret(_) | Hole::SecretIv(_)) | Piece::Plain(_) => None,
        })
    }

    /// How many descriptors the string names.
    pub fn descriptors(&self) -> u32 {
        match self {
            Self::Text(text) => text.0.iter().map(|p| u32::from(matches!(p, Piece::Hole(Hole::Fd(_))))).sum(),
            Self::Null | Self::Number(_) | Self::Bool(_) | Self::Object(_) | Self::Array(_) => 0,
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

    /// The members of `props`, and theirs, as options with dots in their names: the form that options had before JSON.
    #[must_use]
    pub fn flat(mut self, prefix: &str, props: &Props) -> Self {
        for (key, value) in props.iter() {
            self = self.flat_value(&format!("{prefix}.{key}"), value);
        }
        self
    }

    fn flat_value(self, key: &str, value: &Value) -> Self {
        match value {
            Value::Null => self,
            Value::Text(text) => self.with(key, text.clone()),
            Value::Number(number) => self.with(key, number.to_string()),
            Value::Bool(on) => self.switch(key, *on),
            Value::Object(props) => self.flat(key, props),
            Value::Array(values) => {
                values.iter().enumerate().fold(self, |opts, (at, value)| opts.flat_value(&format!("{key}.{at}"), value))
            }
        }
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &Text)> {
        self.0.iter().map(|(k, v)| (k.as_deref(), v))
    }
}
