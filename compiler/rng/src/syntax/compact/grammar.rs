//! Grammars of the compact syntax: definitions, divisions, includes.

use super::super::ast::{Combine, Component, Define, Include, Reference};
use super::super::lexer::Token;
use super::{KEYWORDS, Parser, Result, shown};

impl Parser {
    /// Whether definitions follow, and not a pattern.
    pub(super) fn begins_grammar(&self) -> bool {
        let mut at = 0;
        loop {
            match self.peek_at(at) {
                Token::Documentation(_) => at += 1,
                Token::Symbol("[") => at = self.after_bracket(at),
                Token::End => return true,
                Token::Name(name, escaped) => {
                    let word = if *escaped { "" } else { name.as_str() };
                    let assigns = matches!(self.peek_at(at + 1), Token::Symbol("=" | "|=" | "&="));
                    return assigns
                        || matches!(word, "div" | "include" | "start")
                        || (matches!(self.peek_at(at + 1), Token::Symbol("["))
                            && (*escaped || !KEYWORDS.contains(&word)));
                }
                Token::Qualified(..) => return matches!(self.peek_at(at + 1), Token::Symbol("[")),
                Token::NsName(_) | Token::Literal(_) | Token::Symbol(_) => return false,
            }
        }
    }

    /// The index after the bracket that opens at `at`.
    fn after_bracket(&self, mut at: usize) -> usize {
        let mut open = 0_usize;
        loop {
            match self.peek_at(at) {
                Token::Symbol("[") => open += 1,
                Token::Symbol("]") => open = open.saturating_sub(1),
                Token::End => return at,
                Token::Name(..)
                | Token::Qualified(..)
                | Token::NsName(_)
                | Token::Literal(_)
                | Token::Documentation(_)
                | Token::Symbol(_) => {}
            }
            at += 1;
            if open == 0 {
                return at;
            }
        }
    }

    /// Definitions up to `close`, or to the end of the file where that is empty.
    pub(super) fn grammar_content(&mut self, close: &str) -> Result<Vec<Component>> {
        self.deeper()?;
        let mut out = Vec::new();
        loop {
            if (close.is_empty() && *self.peek() == Token::End) || (!close.is_empty() && self.eat(close)) {
                self.depth -= 1;
                return Ok(out);
            }
            if self.annotation_element(false)? {
                continue;
            }
            let doc = self.annotations()?;
            out.push(self.component(doc)?);
        }
    }

    fn component(&mut self, doc: Option<Box<str>>) -> Result<Component> {
        let at = self.place();
        let assigns = matches!(self.peek_at(1), Token::Symbol("=" | "|=" | "&="));
        if !assigns && self.eat_keyword("div") {
            self.expect("{")?;
            return Ok(Component::Div(self.grammar_content("}")?));
        }
        if !assigns && self.eat_keyword("include") {
            let reference = self.reference()?;
            let place = self.since(at);
            let body = if self.eat("{") { self.grammar_content("}")? } else { Vec::new() };
            return Ok(Component::Include(Include { reference, body, at: place }));
        }
        let name = if self.eat_keyword("start") { None } else { Some(self.identifier(false, "a definition")?) };
        let combine = match self.peek() {
            Token::Symbol("=") => None,
            Token::Symbol("|=") => Some(Combine::Choice),
            Token::Symbol("&=") => Some(Combine::Interleave),
            other @ (Token::Name(..)
            | Token::Qualified(..)
            | Token::NsName(_)
            | Token::Literal(_)
            | Token::Documentation(_)
            | Token::Symbol(_)
            | Token::End) => return self.fault(format!("`=`, `|=` or `&=` is expected here, not {}", shown(other))),
        };
        self.advance();
        let place = self.since(at);
        let mut body = self.pattern()?;
        body.document(doc);
        Ok(Component::Define(Define { name: name.map(Into::into), combine, body, at: place }))
    }

    /// The file that `include` or `external` names.
    pub(super) fn reference(&mut self) -> Result<Reference> {
        let href = self.literal()?.into();
        let mut ns = self.default_ns.clone();
        if self.eat_keyword("inherit") {
            self.expect("=")?;
            let at = self.place();
            let prefix = self.identifier(true, "a prefix")?;
            ns = self.namespace(&prefix, at)?;
        }
        Ok(Reference { href, ns: ns.into() })
    }
}
