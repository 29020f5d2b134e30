//! Changes to the text of a document, by the spans of its nodes.

use virtc_diag::Span;
use virtc_xml::{Attribute, Document, Element};

/// A replacement of the text at a span; an empty span inserts.
pub type Edit = (Span, String);

/// The text with all edits made; they must not overlap.
pub fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(span, _)| *span);
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for (span, new) in edits {
        out.push_str(text.get(at..span.range().start).unwrap_or_default());
        out.push_str(&new);
        at = span.range().end.max(at);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// All elements in document order.
pub fn elements(document: &Document) -> Vec<Element<'_>> {
    let mut found = Vec::new();
    let mut open: Vec<Element<'_>> = document.root().into_iter().collect();
    while let Some(element) = open.pop() {
        found.push(element);
        let children: Vec<_> = element.children().collect();
        open.extend(children.into_iter().rev());
    }
    found
}

/// All attributes with their elements, in document order.
pub fn attributes(document: &Document) -> Vec<(Element<'_>, Attribute<'_>)> {
    elements(document).into_iter().flat_map(|element| element.attributes().map(move |found| (element, found))).collect()
}

/// Whether the element is written as an empty tag, `<a/>`.
pub fn is_empty_tag(element: Element<'_>) -> bool {
    element.start_tag() == element.span()
}

/// The place of the end tag; `None` for an empty tag.
fn end_tag(element: Element<'_>) -> Option<Span> {
    let start = element.document().source().slice(element.span()).rfind("</")?;
    (!is_empty_tag(element)).then(|| Span::new(element.span().range().start + start..element.span().range().end))
}

/// Another name for an element; a prefix is kept.
pub fn rename(element: Element<'_>, name: &str) -> Vec<Edit> {
    let local = local(element.document(), element.name_span());
    let mut edits = vec![(local, name.to_owned())];
    if let Some(end) = end_tag(element) {
        let shift = element.document().source().slice(element.name_span()).len() - element.name().len();
        let start = end.range().start + 2 + shift;
        edits.push((Span::new(start..start + element.name().len()), name.to_owned()));
    }
    edits
}

/// A name without its prefix.
pub fn local(document: &Document, name: Span) -> Span {
    let prefix = document.source().slice(name).find(':').map_or(0, |colon| colon + 1);
    Span::new(name.range().start + prefix..name.range().end)
}

/// `new` as an attribute after the element's name.
pub fn add_attribute(element: Element<'_>, new: &str) -> Edit {
    (Span::at(element.name_span().range().end), format!(" {new}"))
}

/// An attribute away, with the white space before it.
pub fn drop_attribute(attribute: Attribute<'_>, document: &Document) -> Edit {
    let text = document.source().text();
    let before = text.get(..attribute.span().range().start).unwrap_or_default();
    (Span::new(before.trim_end().len()..attribute.span().range().end), String::new())
}

/// `new` as the first content (`last` false) or the last content of the element.
pub fn insert(element: Element<'_>, new: &str, last: bool) -> Edit {
    let Some(end) = end_tag(element) else {
        let text = element.document().source().slice(element.start_tag());
        let slash = element.start_tag().range().start + text.rfind('/').unwrap_or_default();
        let name = element.document().source().slice(element.name_span());
        return (Span::new(slash..element.start_tag().range().end), format!(">{new}</{name}>"));
    };
    let at = if last { end.range().start } else { element.start_tag().range().end };
    (Span::at(at), new.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hold::corpus::well_formed;

    fn edited(text: &str, edit: impl Fn(Element<'_>) -> Vec<Edit>) -> String {
        let document = well_formed("t", text).unwrap();
        let edits = edit(elements(&document)[1]);
        apply(text, edits)
    }

    #[test]
    fn elements_are_renamed_and_filled() {
        assert_eq!(edited("<a><b x='1'>t</b></a>", |e| rename(e, "c")), "<a><c x='1'>t</c></a>");
        assert_eq!(edited("<a><b/></a>", |e| rename(e, "c")), "<a><c/></a>");
        assert_eq!(edited("<a xmlns:p='u'><p:b>t</p:b ></a>", |e| rename(e, "c")), "<a xmlns:p='u'><p:c>t</p:c ></a>");
        assert_eq!(edited("<a><b x='1' /></a>", |e| vec![insert(e, "t", true)]), "<a><b x='1' >t</b></a>");
        assert_eq!(edited("<a><b><c/></b></a>", |e| vec![insert(e, "t", true)]), "<a><b><c/>t</b></a>");
        assert_eq!(edited("<a><b><c/></b></a>", |e| vec![insert(e, "t", false)]), "<a><b>t<c/></b></a>");
    }

    #[test]
    fn attributes_come_and_go() {
        assert_eq!(edited("<a><b x='1'/></a>", |e| vec![add_attribute(e, "y='2'")]), "<a><b y='2' x='1'/></a>");
        let dropped = edited("<a><b\n x='1' y='2'/></a>", |e| {
            e.attributes().take(1).map(|found| drop_attribute(found, e.document())).collect()
        });
        assert_eq!(dropped, "<a><b y='2'/></a>");
    }
}
