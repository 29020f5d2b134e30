//! Patterns: particles with their connectors, and what they are made of.

use super::super::ast::{Data, Kind, Param, Pattern, Value};
use super::super::lexer::Token;
use super::{Parser, Result, shown};
use crate::error::{Fault, Place};

impl Parser {
    /// Particles joined with one kind of connector.
    pub(super) fn pattern(&mut self) -> Result<Pattern> {
        self.deeper()?;
        let from = self.place();
        let mut patterns = vec![self.particle()?];
        let connector = match self.peek() {
            Token::Symbol(symbol @ ("," | "&" | "|")) => *symbol,
            Token::Name(..)
            | Token::Qualified(..)
            | Token::NsName(_)
            | Token::Literal(_)
            | Token::Documentation(_)
            | Token::Symbol(_)
            | Token::End => "",
        };
        while !connector.is_empty() && self.eat(connector) {
            patterns.push(self.particle()?);
        }
        if matches!(self.peek(), Token::Symbol("," | "&" | "|")) {
            return self.fault(format!("`{connector}` and {} cannot be mixed; use parentheses", shown(self.peek())));
        }
        self.depth -= 1;
        self.trailing &= connector.is_empty();
        let at = self.since(from);
        Ok(match connector {
            "&" => Pattern::new(Kind::Interleave(patterns), at),
            "|" => Pattern::new(Kind::Choice(patterns), at),
            _ => Pattern::group(patterns, at),
        })
    }

    fn particle(&mut self) -> Result<Pattern> {
        let from = self.place();
        let primary = self.lead_annotated()?;
        self.trailing = self.is(">>");
        self.follow_annotations()?;
        let wrap: fn(Box<Pattern>) -> Kind = match self.peek() {
            Token::Symbol("*") => Kind::ZeroOrMore,
            Token::Symbol("+") => Kind::OneOrMore,
            Token::Symbol("?") => Kind::Optional,
            Token::Name(..)
            | Token::Qualified(..)
            | Token::NsName(_)
            | Token::Literal(_)
            | Token::Documentation(_)
            | Token::Symbol(_)
            | Token::End => return Ok(primary),
        };
        self.advance();
        let at = self.since(from);
        self.trailing = self.is(">>");
        self.follow_annotations()?;
        Ok(Pattern::new(wrap(Box::new(primary)), at))
    }

    fn lead_annotated(&mut self) -> Result<Pattern> {
        let doc = self.annotations()?;
        let mut pattern = if self.eat("(") {
            let inner = self.pattern()?;
            self.expect(")")?;
            inner
        } else {
            self.primary()?
        };
        pattern.document(doc);
        Ok(pattern)
    }

    fn primary(&mut self) -> Result<Pattern> {
        let at = self.place();
        let (word, escaped) = match self.peek() {
            Token::Name(name, escaped) => (name.clone(), *escaped),
            Token::Qualified(prefix, local) => {
                let (library, local) = (self.library(prefix)?, local.clone());
                self.advance();
                return self.data_or_value(&library, &local, at);
            }
            Token::Literal(_) => return self.value("", "token", at),
            other @ (Token::NsName(_) | Token::Documentation(_) | Token::Symbol(_) | Token::End) => {
                return self.fault(format!("a pattern is expected here, not {}", shown(other)));
            }
        };
        self.advance();
        let kind = match if escaped { "" } else { word.as_str() } {
            "element" => {
                let name = self.name_class(false)?;
                Kind::Element(name, Box::new(self.braced()?))
            }
            "attribute" => {
                let name = self.name_class(true)?;
                Kind::Attribute(name, Box::new(self.braced()?))
            }
            "mixed" => Kind::Mixed(Box::new(self.braced()?)),
            "list" => Kind::List(Box::new(self.braced()?)),
            "empty" => Kind::Empty,
            "notAllowed" => Kind::NotAllowed,
            "text" => Kind::Text,
            "string" | "token" => return self.data_or_value("", &word, at),
            "external" => Kind::External(self.reference()?),
            "grammar" => {
                self.expect("{")?;
                Kind::Grammar(self.grammar_content("}")?)
            }
            "parent" => Kind::ParentRef(self.identifier(false, "a definition")?.into()),
            "attributes" | "elements" | "div" | "start" | "include" | "namespace" | "datatypes" | "default"
            | "inherit"
                if super::KEYWORDS.contains(&word.as_str()) =>
            {
                return Err(Fault::new(
                    at,
                    format!("`{word}` is a keyword; a definition of that name is written `\\{word}`"),
                ));
            }
            _ => Kind::Ref(word.into()),
        };
        let at = match kind {
            // The name means the whole: messages point at it.
            Kind::Element(ref name, _) | Kind::Attribute(ref name, _) => Place { span: at.span.to(name.at.span), ..at },
            Kind::Empty
            | Kind::NotAllowed
            | Kind::Text
            | Kind::Group(_)
            | Kind::Interleave(_)
            | Kind::Choice(_)
            | Kind::Optional(_)
            | Kind::ZeroOrMore(_)
            | Kind::OneOrMore(_)
            | Kind::List(_)
            | Kind::Mixed(_)
            | Kind::Ref(_)
            | Kind::ParentRef(_)
            | Kind::Data(_)
            | Kind::Value(_)
            | Kind::External(_)
            | Kind::Grammar(_)
            | Kind::Scope(_) => self.since(at),
        };
        Ok(Pattern::new(kind, at))
    }

    fn braced(&mut self) -> Result<Pattern> {
        self.expect("{")?;
        let pattern = self.pattern()?;
        self.expect("}")?;
        Ok(pattern)
    }

    fn library(&self, prefix: &str) -> Result<String> {
        match self.datatypes.get(prefix) {
            Some(uri) => Ok(uri.clone()),
            None => self.fault(format!("datatypes prefix `{prefix}` is not declared")),
        }
    }

    fn data_or_value(&mut self, library: &str, name: &str, at: Place) -> Result<Pattern> {
        if matches!(self.peek(), Token::Literal(_)) {
            return self.value(library, name, at);
        }
        let mut params = Vec::new();
        if self.eat("{") {
            while !self.eat("}") {
                self.annotations()?;
                let from = self.place();
                let name = self.identifier(true, "a parameter")?.into();
                self.expect("=")?;
                let value = self.literal()?.into();
                params.push(Param { name, value, at: self.since(from) });
            }
        }
        let except = if self.eat("-") { Some(Box::new(self.lead_annotated()?)) } else { None };
        let data = Data { library: library.into(), name: name.into(), params, except };
        Ok(Pattern::new(Kind::Data(data), self.since(at)))
    }

    fn value(&mut self, library: &str, name: &str, at: Place) -> Result<Pattern> {
        let value: Box<str> = self.literal()?.into();
        let prefix = value.trim().split_once(':').map(|(prefix, _)| prefix);
        let prefix_ns = prefix.and_then(|p| self.namespace(p, at).ok()).map(Into::into);
        let ns = self.default_ns.as_str().into();
        let kind = Kind::Value(Value { library: library.into(), name: name.into(), text: value, ns, prefix_ns });
        Ok(Pattern::new(kind, self.since(at)))
    }
}
