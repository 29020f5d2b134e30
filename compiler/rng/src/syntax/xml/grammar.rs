//! Grammars of the XML syntax: definitions, divisions, includes.

use roxmltree::Node;

use super::super::ast::{Combine, Component, Define, Include};
use super::{Reader, Result, Scope, documentation};

impl Reader {
    /// The definitions in a `<grammar>` (where `include` is allowed), a `<div>` or an `<include>`.
    pub(super) fn components(&self, node: Node<'_, '_>, scope: Scope<'_>, include: bool) -> Result<Vec<Component>> {
        self.children(node)?.into_iter().map(|child| self.component(child, scope, include)).collect()
    }

    fn component(&self, node: Node<'_, '_>, outer: Scope<'_>, include: bool) -> Result<Component> {
        let at = self.place(node);
        match node.tag_name().name() {
            "div" => Ok(Component::Div(self.components(node, self.enter(node, outer, &[])?, include)?)),
            "include" if include => {
                let scope = self.enter(node, outer, &["href"])?;
                let reference = self.reference(node, scope)?;
                Ok(Component::Include(Include { reference, body: self.components(node, scope, false)?, at }))
            }
            tag @ ("start" | "define") => {
                let start = tag == "start";
                let scope = self.enter(node, outer, if start { &["combine"] } else { &["combine", "name"] })?;
                let name = if start { None } else { Some(self.ncname(node, "name")?) };
                let combine = match node.attribute("combine").map(str::trim) {
                    None => None,
                    Some("choice") => Some(Combine::Choice),
                    Some("interleave") => Some(Combine::Interleave),
                    Some(other) => return self.fault(node, format!("`{other}` is neither `choice` nor `interleave`")),
                };
                let children = self.children(node)?;
                if start && children.len() > 1 {
                    return self.fault(node, "`<start>` takes one pattern");
                }
                let mut body = self.content(node, scope)?;
                body.document(documentation(node));
                Ok(Component::Define(Define { name, combine, body, at }))
            }
            other => self.fault(node, format!("`<{other}>` is not allowed here")),
        }
    }
}
