//! Text with holes.

use std::borrow::Cow;

use virtc_plan::Placeholder;

/// Text with holes that the host fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(Content);

/// A text in the form that its holes ask for, so that equal texts have one form.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    /// Text without holes.
    Plain(Cow<'static, str>),
    /// Text with holes, which is rare.
    Holes(Box<Holed>),
}

/// For each hole the text before it; the text behind the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holed {
    holes: Vec<(String, Placeholder)>,
    end: String,
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Text as it is; it may be empty.
    Plain(&'t str),
    /// A hole.
    Placeholder(&'t Placeholder),
}

/// The VM's state directory and a path below it.
pub fn state(rest: &str) -> Text {
    Text::hole(Placeholder::State).then(rest)
}

/// The number of the descriptor `name`.
pub fn fd(name: &str) -> Text {
    Text::hole(Placeholder::Fd(name.to_owned()))
}

/// The ciphertext of the secret behind the object `id`, in base 64.
pub fn secret_text(id: &str) -> Text {
    Text::hole(Placeholder::Secret(id.to_owned()))
}

/// The initialisation vector of that ciphertext, in base 64.
pub fn secret_iv(id: &str) -> Text {
    Text::hole(Placeholder::SecretIv(id.to_owned()))
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

    fn hole(hole: Placeholder) -> Self {
        Self(Content::Holes(Box::new(Holed { holes: vec![(String::new(), hole)], end: String::new() })))
    }

    /// This text and `other` behind it.
    #[must_use]
    pub fn then(self, other: impl Into<Self>) -> Self {
        let Self(mut content) = self;
        match (&mut content, other.into().0) {
            (Content::Plain(before), Content::Plain(behind)) => *before += behind,
            (Content::Holes(own), Content::Plain(behind)) => own.end += &behind,
            (Content::Plain(before), Content::Holes(mut other)) => {
                if let Some((first, _)) = other.holes.first_mut() {
                    first.insert_str(0, before);
                }
                content = Content::Holes(other);
            }
            (Content::Holes(own), Content::Holes(mut other)) => {
                if let Some((first, _)) = other.holes.first_mut() {
                    first.insert_str(0, &own.end);
                }
                own.holes.append(&mut other.holes);
                own.end = other.end;
            }
        }
        Self(content)
    }

    /// The pieces in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let (holes, end): (&[_], &str) = match &self.0 {
            Content::Plain(text) => (&[], text),
            Content::Holes(holed) => (&holed.holes, &holed.end),
        };
        let before = holes.iter().flat_map(|(text, hole)| [Piece::Plain(text), Piece::Placeholder(hole)]);
        before.chain([Piece::Plain(end)])
    }

    /// The text where it has no holes.
    pub fn plain(&self) -> Option<&str> {
        match &self.0 {
            Content::Plain(text) => Some(text),
            Content::Holes(_) => None,
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
