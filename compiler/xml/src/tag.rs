//! Start tags: attributes, namespace declarations, and names with their namespaces.

use quick_xml::events::BytesStart;
use quick_xml::events::attributes::AttrError;
use rustc_hash::{FxHashMap, FxHashSet};
use virtc_diag::{Diagnostic, Span};

use crate::codes;
use crate::decode::{Place, decode, is_qname};
use crate::document::{AttributeData, Declaration, Document, NameData, NameId, Namespace};

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
/// So many attributes are few.
const FEW: usize = 16;
/// What is said of a repeated attribute.
const TWICE: &str = "attribute given twice";

/// As many names as most documents have.
pub(crate) const NAMES: usize = 64;

/// Numbers for names, and the namespace declarations in force.
pub(crate) struct Names<'t> {
    /// Prefixes that were reported: each is reported once.
    undeclared: FxHashSet<&'t str>,
    ids: FxHashMap<(Namespace, &'t str), NameId>,
    /// Names with a colon as written, for the declarations in force.
    written: FxHashMap<(&'t str, bool), NameId>,
    /// The declarations in force: the number of open elements when each was made, and its prefix.
    scope: Vec<(usize, &'t str)>,
    /// For each prefix its declarations in force, the innermost last.
    prefixes: FxHashMap<&'t str, Vec<Namespace>>,
    /// The namespaces by their URIs.
    namespaces: FxHashMap<Box<str>, Namespace>,
    /// The attributes of one tag; kept to be used again.
    attributes: Vec<Raw<'t>>,
}

/// An attribute as written.
struct Raw<'t> {
    name: &'t str,
    at: usize,
    value: &'t str,
    value_at: usize,
}

impl<'t> Names<'t> {
    pub(crate) fn new() -> Self {
        Self {
            undeclared: FxHashSet::default(),
            ids: FxHashMap::with_capacity_and_hasher(NAMES, rustc_hash::FxBuildHasher),
            written: FxHashMap::default(),
            scope: Vec::new(),
            prefixes: FxHashMap::default(),
            namespaces: FxHashMap::default(),
            attributes: Vec::new(),
        }
    }

    /// The declarations of elements that are closed go out of force.
    pub(crate) fn close_to(&mut self, depth: usize) {
        while let Some((_, prefix)) = self.scope.pop_if(|(declared, _)| *declared > depth) {
            if let Some(declared) = self.prefixes.get_mut(prefix) {
                declared.pop();
            }
            self.written.clear();
        }
    }

    /// The namespace of a URI.
    fn namespace(&mut self, document: &mut Document, uri: &str) -> Namespace {
        if uri.is_empty() {
            return Namespace::NONE;
        }
        if let Some(known) = self.namespaces.get(uri) {
            return *known;
        }
        let new = Namespace(Span::at(document.namespaces.len()).start);
        document.namespaces.push(uri.into());
        self.namespaces.insert(uri.into(), new);
        new
    }

    /// What a prefix stands for, where it is declared. The empty one stands for no namespace unless something else is declared.
    fn meaning(&mut self, document: &mut Document, prefix: &str) -> Option<Namespace> {
        if prefix == "xml" {
            return Some(self.namespace(document, XML_NAMESPACE));
        }
        let declared = self.prefixes.get(prefix).and_then(|declared| declared.last().copied());
        if prefix.is_empty() {
            return Some(declared.unwrap_or(Namespace::NONE));
        }
        declared.filter(|namespace| *namespace != Namespace::NONE)
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
        let span = Span::new(at..at + name.len());
        let mut check = || {
            if !is_qname(name) {
                report(Diagnostic::new(&codes::XML_SYNTAX, span, format!("`{name}` is no XML name")));
            }
        };
        let Some((prefix, local)) = name.split_once(':') else {
            let is_bare = attribute || self.scope.is_empty();
            let namespace = if is_bare { None } else { self.meaning(document, "") };
            let known = document.names.len();
            let id = self.number(document, namespace.unwrap_or(Namespace::NONE), name, at);
            if document.names.len() > known {
                check();
            }
            return id;
        };
        if let Some(id) = self.written.get(&(name, attribute)) {
            return *id;
        }
        check();
        let namespace = match self.meaning(document, prefix) {
            _ if prefix.is_empty() && attribute => Namespace::NONE,
            Some(namespace) => namespace,
            None if !self.undeclared.insert(prefix) => Namespace::NONE,
            None => {
                let message = format!("namespace prefix `{prefix}` is not declared");
                let help = if prefix == "qemu" {
                    "declare it on `<domain>`: `xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'`".to_owned()
                } else {
                    format!("declare it with `xmlns:{prefix}='…'` on this element or around it")
                };
                report(Diagnostic::new(&codes::XML_SYNTAX, span, message).help(help));
                Namespace::NONE
            }
        };
        let id = self.number(document, namespace, local, at + prefix.len() + 1);
        self.written.insert((name, attribute), id);
        id
    }

    /// The number of a name in a namespace, which stands at `at`.
    fn number(&mut self, document: &mut Document, namespace: Namespace, local: &'t str, at: usize) -> NameId {
        *self.ids.entry((namespace, local)).or_insert_with(|| {
            let id = NameId(Span::at(document.names.len()).start);
            document.names.push(NameData { namespace, local: Span::new(at..at + local.len()) });
            id
        })
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
        let mut attributes = std::mem::take(&mut self.attributes);
        raw_attributes(text, tag, base, &mut attributes, report);
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
            let namespace = self.namespace(document, &uri);
            self.scope.push((depth, prefix));
            self.prefixes.entry(prefix).or_default().push(namespace);
            self.written.clear();
            document.declarations.push(Declaration { element, prefix: prefix.into(), namespace });
        }
        let id = self.id(document, name, base, false, report);
        let first = Span::at(document.attributes.len()).start;
        // Two prefixes may stand for one namespace (Namespaces in XML 1.0, 6.3).
        let mut prefixed: FxHashSet<NameId> = FxHashSet::default();
        for attribute in attributes.drain(..) {
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
        self.attributes = attributes;
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
    out: &mut Vec<Raw<'t>>,
    report: &mut dyn FnMut(Diagnostic),
) {
    // Few names are compared with each other; that takes long where there are thousands.
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
        let twice = if out.len() < FEW {
            out.iter().any(|other| other.name == name)
        } else {
            if seen.is_empty() {
                seen.extend(out.iter().map(|other| other.name));
            }
            !seen.insert(name)
        };
        if twice {
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
