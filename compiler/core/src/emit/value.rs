//! Values of QEMU options: structured until they are rendered, so that quoting happens in one place.

use std::borrow::Cow;

use virtc_plan::Hole;

/// Text with holes that the host fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(Content);

/// A text in the form that its holes ask for, so that equal texts have one form.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    /// Text without holes.
    Plain(Cow<'static, str>),
    /// For each hole the text before it; the text behind the last one.
    Holes(Vec<(String, Hole)>, String),
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Text as it is; it may be empty.
    Plain(&'t str),
    /// A hole.
    Hole(&'t Hole),
}

/// The VM's state directory and a path below it.
pub fn state(rest: &str) -> Text {
    Text::hole(Hole::State).then(rest)
}

/// The number of the descriptor `name`.
pub fn fd(name: &str) -> Text {
    Text::hole(Hole::Fd(name.to_owned()))
}

/// The ciphertext of the secret behind the object `id`, in base 64.
pub fn secret_text(id: &str) -> Text {
    Text::hole(Hole::Secret(id.to_owned()))
}

/// The initialisation vector of that ciphertext, in base 64.
pub fn secret_iv(id: &str) -> Text {
    Text::hole(Hole::SecretIv(id.to_owned()))
}

impl Default for Text {
    fn default() -> Self {
        Self::fixed("")
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Content::Plain(Cow::Owned(text)))
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl Text {
    /// A text that is always the same.
    fn fixed(text: &'static str) -> Self {
        Self(Content::Plain(Cow::Borrowed(text)))
    }

    fn hole(hole: Hole) -> Self {
        Self(Content::Holes(vec![(String::new(), hole)], String::new()))
    }

    /// This text and `other` behind it.
    #[must_use]
    pub fn then(self, other: impl Into<Self>) -> Self {
        Self(match (self.0, other.into().0) {
            (Content::Plain(before), Content::Plain(behind)) => Content::Plain(before + behind),
            (Content::Holes(holes, end), Content::Plain(behind)) => Content::Holes(holes, end + &behind),
            (Content::Plain(before), Content::Holes(mut holes, end)) => {
                if let Some((first, _)) = holes.first_mut() {
                    first.insert_str(0, &before);
                }
                Content::Holes(holes, end)
            }
            (Content::Holes(mut holes, middle), Content::Holes(mut more, end)) => {
                if let Some((first, _)) = more.first_mut() {
                    first.insert_str(0, &middle);
                }
                holes.append(&mut more);
                Content::Holes(holes, end)
            }
        })
    }

    /// The pieces in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let (holes, end): (&[_], &str) = match &self.0 {
            Content::Plain(text) => (&[], text),
            Content::Holes(holes, end) => (holes, end),
        };
        let before = holes.iter().flat_map(|(text, hole)| [Piece::Plain(text), Piece::Hole(hole)]);
        before.chain([Piece::Plain(end)])
    }

    /// The text where it has no holes.
    pub fn plain(&self) -> Option<&str> {
        match &self.0 {
            Content::Plain(text) => Some(text),
            Content::Holes(..) => None,
        }
    }

    /// The names of its descriptors.
    fn descriptors(&self) -> impl Iterator<Item = &str> {
        self.pieces().filter_map(|piece| match piece {
            Piece::Hole(Hole::Fd(name)) => Some(name.as_str()),
            Piece::Hole(Hole::State | Hole::Secret(_) | Hole::SecretIv(_)) | Piece::Plain(_) => None,
        })
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
    pub fn plain(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.plain(),
            Self::Null | Self::Number(_) | Self::Bool(_) | Self::Object(_) | Self::Array(_) => None,
        }
    }

    /// The name of the first descriptor that the string names.
    pub fn descriptor(&self) -> Option<&str> {
        let Self::Text(text) = self else { return None };
        text.descriptors().next()
    }

    /// How many descriptors the string names.
    pub fn descriptors(&self) -> u32 {
        match self {
            Self::Text(text) => text.descriptors().map(|_| 1).sum(),
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

/// The name of a member; most are known here and need no memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Cow<'static, str>);

impl Key {
    fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Key {
    fn from(key: &'static str) -> Self {
        Self(Cow::Borrowed(key))
    }
}

impl From<&&'static str> for Key {
    fn from(key: &&'static str) -> Self {
        Self(Cow::Borrowed(key))
    }
}

impl From<String> for Key {
    fn from(key: String) -> Self {
        Self(Cow::Owned(key))
    }
}

impl From<&String> for Key {
    fn from(key: &String) -> Self {
        Self(Cow::Owned(key.clone()))
    }
}

/// A JSON object in the order in which it was filled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Props(Vec<(Key, Value)>);

impl Props {
    /// An empty object.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more member.
    #[must_use]
    pub fn with(mut self, key: impl Into<Key>, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }

    /// One more member, where it is there.
    #[must_use]
    pub fn opt(self, key: impl Into<Key>, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// One more member.
    pub fn set(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        self.0.push((key.into(), value.into()));
    }

    /// Gives the member `key`, where it is there, another value.
    pub fn replace(&mut self, key: &str, value: impl Into<Value>) {
        if let Some((_, old)) = self.0.iter_mut().find(|(own, _)| own.as_str() == key) {
            *old = value.into();
        }
    }

    /// All members of `other` behind these.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The member `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k.as_str() == key).map(|(_, v)| v)
    }

    /// Without the member `key`, which is the other result.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(k, _)| k.as_str() == key)?;
        Some(self.0.remove(at).1)
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v))
    }
}

/// An option of the form `first,key=value,…`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opts(Vec<(Option<Key>, Text)>);

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
    pub fn with(mut self, key: impl Into<Key>, value: impl Into<Text>) -> Self {
        self.set(key, value);
        self
    }

    /// One more `key=value`, where it is there.
    #[must_use]
    pub fn opt(self, key: impl Into<Key>, value: Option<impl Into<Text>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// One more `key=on` or `key=off`.
    #[must_use]
    pub fn switch(self, key: impl Into<Key>, on: bool) -> Self {
        self.with(key, Text::fixed(if on { "on" } else { "off" }))
    }

    /// One more `key=value`.
    pub fn set(&mut self, key: impl Into<Key>, value: impl Into<Text>) {
        self.0.push((Some(key.into()), value.into()));
    }

    /// One more bare value.
    pub fn bare(&mut self, value: impl Into<Text>) {
        self.0.push((None, value.into()));
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &Text)> {
        self.0.iter().map(|(k, v)| (k.as_ref().map(Key::as_str), v))
    }
}
