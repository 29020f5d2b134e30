//! From text to [`Document`], over quick-xml's events.

use quick_xml::Reader;
use quick_xml::errors::Error;
use quick_xml::events::{BytesEnd, BytesStart, Event};
use virtc_diag::{Diagnostic, Diagnostics, SourceFile, Span};

use crate::codes;
use crate::decode::{Place, decode};
use crate::document::{Document, ElementData, NONE, NodeData, NodeKind, TextData};
use crate::names::{NAMES, Names};
use crate::tag::offset;

/// How deep elements may be nested.
pub const MAX_DEPTH: usize = 256;

/// Room for more nodes or attributes than this is not made before they are there.
const MAX_RESERVED: usize = 1 << 12;

/// More faults than this in one file are not reported.
const MAX_FAULTS: usize = 100;

/// Parses `source`. An XML error leaves a partial document and a diagnostic.
pub fn parse(source: &SourceFile) -> (Document, Diagnostics) {
    // Definitions have a node in every 14 to 20 bytes, and an attribute in every 26 to 50.
    let room = |bytes: usize| (source.text().len() / bytes).min(MAX_RESERVED);
    let document = Document {
        source: source.clone(),
        names: Vec::with_capacity(NAMES),
        namespaces: vec![Box::default()],
        nodes: Vec::with_capacity(room(14)),
        attributes: Vec::with_capacity(room(26)),
        declarations: Vec::new(),
        comments: Vec::new(),
        root: None,
        complete: true,
    };
    let names = Names::new();
    let mut builder =
        Builder { text: source.text(), document, names, open: Vec::new(), faults: Diagnostics::new(), run: None };
    builder.run();
    (builder.document, builder.faults)
}

/// An element that is not closed yet, and the last child it has so far.
struct Open {
    id: u32,
    last: u32,
}

struct Builder<'t> {
    text: &'t str,
    document: Document,
    names: Names<'t>,
    open: Vec<Open>,
    faults: Diagnostics,
    /// The run of text that is being read.
    run: Option<Span>,
}

impl<'t> Builder<'t> {
    fn run(&mut self) {
        if self.text.len() > SourceFile::MAX_BYTES {
            return self.fault(Diagnostic::whole_file(&codes::XML_LIMIT, "the file is larger than 64 MiB"));
        }
        let skipped = self.text.len() - self.text.trim_start_matches('\u{feff}').len();
        let mut reader = Reader::from_str(self.text.get(skipped..).unwrap_or_default());
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        config.check_comments = true;
        loop {
            let start = skipped + usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let event = reader.read_event();
            let end = skipped + usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let span = Span::new(start..end.max(start));
            match event {
                Ok(Event::Eof) => break,
                Ok(event) => {
                    if !self.event(event, span) {
                        return;
                    }
                }
                Err(error) => {
                    self.end_text();
                    let at = skipped + usize::try_from(reader.error_position()).unwrap_or(start);
                    self.fault(Diagnostic::at(&codes::XML_SYNTAX, Span::at(at.min(self.text.len())), message(&error)));
                    // A comment with `--` inside is the one error after which the reader goes on soundly.
                    if !matches!(error, Error::IllFormed(_)) {
                        break;
                    }
                }
            }
        }
        self.finish();
    }

