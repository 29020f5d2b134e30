//! Name classes of the compact syntax.

use super::super::ast::{NameClass, NameKind};
use super::super::lexer::Token;
use super::{Parser, Result, shown};

impl Parser {
    /// A name class; an attribute's name without prefix has no namespace.
    pub(super) fn name_class(&mut self, attribute: bool) -> Result<NameClass> {
        self.deeper()?;
        let from = self.place();
        let mut classes = vec![self.annotated_name_class(attribute)?];
        while self.eat("|") {
            classes.push(self.annotated_name_class(attribute)?);
        }
        self.depth -= 1;
        let at = self.since(from);
        Ok(match (classes.len(), classes.pop()) {
            (1, Some(single)) => single,
            (_, last) => {
                classes.extend(last);
                NameClass { kind: NameKind::Choice(classes), at }
            }
        })
    }

    fn annotated_name_class(&mut self, attribute: bool) -> Result<NameClass> {
        let class = self.lead_annotated_name_class(attribute)?;
        self.follow_annotations()?;
        Ok(class)
    }

    fn lead_annotated_name_class(&mut self, attribute: bool) -> Result<NameClass> {
        self.annotations()?;
        let at = self.place();
        let kind = match self.peek().clone() {
            Token::Symbol("(") => {
                self.advance();
                let inner = self.name_class(attribute)?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Symbol("*") => {
                self.advance();
                NameKind::Any(self.except(attribute)?)
            }
            Token::NsName(prefix) => {
                let ns = self.namespace(&prefix, at)?;
                self.advance();
                NameKind::Ns(ns.into(), self.except(attribute)?)
            }
            Token::Qualified(prefix, local) => {
                let ns = self.namespace(&prefix, at)?;
                self.advance();
                NameKind::Name(ns.into(), local.into())
            }
            Token::Name(local, _) => {
                self.advance();
                let ns = if attribute { "" } else { self.default_ns.as_str() };
                NameKind::Name(ns.into(), local.into())
            }
            other @ (Token::Literal(_) | Token::Documentation(_) | Token::Symbol(_) | Token::End) => {
                return self.fault(format!("a name is expected here, not {}", shown(&other)));
            }
        };
        Ok(NameClass { kind, at: self.since(at) })
    }

    fn except(&mut self, attribute: bool) -> Result<Option<Box<NameClass>>> {
        self.follow_annotations()?;
        if !self.eat("-") {
            return Ok(None);
        }
        Ok(Some(Box::new(self.lead_annotated_name_class(attribute)?)))
    }
}
