//! Names with their namespaces: a number for each, and the declarations in force.

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use virtc_diag::{Diagnostic, Span};

use crate::codes;
use crate::decode::is_qname;
use crate::document::{Declaration, Document, NameData, NameId, Namespace};
use crate::tag::Raw;

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

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
    pub(crate) attributes: Vec<Raw<'t>>,
}

impl<'t> Names<'t> {
    pub(crate) fn new() -> Self {
        Self {
            undeclared: FxHashSet::default(),
            ids: FxHashMap::with_capacity_and_hasher(NAMES, FxBuildHasher),
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

    /// A declaration comes into force: that of `prefix` in an element, which is given with the number of those that are open then.
    pub(crate) fn declare(
        &mut self,
        document: &mut Document,
        (element, depth): (u32, usize),
        prefix: &'t str,
        uri: &str,
    ) {
        let namespace = self.namespace(document, uri);
        self.scope.push((depth, prefix));
        self.prefixes.entry(prefix).or_default().push(namespace);
        self.written.clear();
        document.declarations.push(Declaration { element, prefix: prefix.into(), namespace });
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

    /// What a prefix means, where it is declared. The empty one means no namespace unless something else is declared.
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

    /// Whether the prefix of a name means anything.
    pub(crate) fn is_declared(&self, name: &str) -> bool {
        let prefix = name.split_once(':').map_or("", |(prefix, _)| prefix);
        prefix == "xml" || self.prefixes.get(prefix).is_some_and(|declared| !declared.is_empty())
    }

    /// The number of a name as written.
    pub(crate) fn id(
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
                report(Diagnostic::at(&codes::XML_SYNTAX, span, format!("`{name}` is no XML name")));
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
                report(Diagnostic::at(&codes::XML_SYNTAX, span, message).help(help));
                Namespace::NONE
            }
        };
        let id = self.number(document, namespace, local, at + prefix.len() + 1);
        self.written.insert((name, attribute), id);
        id
    }

    /// The number of a name in a namespace, which is at `at`.
    fn number(&mut self, document: &mut Document, namespace: Namespace, local: &'t str, at: usize) -> NameId {
        *self.ids.entry((namespace, local)).or_insert_with(|| {
            let id = NameId(Span::at(document.names.len()).start);
            document.names.push(NameData { namespace, local: Span::new(at..at + local.len()) });
            id
        })
    }
}
