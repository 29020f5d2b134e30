//! Text with placeholders.

use std::borrow::Cow;

use virtc_plan::Placeholder;

/// Text with placeholders that the runtime fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(Content);

/// The content of a text; equal texts have one form.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    /// Text without placeholders.
    Plain(Cow<'static, str>),
    /// Text with placeholders, which is rare.
    WithPlaceholders(Box<WithPlaceholders>),
}

/// The placeholders, each with the text before it, and the text after the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct WithPlaceholders {
    placeholders: Vec<(String, Placeholder)>,
    end: String,
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Text as it is; it may be empty.
    Plain(&'t str),
    /// A placeholder.
    Placeholder(&'t Placeholder),
}

/// The VM's state directory and a path below it.
pub fn state(rest: &str) -> Text {
    Text::placeholder(Placeholder::State).then(rest)
}

/// The number of the descriptor `name`.
pub fn fd(name: &str) -> Text {
    Text::placeholder(Placeholder::Fd(name.to_owned()))
}

/// The ciphertext of the secret of the object `id`, in base 64.
pub fn secret_text(id: &str) -> Text {
    Text::placeholder(Placeholder::Secret(id.to_owned()))
}

/// The initialisation vector of that ciphertext, in base 64.
pub fn secret_iv(id: &str) -> Text {
    Text::placeholder(Placeholder::SecretIv(id.to_owned()))
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
    pub(super) fn fixed(text: &'static str) -> Self {
        Self(Content::Plain(Cow::Borrowed(text)))
    }

    fn placeholder(placeholder: Placeholder) -> Self {
        Self(Content::WithPlaceholders(Box::new(WithPlaceholders {
            placeholders: vec![(String::new(), placeholder)],
            end: String::new(),
        })))
    }

    /// This text followed by `other`.
    #[must_use]
    pub fn then(self, other: impl Into<Self>) -> Self {
        let Self(mut content) = self;
        match (&mut content, other.into().0) {
            (Content::Plain(before), Content::Plain(after)) => *before += after,
            (Content::WithPlaceholders(own), Content::Plain(after)) => own.end += &after,
            (Content::Plain(before), Content::WithPlaceholders(mut other)) => {
                if let Some((first, _)) = other.placeholders.first_mut() {
                    first.insert_str(0, before);
                }
                content = Content::WithPlaceholders(other);
            }
            (Content::WithPlaceholders(own), Content::WithPlaceholders(mut other)) => {
                if let Some((first, _)) = other.placeholders.first_mut() {
                    first.insert_str(0, &own.end);
                }
                own.placeholders.append(&mut other.placeholders);
                own.end = other.end;
            }
        }
        Self(content)
    }

    /// The pieces in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let (placeholders, end): (&[_], &str) = match &self.0 {
            Content::Plain(text) => (&[], text),
            Content::WithPlaceholders(own) => (&own.placeholders, &own.end),
        };
        let before =
            placeholders.iter().flat_map(|(text, placeholder)| [Piece::Plain(text), Piece::Placeholder(placeholder)]);
        before.chain([Piece::Plain(end)])
    }

    /// The text; `None` where it has placeholders.
    pub fn plain(&self) -> Option<&str> {
        match &self.0 {
            Content::Plain(text) => Some(text),
            Content::WithPlaceholders(_) => None,
        }
    }

    /// The names of its descriptors.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = &str> {
        self.pieces().filter_map(|piece| match piece {
            Piece::Placeholder(Placeholder::Fd(name)) => Some(name.as_str()),
            Piece::Placeholder(Placeholder::State | Placeholder::Secret(_) | Placeholder::SecretIv(_))
            | Piece::Plain(_) => None,
        })
    }
}
