//! Start tags: attributes, namespace declarations, and names with their namespaces.

use quick_xml::events::BytesStart;
use quick_xml::events::attributes::AttrError;
use rustc_hash::{FxHashMap, FxHashSet};
use virtc_diag::{Diagnostic, Span};

use crate::codes;
use crate::decode::{Place, decode, is_qname};
use crate::document::{AttributeData, Declaration, Document, NameId, QName};

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
/// What is said of a repeated attribute.
const TWICE: &str = "attribute given twice";

/// Numbers for names, and the namespace declarations in force.
#[derive(Default)]
pub(crate) struct Names<'t> {
    /// Prefixes that were reported: each is reported once.
    undeclared: FxHashSet<&'t str>,
    ids: FxHashMap<(Box<str>, Box<str>), NameId>,
    /// Names as written, for the declarations in force: the fast way.
    written: FxHashMap<(&'t str, bool), NameId>,
    /// The declarations in force: the number of open elements when each was made, and its prefix.
    scope: Vec<(usize, &'t str)>,
    /// For each prefix its declarations in force, the innermost last, as indices into the document's.
    prefixes: FxHashMap<&'t str, Vec<usize>>,
}

/// An attribute as written.
struct Raw<'t> {
    name: &'t str,
    at: usize,
    value: &'t str,
    value_at: usize,
}

impl<'t> Names<'t> {
    /// The declarations of elements that are closed go out of force.
    pub(crate) fn close_to(&mut self, depth: usize) {
        while let Some((_, prefix)) = self.scope.pop_if(|(declared, _)| *declared > depth) {
            if let Some(declared) = self.prefixes.get_mut(prefix) {
                declared.pop();
            }
            self.written.clear();
        }
    }

    fn namespace<'d>(&self, document: &'d Document, prefix: &str) -> Option<&'d str> {
        if prefix == "xml" {
            return Some(XML_NAMESPACE);
        }
        let found = self.prefixes.get(prefix).and_then(|declared| document.declarations.get(*declared.last()?));
        found.map(|d| &*d.uri).filter(|uri| !uri.is_empty() || prefix.is_empty())
    }

    /// Whether the prefix of a name stands for anything.
    fn is_declared(&self, name: &str) -> bool {
        let prefix = name.split_once(':').map_or("", |(prefix, _)| prefix);
        prefix == "xml" || self.prefixes.get(prefix).is_some_and(|declared| !declared.is_empty())
    }

    /// The number of a name as written.
    fn id(
        &mut self,
        document: &mut Document,
        name: &'t str,
        at: usize,
        attribute: bool,
        report: &mut dyn FnMut(Diagnostic),
    ) -> NameId {
        if let Some(id) = self.written.get(&(name, attribute)) {
            return *id;
        }
        let span = Span::new(at..at + name.len());
        if !is_qname(name) {
            report(Diagnostic::new(&codes::XML_SYNTAX, span, format!("`{name}` is no XML name")));
        }
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let namespace = match self.namespace(document, prefix) {
            _ if prefix.is_empty() && attribute => "",
            Some(uri) => uri,
            None if prefix.is_empty() => "",
            None if !self.undeclared.insert(prefix) => "",
            None => {
                let message = format!("namespace prefix `{prefix}` is not declared");
                let help = if prefix == "qemu" {
                    "declare it on `<domain>`: `xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'`".to_owned()
                } else {
                    format!("declare it with `xmlns:{prefix}='…'` on this element or around it")
                };
                report(Diagnostic::new(&codes::XML_SYNTAX, span, message).help(help));
                ""
            }
        };
        let key = (Box::from(namespace), Box::from(local));
        let id = *self.ids.entry(key).or_insert_with_key(|(namespace, local)| {
            let id = NameId(Span::at(document.names.len()).start);
            document.names.push(QName { namespace: namespace.clone(), local: local.clone() });
            id
        });
        self.written.insert((name, attribute), id);
        id
    }

    /// The element's name and its attributes, which are pushed to the document.
    pub(crate) fn open(
        &mut self,
        document: &mut Document,
        text: &'t str,
        tag: &BytesStart<'t>,
        (element, depth): (u32, usize),
        report: &mut dyn FnMut(Diagnostic),
    ) -> (NameId, Span, std::ops::Range<u32>) {
        let raw: &[u8] = tag;
        let base = offset(text, raw).unwrap_or_default();
        let name_len = tag.name().as_ref().len();
        let name = text.get(base..base + name_len).unwrap_or_default();
        let attributes = raw_attributes(text, tag, base, report);
        for attribute in &attributes {
            let prefix = match attribute.name.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) => match rest.strip_prefix(':') {
                    Some(prefix) => prefix,
                    None => continue,
                },
                None => continue,
            };
            let uri = decode(attribute.value, attribute.value_at, Place::Attribute, report);
            self.scope.push((depth, prefix));
            self.prefixes.entry(prefix).or_default().push(document.declarations.len());
            self.written.clear();
            document.declarations.push(Declaration { element, prefix: prefix.into(), uri: uri.into() });
        }
        let id = self.id(document, name, base, false, report);
        let first = Span::at(document.attributes.len()).start;
        // Two prefixes may stand for one namespace (Namespaces in XML 1.0, 6.3).
        let mut prefixed: FxHashSet<NameId> = FxHashSet::default();
        for attribute in attributes {
            if attribute.name == "xmlns" || attribute.name.starts_with("xmlns:") {
                continue;
            }
            let name = self.id(document, attribute.name, attribute.at, true, report);
            if attribute.name.contains(':') && !prefixed.insert(name) && self.is_declared(attribute.name) {
                let span = Span::new(attribute.at..attribute.at + attribute.name.len());
                report(
                    Diagnostic::new(&codes::XML_SYNTAX, span, TWICE)
                        .help("another prefix stands for the same namespace"),
                );
                continue;
            }
            let value_span = Span::new(attribute.value_at..attribute.value_at + attribute.value.len());
            let decoded = match decode(attribute.value, attribute.value_at, Place::Attribute, report) {
                std::borrow::Cow::Borrowed(_) => None,
                std::borrow::Cow::Owned(value) => Some(value.into()),
            };
            if let Some(at) = attribute.value.bytes().position(|byte| byte == b'<') {
                let span = Span::at(attribute.value_at + at);
                report(Diagnostic::new(&codes::XML_SYNTAX, span, "`<` in an attribute value").help("write it `&lt;`"));
            }
            let name_span = Span::new(attribute.at..attribute.at + attribute.name.len());
            document.attributes.push(AttributeData { name, name_span, value_span, decoded });
        }
        let last = Span::at(document.attributes.len()).start;
        (id, Span::new(base..base + name_len), first..last)
    }
}

