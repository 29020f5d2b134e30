//! Values of QEMU options: structured until they are rendered, so that quoting happens in one place.

use std::borrow::Cow;

use crate::qemu::text::Text;

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
    /// The string; `None` where it is not one, or has placeholders.
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

/// The name of a member; most are constants and need no allocation.
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

/// A JSON object with its members in the order in which they were added.
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

    /// One more member, if it is present.
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

    /// Replaces the value of the member `key`, if there is one.
    pub fn replace(&mut self, key: &str, value: impl Into<Value>) {
        if let Some((_, old)) = self.0.iter_mut().find(|(own, _)| own.as_str() == key) {
            *old = value.into();
        }
    }

    /// These members, then all of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The member `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k.as_str() == key).map(|(_, v)| v)
    }

    /// Removes the member `key`; the result is its value.
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

    /// One more `key=value`, if it is present.
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
