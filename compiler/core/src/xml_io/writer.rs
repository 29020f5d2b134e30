//! Typed values back to XML, in libvirt's order, indentation and quoting.

use crate::ir::{Leaf, Opt};

/// Builds indented XML: two spaces, single quotes, childless elements closed at once.
#[derive(Debug, Default)]
pub struct XmlWriter {
    out: String,
    depth: usize,
}

/// A start tag that is not closed yet.
pub struct Tag<'w> {
    writer: &'w mut XmlWriter,
    name: &'static str,
}

impl XmlWriter {
    /// An empty document.
    pub fn new() -> Self {
        Self::default()
    }

    /// The text so far.
    pub fn finish(self) -> String {
        self.out
    }

    fn indent(&mut self) {
        self.out.extend(std::iter::repeat_n("  ", self.depth));
    }

    /// Begins an element.
    pub fn tag(&mut self, name: &'static str) -> Tag<'_> {
        self.indent();
        self.out.push('<');
        self.out.push_str(name);
        Tag { writer: self, name }
    }

    /// An element with text.
    pub fn text(&mut self, name: &'static str, text: &str) {
        self.tag(name).text(text);
    }

    /// An element with text, if it is present.
    pub fn opt_text<T: Leaf>(&mut self, name: &'static str, text: &Opt<T>) {
        if let Some(text) = text {
            self.text(name, &text.show());
        }
    }

    /// A piece of XML, written verbatim.
    pub fn raw(&mut self, xml: &str) {
        self.indent();
        self.out.push_str(xml.trim());
        self.out.push('\n');
    }
}

impl Tag<'_> {
    /// One more attribute.
    #[must_use]
    pub fn attr(self, name: &str, value: &str) -> Self {
        self.writer.out.push(' ');
        self.writer.out.push_str(name);
        self.writer.out.push_str("='");
        escape(value, &mut self.writer.out);
        self.writer.out.push('\'');
        self
    }

    /// One more attribute, if it is present.
    #[must_use]
    pub fn opt<T: Leaf>(self, name: &str, value: &Opt<T>) -> Self {
        match value {
            Some(value) => self.attr(name, &value.show()),
            None => self,
        }
    }

    /// The end of an element without content.
    pub fn end(self) {
        self.writer.out.push_str("/>\n");
    }

    /// The end of an element with text.
    pub fn text(self, text: &str) {
        self.writer.out.push('>');
        escape(text, &mut self.writer.out);
        self.writer.out.push_str("</");
        self.writer.out.push_str(self.name);
        self.writer.out.push_str(">\n");
    }

    /// Content; where `content` writes nothing, the element is closed at once.
    pub fn children(self, content: impl FnOnce(&mut XmlWriter)) {
        let Self { writer, name } = self;
        writer.out.push_str(">\n");
        let before = writer.out.len();
        writer.depth += 1;
        content(writer);
        writer.depth -= 1;
        if writer.out.len() == before {
            writer.out.truncate(before - 2);
            writer.out.push_str("/>\n");
        } else {
            writer.indent();
            writer.out.push_str("</");
            writer.out.push_str(name);
            writer.out.push_str(">\n");
        }
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_close_as_they_should() {
        let mut w = XmlWriter::new();
        w.tag("a").attr("b", "<'").children(|w| {
            w.text("c", "x & y");
            w.tag("d").children(|_| {});
            w.tag("e").end();
        });
        assert_eq!(w.finish(), "<a b='&lt;&apos;'>\n  <c>x &amp; y</c>\n  <d/>\n  <e/>\n</a>\n");
    }
}
