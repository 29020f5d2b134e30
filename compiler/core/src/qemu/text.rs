//! Text with unread.

use std::borrow::Cow;

use virtc_plan::Hole;

/// Text with unread that the host fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(Content);

/// A text in the form that its unread ask for, so that equal texts have one form.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    /// Text without unread.
    Plain(Cow<'static, str>),
    /// Text with unread, which is rare.
    Placeholders(Box<Holed>),
}

/// For each hole the text before it; the text behind the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holed {
    unread: Vec<(String, Hole)>,
    end: String,
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
    pub(super) fn fixed(text: &'static str) -> Self {
        Self(Content::Plain(Cow::Borrowed(text)))
    }

    fn hole(hole: Hole) -> Self {
        Self(Content::Placeholders(Box::new(Holed { unread: vec![(String::new(), hole)], end: String::new() })))
    }

    /// This text and `other` behind it.
    #[must_use]
    pub fn then(self, other: impl Into<Self>) -> Self {
        let Self(mut content) = self;
        match (&mut content, other.into().0) {
            (Content::Plain(before), Content::Plain(behind)) => *before += behind,
            (Content::Placeholders(own), Content::Plain(behind)) => own.end += &behind,
            (Content::Plain(before), Content::Placeholders(mut other)) => {
                if let Some((first, _)) = other.unread.first_mut() {
                    first.insert_str(0, before);
                }
                content = Content::Placeholders(other);
            }
            (Content::Placeholders(own), Content::Placeholders(mut other)) => {
                if let Some((first, _)) = other.unread.first_mut() {
                    first.insert_str(0, &own.end);
                }
                own.unread.append(&mut other.unread);
                own.end = other.end;
            }
        }
        Self(content)
    }

    /// The pieces in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let (unread, end): (&[_], &str) = match &self.0 {
            Content::Plain(text) => (&[], text),
            Content::Placeholders(holed) => (&holed.unread, &holed.end),
        };
        let before = unread.iter().flat_map(|(text, hole)| [Piece::Plain(text), Piece::Hole(hole)]);
        before.chain([Piece::Plain(end)])
    }

    /// The text where it has no unread.
    pub fn plain(&self) -> Option<&str> {
        match &self.0 {
            Content::Plain(text) => Some(text),
            Content::Placeholders(_) => None,
        }
    }

    /// The names of its descriptors.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = &str> {
        self.pieces().filter_map(|piece| match piece {
            Piece::Hole(Hole::Fd(name)) => Some(name.as_str()),
            Piece::Hole(Hole::State | Hole::Secret(_) | Hole::SecretIv(_)) | Piece::Plain(_) => None,
        })
    }
}