/// Where `part`, a slice of `text`, stands in it.
pub(crate) fn offset(text: &str, part: &[u8]) -> Option<usize> {
    (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize).filter(|at| at + part.len() <= text.len())
}

fn raw_attributes<'t>(
    text: &'t str,
    tag: &BytesStart<'t>,
    base: usize,
    report: &mut dyn FnMut(Diagnostic),
) -> Vec<Raw<'t>> {
    let mut out: Vec<Raw<'t>> = Vec::new();
    // quick-xml compares each name with all before it, which takes long where there are thousands.
    let mut seen: FxHashSet<&'t str> = FxHashSet::default();
    for attribute in tag.attributes().with_checks(false) {
        let attribute = match attribute {
            Ok(attribute) => attribute,
            Err(error) => {
                let (at, message) = attribute_fault(&error);
                report(Diagnostic::new(&codes::XML_SYNTAX, Span::at(base + at), message));
                continue;
            }
        };
        let std::borrow::Cow::Borrowed(value) = attribute.value else { continue };
        let key = attribute.key.into_inner();
        let (Some(at), Some(value_at)) = (offset(text, key), offset(text, value)) else { continue };
        let (Some(name), Some(value)) = (text.get(at..at + key.len()), text.get(value_at..value_at + value.len()))
        else {
            continue;
        };
        if !seen.insert(name) {
            report(Diagnostic::new(&codes::XML_SYNTAX, Span::new(at..at + name.len()), TWICE));
            continue;
        }
        if !out.is_empty() || at > 0 {
            let before = text.as_bytes().get(at.wrapping_sub(1)).copied().unwrap_or(b' ');
            if !before.is_ascii_whitespace() {
                report(Diagnostic::new(&codes::XML_SYNTAX, Span::at(at), "no white space before this attribute"));
            }
        }
        out.push(Raw { name, at, value, value_at });
    }
    out
}

fn attribute_fault(error: &AttrError) -> (usize, String) {
    match error {
        AttrError::ExpectedEq(at) => (*at, "attribute without a value: `=` is expected here".into()),
        AttrError::ExpectedValue(at) => (*at, "attribute without a value".into()),
        AttrError::UnquotedValue(at) => (*at, "attribute value without quotes".into()),
        AttrError::ExpectedQuote(at, quote) => {
            (*at, format!("attribute value is not closed: `{}` is expected", char::from(*quote)))
        }
        AttrError::Duplicated(at, _) => (*at, TWICE.into()),
    }
}