    fn fault(&mut self, diagnostic: Diagnostic) {
        self.document.complete = false;
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(diagnostic);
        }
    }

    /// Takes one event; `false` ends the parse.
    fn event(&mut self, event: Event<'t>, span: Span) -> bool {
        match event {
            Event::Text(_) | Event::GeneralRef(_) | Event::CData(_) => {
                self.run = Some(self.run.map_or(span, |run| run.to(span)));
                return true;
            }
            Event::Start(_)
            | Event::Empty(_)
            | Event::End(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::Eof => {
                self.end_text();
            }
        }
        match event {
            Event::Start(tag) => return self.start(&tag, span),
            Event::Empty(tag) => {
                if self.start(&tag, span) {
                    self.close(span.end);
                } else {
                    return false;
                }
            }
            Event::End(tag) => self.end(&tag, span),
            Event::Comment(_) => self.document.comments.push(span),
            Event::DocType(content) => self.doctype(&content, span),
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().and_then(Result::ok);
                let name = encoding.as_deref().map(String::from_utf8_lossy).unwrap_or_default().to_ascii_lowercase();
                if !matches!(name.as_str(), "" | "utf-8" | "utf8" | "us-ascii" | "ascii") {
                    let message = format!("the file says that its encoding is `{name}`; only UTF-8 is taken");
                    self.fault(Diagnostic::at(&codes::XML_ENCODING, span, message));
                }
                if !self.text.get(..span.start as usize).unwrap_or_default().trim_start_matches('\u{feff}').is_empty() {
                    self.fault(Diagnostic::at(
                        &codes::XML_SYNTAX,
                        span,
                        "the XML declaration is not at the beginning of the file",
                    ));
                }
            }
            Event::PI(_) | Event::Text(_) | Event::GeneralRef(_) | Event::CData(_) | Event::Eof => {}
        }
        true
    }

    fn doctype(&mut self, content: &[u8], span: Span) {
        let content = String::from_utf8_lossy(content);
        let external = content.split_ascii_whitespace().nth(1).is_some_and(|word| matches!(word, "SYSTEM" | "PUBLIC"));
        if external || content.contains('[') {
            let message = "a document type declaration that declares entities or names other files is not taken";
            let fault = Diagnostic::at(&codes::XML_ENTITY, span, message)
                .help("remove the declaration; nothing in it is needed");
            self.fault(fault);
        }
    }

    fn push(&mut self, kind: NodeKind) -> u32 {
        let id = Span::at(self.document.nodes.len()).start;
        let parent = self.open.last().map_or(NONE, |o| o.id);
        self.document.nodes.push(NodeData { parent, next: NONE, kind });
        if let Some(open) = self.open.last_mut() {
            let (parent, last) = (open.id, std::mem::replace(&mut open.last, id));
            if last == NONE {
                if let Some(NodeData { kind: NodeKind::Element(data), .. }) =
                    self.document.nodes.get_mut(parent as usize)
                {
                    data.first_child = id;
                }
            } else if let Some(node) = self.document.nodes.get_mut(last as usize) {
                node.next = id;
            }
        }
        id
    }

    fn start(&mut self, tag: &BytesStart<'t>, span: Span) -> bool {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} elements inside each other");
            self.fault(Diagnostic::at(&codes::XML_LIMIT, span, message));
            self.close_all();
            return false;
        }
        let second_root = self.open.is_empty() && self.document.root.is_some();
        let id = Span::at(self.document.nodes.len()).start;
        let mut found = Vec::new();
        let place = (id, self.open.len() + 1);
        let (name, name_span, attributes) =
            self.names.open(&mut self.document, self.text, tag, place, &mut |d| found.push(d));
        for fault in found {
            self.fault(fault);
        }
        if second_root {
            self.fault(Diagnostic::at(&codes::XML_SYNTAX, span, "a second root element"));
        }
        self.push(NodeKind::Element(ElementData {
            name,
            name_span,
            start_tag: span,
            span,
            attributes,
            first_child: NONE,
        }));
        if self.open.is_empty() && !second_root {
            self.document.root = Some(id);
        }
        self.open.push(Open { id, last: NONE });
        true
    }

    fn written_name(&self, id: u32) -> &'t str {
        let element = self.document.element(id);
        element.and_then(|element| self.text.get(element.name_span().range())).unwrap_or_default()
    }

    fn end(&mut self, tag: &BytesEnd<'t>, span: Span) {
        let raw = tag.name().into_inner();
        let at = offset(self.text, raw).unwrap_or(span.start as usize);
        let name = self.text.get(at..at + raw.len()).unwrap_or_default().trim_end();
        let name_span = Span::new(at..at + name.len());
        let matching = self.open.iter().rposition(|o| self.written_name(o.id) == name);
        let inner =
            self.open.last().map(|o| o.id).and_then(|id| self.document.element(id)).map(|e| (e.name(), e.name_span()));
        match (matching, inner) {
            (Some(at), _) if at + 1 == self.open.len() => {}
            (found, Some((inner, place))) => {
                let message = format!("`</{name}>` where `</{inner}>` is expected");
                let fault = Diagnostic::at(&codes::XML_SYNTAX, name_span, message).label(place, "opened here");
                self.fault(fault);
                // A misspelt end tag closes what is open; one of an outer element closes all inside it.
                if let Some(found) = found {
                    while self.open.len() > found + 1 {
                        self.close(span.start);
                    }
                }
            }
            (_, None) => {
                return self.fault(Diagnostic::at(
                    &codes::XML_SYNTAX,
                    name_span,
                    format!("`</{name}>` closes nothing"),
                ));
            }
        }
        self.close(span.end);
    }

    /// Closes the innermost element; its span ends at `end`.
    fn close(&mut self, end: u32) {
        let Some(open) = self.open.pop() else { return };
        if let Some(NodeData { kind: NodeKind::Element(data), .. }) = self.document.nodes.get_mut(open.id as usize) {
            data.span.end = end.max(data.span.end);
        }
        self.names.close_to(self.open.len());
    }

    fn close_all(&mut self) {
        let end = Span::at(self.text.len()).start;
        while !self.open.is_empty() {
            self.close(end);
        }
    }

    /// Ends a run of text: character data, references and CDATA sections in a row are one.
    fn end_text(&mut self) {
        let Some(span) = self.run.take() else { return };
        let raw = self.text.get(span.range()).unwrap_or_default();
        if self.open.is_empty() {
            if let Some(at) = raw.find(|c: char| !matches!(c, ' ' | '\t' | '\n' | '\r')) {
                let start = span.start as usize + at;
                let end = span.start as usize + raw.trim_end().len();
                let place = if self.document.root.is_some() { "after" } else { "before" };
                let message = format!("text {place} the root element");
                self.fault(Diagnostic::at(&codes::XML_SYNTAX, Span::new(start..end.max(start)), message));
            }
            return;
        }
        let mut found = Vec::new();
        let decoded = text_value(raw, span.start as usize, &mut |d| found.push(d));
        for fault in found {
            self.fault(fault);
        }
        self.push(NodeKind::Text(TextData { span, decoded }));
    }

    fn finish(&mut self) {
        self.end_text();
        let unclosed = self.open.last().and_then(|o| self.document.element(o.id)).map(|e| (e.name(), e.name_span()));
        if let Some((name, span)) = unclosed {
            if self.faults.is_empty() {
                self.fault(Diagnostic::at(&codes::XML_SYNTAX, span, format!("`<{name}>` is never closed")));
            }
            self.close_all();
        }
        if self.document.root.is_none() && self.faults.is_empty() {
            self.fault(Diagnostic::whole_file(&codes::XML_SYNTAX, "the file holds no XML element"));
        }
    }
}

