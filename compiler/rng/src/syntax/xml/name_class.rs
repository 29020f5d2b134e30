//! Names and name classes of the XML syntax.

use roxmltree::Node;

use super::super::ast::{NameClass, NameKind};
use super::super::compact::XML_NS;
use super::super::names::is_ncname;
use super::{Reader, Result, Scope};

impl Reader {
    /// A name with or without a prefix; `ns` is the namespace of one without.
    pub(super) fn qname(&self, node: Node<'_, '_>, name: &str, ns: &str) -> Result<NameClass> {
        let name = name.trim();
        let at = self.place(node);
        let (prefix, local) = name.split_once(':').map_or((None, name), |(p, l)| (Some(p), l));
        if !is_ncname(local) || prefix.is_some_and(|p| !is_ncname(p)) {
            return self.fault(node, format!("`{name}` is no name"));
        }
        match prefix.map(|prefix| (prefix, node.lookup_namespace_uri(Some(prefix)))) {
            Some(("xml", _)) => Ok(NameClass::name(XML_NS, local, at)),
            None => Ok(NameClass::name(ns, local, at)),
            Some((_, Some(uri))) => Ok(NameClass::name(uri, local, at)),
            Some((prefix, None)) => self.fault(node, format!("namespace prefix `{prefix}` is not declared")),
        }
    }

    pub(super) fn name_class(&self, node: Node<'_, '_>, outer: Scope<'_>) -> Result<NameClass> {
        let scope = self.enter(node, outer, &[])?;
        let kind = match node.tag_name().name() {
            "name" => return self.qname(node, &self.text(node)?, scope.ns),
            "anyName" => NameKind::Any(self.name_except(node, scope)?),
            "nsName" => NameKind::Ns(scope.ns.into(), self.name_except(node, scope)?),
            "choice" => NameKind::Choice(self.name_classes(node, scope)?),
            other => return self.fault(node, format!("`<{other}>` is no name class")),
        };
        Ok(NameClass { kind, at: self.place(node) })
    }

    fn name_classes(&self, node: Node<'_, '_>, scope: Scope<'_>) -> Result<Vec<NameClass>> {
        let children = self.children(node)?;
        if children.is_empty() {
            return self.fault(node, format!("`<{}>` is empty", node.tag_name().name()));
        }
        children.into_iter().map(|child| self.name_class(child, scope)).collect()
    }

    fn name_except(&self, node: Node<'_, '_>, outer: Scope<'_>) -> Result<Option<Box<NameClass>>> {
        match self.children(node)?.as_slice() {
            [] => Ok(None),
            [except] if except.tag_name().name() == "except" => {
                let scope = self.enter(*except, outer, &[])?;
                let kind = NameKind::Choice(self.name_classes(*except, scope)?);
                Ok(Some(Box::new(NameClass { kind, at: self.place(*except) })))
            }
            [.., last] => self.fault(*last, "only one `<except>` is allowed here"),
        }
    }
}
