//! Annotations of the compact syntax: checked, and dropped but for documentation.

use std::collections::BTreeSet;

use super::super::lexer::Token;
use super::{Parser, Result, shown};
use crate::error::Fault;

const RNG_NS: &str = "http://relaxng.org/ns/structure/1.0";
const XMLNS: &str = "http://www.w3.org/2000/xmlns";
/// The namespace of documentation comments.
pub(crate) const DOCUMENTATION: &str = "http://relaxng.org/ns/compatibility/annotations/1.0";

impl Parser {
    /// Documentation comments and `[…]` in front of something; the documentation.
    pub(super) fn annotations(&mut self) -> Result<Option<Box<str>>> {
        let mut docs = Vec::new();
        while let Token::Documentation(text) = self.peek() {
            docs.push(text.clone());
            self.advance();
        }
        if self.is("[") {
            docs.extend(self.bracket(true)?);
        }
        let text = docs.join("\n");
        Ok(if text.trim().is_empty() { None } else { Some(text.trim().into()) })
    }

    /// `>> name […]`, any number.
    pub(super) fn follow_annotations(&mut self) -> Result<()> {
        while self.eat(">>") {
            if !self.annotation_element(true)? {
                return self.fault(format!("an annotation is expected here, not {}", shown(self.peek())));
            }
        }
        Ok(())
    }

    /// `name […]`, where there is one.
    pub(super) fn annotation_element(&mut self, keywords: bool) -> Result<bool> {
        if !matches!(self.peek_at(1), Token::Symbol("[")) {
            return Ok(false);
        }
        match self.peek() {
            Token::Name(name, escaped) if keywords || *escaped || !super::KEYWORDS.contains(&name.as_str()) => {}
            Token::Qualified(..) => {}
            Token::Name(..)
            | Token::NsName(_)
            | Token::Literal(_)
            | Token::Documentation(_)
            | Token::Symbol(_)
            | Token::End => return Ok(false),
        }
        self.foreign_element(false)?;
        Ok(true)
    }

    fn foreign_element(&mut self, nested: bool) -> Result<Option<String>> {
        let at = self.place();
        let mut documentation = false;
        match self.peek().clone() {
            Token::Qualified(prefix, local) => {
                let ns = self.annotation_namespace(&prefix)?;
                documentation = ns == DOCUMENTATION && local == "documentation";
                if ns == RNG_NS && !nested {
                    return Err(Fault::new(at, "an annotation cannot be an element of RELAX NG"));
                }
            }
            Token::Name(..) => {}
            other
            @ (Token::NsName(_) | Token::Literal(_) | Token::Documentation(_) | Token::Symbol(_) | Token::End) => {
                return self.fault(format!("an annotation is expected here, not {}", shown(&other)));
            }
        }
        self.advance();
        let texts = self.bracket(false)?;
        Ok(documentation.then(|| texts.join("")))
    }

    fn annotation_namespace(&self, prefix: &str) -> Result<String> {
        if prefix == "a" && !self.namespaces.contains_key(prefix) {
            return Ok(DOCUMENTATION.to_owned());
        }
        self.namespace(prefix, self.place())
    }

    /// `[…]`: attributes, then elements (and literals inside an annotation element). Gives documentation or text.
    fn bracket(&mut self, initial: bool) -> Result<Vec<String>> {
        self.deeper()?;
        self.expect("[")?;
        let mut seen = BTreeSet::new();
        let mut texts = Vec::new();
        let mut attributes = true;
        while !self.eat("]") {
            let at = self.place();
            let value = matches!(self.peek_at(1), Token::Symbol("="));
            match self.peek().clone() {
                Token::Literal(_) if !initial => {
                    attributes = false;
                    texts.push(self.literal()?);
                }
                Token::Name(name, _) if value && attributes => {
                    if initial || name == "xmlns" {
                        return Err(Fault::new(at, format!("annotation attribute `{name}` needs a prefix")));
                    }
                    self.attribute(&mut seen, String::new(), &name)?;
                }
                Token::Qualified(prefix, local) if value && attributes => {
                    let ns = self.annotation_namespace(&prefix)?;
                    if ns == XMLNS
                        || (initial && (ns.is_empty() || ns == RNG_NS))
                        || (ns.is_empty() && local == "xmlns")
                    {
                        return Err(Fault::new(at, format!("`{prefix}:{local}` cannot be an annotation attribute")));
                    }
                    self.attribute(&mut seen, ns, &local)?;
                }
                Token::Name(..)
                | Token::Qualified(..)
                | Token::NsName(_)
                | Token::Literal(_)
                | Token::Documentation(_)
                | Token::Symbol(_)
                | Token::End => {
                    attributes = false;
                    texts.extend(self.foreign_element(!initial)?);
                }
            }
        }
        self.depth -= 1;
        Ok(texts)
    }

    fn attribute(&mut self, seen: &mut BTreeSet<(String, String)>, ns: String, local: &str) -> Result<()> {
        if !seen.insert((ns, local.to_owned())) {
            return self.fault(format!("annotation attribute `{local}` is given twice"));
        }
        self.advance();
        self.expect("=")?;
        self.literal()?;
        Ok(())
    }
}