/// The text of a run, `None` where it is what the source shows.
fn text_value(raw: &str, base: usize, report: &mut dyn FnMut(Diagnostic)) -> Option<Box<str>> {
    const OPEN: &str = "<![CDATA[";
    // What most texts are: no reference, no section, no line end to change, no character that may be forbidden.
    if raw.bytes().all(|byte| matches!(byte, b'\t' | b'\n' | 0x20..=0xee) && !matches!(byte, b'&' | b'<' | b']')) {
        return None;
    }
    let mut out = String::new();
    let (mut rest, mut at, mut changed) = (raw, base, false);
    while !rest.is_empty() {
        let plain = rest.find(OPEN).unwrap_or(rest.len());
        let (text, later) = rest.split_at(plain);
        if let Some(mark) = text.find("]]>") {
            report(Diagnostic::at(
                &codes::XML_SYNTAX,
                Span::new(at + mark..at + mark + 3),
                "`]]>` outside of a CDATA section",
            ));
        }
        let decoded = decode(text, at, Place::Text, report);
        changed |= matches!(decoded, std::borrow::Cow::Owned(_));
        out.push_str(&decoded);
        at += plain;
        let Some(section) = later.strip_prefix(OPEN) else { break };
        let length = section.find("]]>").unwrap_or(section.len());
        out.push_str(&section.get(..length).unwrap_or_default().replace("\r\n", "\n").replace('\r', "\n"));
        rest = section.get(length + 3..).unwrap_or_default();
        at += OPEN.len() + length + 3;
        changed = true;
    }
    changed.then(|| out.into())
}

fn message(error: &Error) -> String {
    match error {
        Error::Syntax(error) => error.to_string().to_lowercase(),
        Error::IllFormed(quick_xml::errors::IllFormedError::DoubleHyphenInComment) => "`--` inside a comment".into(),
        error @ (Error::Io(_)
        | Error::IllFormed(_)
        | Error::InvalidAttr(_)
        | Error::Encoding(_)
        | Error::Escape(_)
        | Error::Namespace(_)) => error.to_string().to_lowercase(),
    }
}
