//! Reader of the XML syntax, over roxmltree.

mod children;
mod grammar;
mod name_class;

use roxmltree::{Document, Node, ParsingOptions};
use virtc_diag::{SourceFile, Span};

use super::MAX_NESTING;
use super::ast::{Data, Kind, NameClass, Param, Pattern, Reference, Value};
use super::names::is_ncname;
use crate::error::{Fault, Place};

pub(crate) const RNG: &str = "http://relaxng.org/ns/structure/1.0";

type Result<T> = std::result::Result<T, Fault>;

/// What an element inherits from those around it.
#[derive(Debug, Clone, Copy)]
struct Scope<'a> {
    ns: &'a str,
    library: &'a str,
    depth: usize,
}

struct Reader {
    file: u32,
}

/// Reads a schema in XML syntax.
pub(super) fn read(source: &SourceFile, number: u32, ns: &str) -> std::result::Result<Pattern, Vec<Fault>> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let text = source.text().trim_start_matches('\u{feff}');
    let document = Document::parse_with_options(text, options).map_err(|error| {
        let at = Span::at(offset_of(text, error.pos()));
        vec![Fault::new(Place { file: number, span: at }, error.to_string())]
    })?;
    let reader = Reader { file: number };
    let scope = Scope { ns, library: "", depth: 0 };
    reader.pattern(document.root_element(), scope).map_err(|f| vec![f])
}

fn offset_of(text: &str, place: roxmltree::TextPos) -> usize {
    let line_start = text.split_inclusive('\n').take(place.row as usize - 1).map(str::len).sum::<usize>();
    let line = text.get(line_start..).unwrap_or_default();
    line_start + line.char_indices().nth(place.col as usize - 1).map_or(0, |(at, _)| at)
}

impl Reader {
    fn place(&self, node: Node<'_, '_>) -> Place {
        let range = node.range();
        let length = node.tag_name().name().len() + 1;
        Place { file: self.file, span: Span::new(range.start..range.end.min(range.start + length)) }
    }

    fn fault<T>(&self, node: Node<'_, '_>, message: impl Into<String>) -> Result<T> {
        Err(Fault::new(self.place(node), message))
    }

