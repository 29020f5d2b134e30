//! Start tags: attributes and namespace declarations.

use quick_xml::events::BytesStart;
use quick_xml::events::attributes::AttrError;
use rustc_hash::FxHashSet;
use virtc_diag::{Diagnostic, Span};

use crate::codes;
use crate::decode::{Place, decode};
use crate::document::{AttributeData, Document, NameId};
use crate::names::Names;

/// So many attributes are few.
const FEW: usize = 16;
/// What is said of a repeated attribute.
const TWICE: &str = "attribute given twice";

/// An attribute as written.
pub(crate) struct Raw<'t> {
    name: &'t str,
    at: usize,
    value: &'t str,
    value_at: usize,
    /// The prefix that it declares, where it is a declaration; empty for the default namespace.
    declares: Option<&'t str>,
}

/// The prefix that an attribute of this name declares.
fn declared(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("xmlns")?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix(':') }
}

impl<'t> Names<'t> {
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
            let Some(prefix) = attribute.declares else { continue };
            let uri = decode(attribute.value, attribute.value_at, Place::Attribute, report);
            self.declare(document, (element, depth), prefix, &uri);
        }
        let id = self.id(document, name, base, false, report);
        let first = Span::at(document.attributes.len()).start;
        // Two prefixes may mean one namespace (Namespaces in XML 1.0, 6.3).
        let mut prefixed: FxHashSet<NameId> = FxHashSet::default();
        for attribute in attributes.drain(..) {
            if attribute.declares.is_some() {
                continue;
            }
            let name = self.id(document, attribute.name, attribute.at, true, report);
            if attribute.name.contains(':') && !prefixed.insert(name) && self.is_declared(attribute.name) {
                let span = Span::new(attribute.at..attribute.at + attribute.name.len());
                report(Diagnostic::at(&codes::XML_SYNTAX, span, TWICE).help("another prefix means the same namespace"));
                continue;
            }
            let value_span = Span::new(attribute.value_at..attribute.value_at + attribute.value.len());
            let decoded = match decode(attribute.value, attribute.value_at, Place::Attribute, report) {
                std::borrow::Cow::Borrowed(_) => None,
                std::borrow::Cow::Owned(value) => Some(value.into()),
            };
            let name_span = Span::new(attribute.at..attribute.at + attribute.name.len());
            document.attributes.push(AttributeData { name, name_span, value_span, decoded });
        }
        self.attributes = attributes;
        let last = Span::at(document.attributes.len()).start;
        (id, Span::new(base..base + name_len), first..last)
    }
}

/// Where `part`, a slice of `text`, is in it.
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
                report(Diagnostic::at(&codes::XML_SYNTAX, Span::at(base + at), message));
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
            report(Diagnostic::at(&codes::XML_SYNTAX, Span::new(at..at + name.len()), TWICE));
            continue;
        }
        if !out.is_empty() || at > 0 {
            let before = text.as_bytes().get(at.wrapping_sub(1)).copied().unwrap_or(b' ');
            if !before.is_ascii_whitespace() {
                report(Diagnostic::at(&codes::XML_SYNTAX, Span::at(at), "no white space before this attribute"));
            }
        }
        out.push(Raw { name, at, value, value_at, declares: declared(name) });
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
