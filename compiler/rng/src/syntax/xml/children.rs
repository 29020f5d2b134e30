//! Children of an element of the XML syntax.

use roxmltree::Node;

use super::super::ast::{Kind, Pattern};
use super::{RNG, Reader, Result, Scope};

impl Reader {
    /// The children that belong to RELAX NG; text between them is a fault, other elements are annotations.
    pub(super) fn children<'a, 'i>(&self, node: Node<'a, 'i>) -> Result<Vec<Node<'a, 'i>>> {
        for child in node.children().filter(Node::is_text) {
            if !child.text().unwrap_or_default().trim_matches([' ', '\t', '\r', '\n']).is_empty() {
                return self.fault(node, format!("text in `<{}>`", node.tag_name().name()));
            }
        }
        Ok(node.children().filter(|n| n.is_element() && n.tag_name().namespace() == Some(RNG)).collect())
    }

    /// The text of an element that has no children.
    pub(super) fn text(&self, node: Node<'_, '_>) -> Result<String> {
        if let Some(child) = node.children().find(Node::is_element) {
            return self.fault(child, format!("`<{}>` holds only text", node.tag_name().name()));
        }
        Ok(node.children().filter(Node::is_text).filter_map(|n| n.text()).collect())
    }

    /// `kind`, where the element has no children.
    pub(super) fn leaf(&self, node: Node<'_, '_>, kind: Kind) -> Result<Kind> {
        match self.children(node)?.first() {
            None => Ok(kind),
            Some(child) => self.fault(*child, format!("`<{}>` takes no pattern", node.tag_name().name())),
        }
    }

    /// The patterns in an element, of which there must be one at least.
    pub(super) fn patterns(&self, node: Node<'_, '_>, scope: Scope<'_>) -> Result<Vec<Pattern>> {
        let children = self.children(node)?;
        if children.is_empty() {
            return self.fault(node, format!("`<{}>` is empty", node.tag_name().name()));
        }
        children.into_iter().map(|child| self.pattern(child, scope)).collect()
    }

    /// The patterns in an element, as a group.
    pub(super) fn content(&self, node: Node<'_, '_>, scope: Scope<'_>) -> Result<Pattern> {
        Ok(Pattern::group(self.patterns(node, scope)?, self.place(node)))
    }

    /// Those patterns as a group, of which there must be one at least.
    pub(super) fn group(&self, node: Node<'_, '_>, children: &[Node<'_, '_>], scope: Scope<'_>) -> Result<Pattern> {
        if children.is_empty() {
            return self.fault(node, format!("`<{}>` lacks a pattern", node.tag_name().name()));
        }
        let patterns: Result<Vec<Pattern>> = children.iter().map(|child| self.pattern(*child, scope)).collect();
        Ok(Pattern::group(patterns?, self.place(node)))
    }
}