    /// Checks an element and its attributes (`own` besides the common ones), and gives the scope of its children.
    fn enter<'a>(&self, node: Node<'a, '_>, scope: Scope<'a>, own: &[&str]) -> Result<Scope<'a>> {
        let mut scope = Scope { depth: scope.depth + 1, ..scope };
        if scope.depth > MAX_NESTING {
            return self.fault(node, "patterns are nested too deeply");
        }
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            match attribute.namespace() {
                None if name == "ns" => scope.ns = value,
                None if name == "datatypeLibrary" => {
                    if !is_library(value) {
                        return self.fault(node, format!("`{value}` is no absolute URI of a datatype library"));
                    }
                    scope.library = value;
                }
                None if !own.contains(&name) => {
                    return self.fault(node, format!("`<{}>` takes no attribute `{name}`", node.tag_name().name()));
                }
                Some(RNG) => return self.fault(node, format!("attribute `{name}` is in the namespace of RELAX NG")),
                None | Some(_) => {}
            }
        }
        Ok(scope)
    }

    /// A name without a colon, from an attribute that must be there.
    fn ncname(&self, node: Node<'_, '_>, attribute: &str) -> Result<Box<str>> {
        match node.attribute(attribute).map(str::trim) {
            Some(name) if is_ncname(name) => Ok(name.into()),
            Some(name) => self.fault(node, format!("`{name}` is no name")),
            None => self.fault(node, format!("`<{}>` lacks attribute `{attribute}`", node.tag_name().name())),
        }
    }

    fn pattern(&self, node: Node<'_, '_>, outer: Scope<'_>) -> Result<Pattern> {
        let own: &[&str] = match node.tag_name().name() {
            "element" | "attribute" | "ref" | "parentRef" => &["name"],
            "data" | "value" => &["type"],
            "externalRef" => &["href"],
            _ => &[],
        };
        if node.tag_name().namespace() != Some(RNG) {
            return self.fault(node, format!("`<{}>` is no pattern", node.tag_name().name()));
        }
        let scope = self.enter(node, outer, own)?;
        let kind = match node.tag_name().name() {
            "element" => {
                let (name, rest) = self.name_and_rest(node, scope, scope.ns)?;
                Kind::Element(name, Box::new(self.group(node, &rest, scope)?))
            }
            "attribute" => self.attribute(node, scope)?,
            "group" => return self.content(node, scope),
            "interleave" => Kind::Interleave(self.patterns(node, scope)?),
            "choice" => Kind::Choice(self.patterns(node, scope)?),
            "optional" => Kind::Optional(Box::new(self.content(node, scope)?)),
            "zeroOrMore" => Kind::ZeroOrMore(Box::new(self.content(node, scope)?)),
            "oneOrMore" => Kind::OneOrMore(Box::new(self.content(node, scope)?)),
            "list" => Kind::List(Box::new(self.content(node, scope)?)),
            "mixed" => Kind::Mixed(Box::new(self.content(node, scope)?)),
            "empty" => self.leaf(node, Kind::Empty)?,
            "notAllowed" => self.leaf(node, Kind::NotAllowed)?,
            "text" => self.leaf(node, Kind::Text)?,
            "ref" => self.leaf(node, Kind::Ref(self.ncname(node, "name")?))?,
            "parentRef" => self.leaf(node, Kind::ParentRef(self.ncname(node, "name")?))?,
            "data" => self.data(node, scope)?,
            "value" => self.value(node, scope)?,
            "externalRef" => self.leaf(node, Kind::External(self.reference(node, scope)?))?,
            "grammar" => Kind::Grammar(self.components(node, scope, true)?),
            other => return self.fault(node, format!("`<{other}>` is no pattern")),
        };
        let mut pattern = Pattern::new(kind, self.place(node));
        pattern.doc = documentation(node);
        Ok(pattern)
    }

    fn attribute(&self, node: Node<'_, '_>, scope: Scope<'_>) -> Result<Kind> {
        // The short form has no namespace unless the very element gives one.
        let ns = node.attribute("ns").unwrap_or_default();
        let (name, rest) = self.name_and_rest(node, scope, ns)?;
        let at = self.place(node);
        let content = match rest.as_slice() {
            [] => Pattern::new(Kind::Text, at),
            [one] => self.pattern(*one, scope)?,
            [_, second, ..] => return self.fault(*second, "an attribute takes one pattern"),
        };
        Ok(Kind::Attribute(name, Box::new(content)))
    }

    /// The name class of an element or attribute, and the children after it.
    fn name_and_rest<'a, 'i>(
        &self,
        node: Node<'a, 'i>,
        scope: Scope<'a>,
        ns: &str,
    ) -> Result<(NameClass, Vec<Node<'a, 'i>>)> {
        let mut children = self.children(node)?;
        let class = if let Some(name) = node.attribute("name") {
            self.qname(node, name, ns)?
        } else if children.is_empty() {
            return self.fault(node, format!("`<{}>` lacks a name", node.tag_name().name()));
        } else {
            self.name_class(children.remove(0), scope)?
        };
        Ok((class, children))
    }

    fn data(&self, node: Node<'_, '_>, scope: Scope<'_>) -> Result<Kind> {
        let name = self.ncname(node, "type")?;
        let mut params = Vec::new();
        let mut except = None;
        for child in self.children(node)? {
            match child.tag_name().name() {
                "param" if except.is_none() => {
                    self.enter(child, scope, &["name"])?;
                    let (name, value) = (self.ncname(child, "name")?, self.text(child)?.into());
                    params.push(Param { name, value, at: self.place(child) });
                }
                "except" if except.is_none() => {
                    let scope = self.enter(child, scope, &[])?;
                    let mut patterns = self.patterns(child, scope)?;
                    let pattern = match (patterns.len(), patterns.pop()) {
                        (1, Some(single)) => single,
                        (_, last) => {
                            patterns.extend(last);
                            Pattern::new(Kind::Choice(patterns), self.place(child))
                        }
                    };
                    except = Some(Box::new(pattern));
                }
                other => return self.fault(child, format!("`<{other}>` is not allowed here in `<data>`")),
            }
        }
        Ok(Kind::Data(Data { library: scope.library.into(), name, params, except }))
    }

    fn value(&self, node: Node<'_, '_>, scope: Scope<'_>) -> Result<Kind> {
        let value = self.text(node)?;
        let (library, name) = match node.attribute("type") {
            Some(_) => (scope.library, self.ncname(node, "type")?),
            None => ("", "token".into()),
        };
        let prefix = value.trim().split_once(':').map(|(prefix, _)| prefix);
        let prefix_ns = prefix.and_then(|p| node.lookup_namespace_uri(Some(p))).map(Into::into);
        Ok(Kind::Value(Value { library: library.into(), name, text: value.into(), ns: scope.ns.into(), prefix_ns }))
    }

    fn reference(&self, node: Node<'_, '_>, scope: Scope<'_>) -> Result<Reference> {
        match node.attribute("href") {
            Some(href) if href.contains('#') => self.fault(node, "a reference to a file cannot name a part of it"),
            Some(href) => {
                let bases = node.ancestors().filter_map(|n| n.attribute((super::compact::XML_NS, "base")));
                let href = bases.fold(href.to_owned(), |href, base| resolve(base, &href));
                Ok(Reference { href: href.into(), ns: scope.ns.into() })
            }
            None => self.fault(node, "attribute `href` is missing"),
        }
    }
}

/// What `href` means where `base` is in force.
fn resolve(base: &str, href: &str) -> String {
    let absolute = href.starts_with('/') || href.split('/').next().is_some_and(|first| first.contains(':'));
    match base.rfind('/').and_then(|at| base.get(..=at)) {
        Some(folder) if !absolute => format!("{folder}{href}"),
        _ => href.to_owned(),
    }
}

fn is_library(uri: &str) -> bool {
    let scheme = uri.split_once(':').map(|(scheme, rest)| (scheme, rest.split('#').next().unwrap_or_default()));
    let well = scheme.is_some_and(|(scheme, rest)| {
        let mut chars = scheme.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic())
            && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
            && !rest.is_empty()
    });
    uri.is_empty() || (well && !uri.contains('#') && crate::datatype::is_uri(uri))
}

/// The `a:documentation` of an element.
fn documentation(node: Node<'_, '_>) -> Option<Box<str>> {
    let named = |n: &Node<'_, '_>| n.is_element() && n.tag_name().name() == "documentation";
    let is_doc = |n: &Node<'_, '_>| named(n) && n.tag_name().namespace() == Some(super::compact::DOCUMENTATION);
    let texts: Vec<&str> = node.children().filter(is_doc).filter_map(|n| n.text()).map(str::trim).collect();
    if texts.is_empty() { None } else { Some(texts.join("\n").into()) }
}
