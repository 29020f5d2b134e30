//! Parser of the compact syntax: declarations, grammars and patterns. Name classes and annotations are in the files of its folder.

mod annotation;
mod declaration;
mod grammar;
mod name_class;
mod primary;

pub(super) use annotation::DOCUMENTATION;

use std::collections::BTreeMap;

use virtc_diag::SourceFile;

use super::MAX_NESTING;
use super::ast::{Kind, Pattern};
use super::lexer::{Lexer, Token};
use crate::error::{Fault, Place};

pub(crate) const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";
pub(crate) const XSD: &str = "http://www.w3.org/2001/XMLSchema-datatypes";

const KEYWORDS: &[&str] = &[
    "attribute",
    "default",
    "datatypes",
    "div",
    "element",
    "empty",
    "external",
    "grammar",
    "include",
    "inherit",
    "list",
    "mixed",
    "namespace",
    "notAllowed",
    "parent",
    "start",
    "string",
    "text",
    "token",
];

pub(super) type Result<T> = std::result::Result<T, Fault>;

struct Parser {
    tokens: Vec<(Token, Place)>,
    at: usize,
    /// What each prefix means; `None` is the inherited namespace.
    namespaces: BTreeMap<String, Option<String>>,
    datatypes: BTreeMap<String, String>,
    default_ns: String,
    inherited: String,
    depth: usize,
    /// Whether an annotation follows the last pattern that is a single particle.
    trailing: bool,
}

/// Reads a schema in compact syntax.
pub(super) fn read(source: &SourceFile, number: u32, ns: &str) -> std::result::Result<Pattern, Vec<Fault>> {
    let mut lexer = Lexer::new(source.text(), number).map_err(|f| vec![f])?;
    let mut tokens = Vec::new();
    loop {
        let (token, place) = lexer.next().map_err(|f| vec![f])?;
        let last = token == Token::End;
        tokens.push((token, place));
        if last {
            break;
        }
    }
    let mut parser = Parser {
        tokens,
        at: 0,
        namespaces: BTreeMap::from([("xml".to_owned(), Some(XML_NS.to_owned()))]),
        datatypes: BTreeMap::new(),
        default_ns: ns.to_owned(),
        inherited: ns.to_owned(),
        depth: 0,
        trailing: false,
    };
    parser.top_level().map_err(|f| vec![f])
}

impl Parser {
    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at + ahead).map_or(&Token::End, |(token, _)| token)
    }

    fn place(&self) -> Place {
        let last = self.tokens.len().saturating_sub(1);
        self.tokens.get(self.at.min(last)).map_or(Place { file: 0, span: virtc_diag::Span::at(0) }, |(_, place)| *place)
    }

    /// The place of what was read since the token at `from`.
    fn since(&self, from: Place) -> Place {
        let last = self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(from, |(_, place)| *place);
        Place { file: from.file, span: from.span.to(last.span) }
    }

    fn advance(&mut self) {
        self.at += 1;
    }

    fn fault<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(Fault::new(self.place(), message))
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(s) if *s == symbol)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<()> {
        if self.eat(symbol) {
            Ok(())
        } else {
            self.fault(format!("`{symbol}` is expected here, not {}", shown(self.peek())))
        }
    }

    fn is_keyword(&self, ahead: usize, keyword: &str) -> bool {
        matches!(self.peek_at(ahead), Token::Name(name, false) if name == keyword)
    }

    fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_keyword(0, keyword);
        self.at += usize::from(found);
        found
    }

    /// A name; `keywords` says whether a keyword may serve.
    fn identifier(&mut self, keywords: bool, what: &str) -> Result<String> {
        match self.peek() {
            Token::Name(name, escaped) if *escaped || keywords || !KEYWORDS.contains(&name.as_str()) => {
                let name = name.clone();
                self.advance();
                Ok(name)
            }
            other @ (Token::Name(..)
            | Token::Qualified(..)
            | Token::NsName(_)
            | Token::Literal(_)
            | Token::Documentation(_)
            | Token::Symbol(_)
            | Token::End) => self.fault(format!("{what} is expected here, not {}", shown(other))),
        }
    }

    /// Literals joined with `~`.
    fn literal(&mut self) -> Result<String> {
        let mut out = String::new();
        loop {
            let Token::Literal(text) = self.peek() else {
                return self.fault(format!("a literal is expected here, not {}", shown(self.peek())));
            };
            out.push_str(text);
            self.advance();
            if !self.eat("~") {
                return Ok(out);
            }
        }
    }

    fn top_level(&mut self) -> Result<Pattern> {
        while self.declaration()? {}
        self.datatypes.entry("xsd".to_owned()).or_insert_with(|| XSD.to_owned());
        self.namespaces.entry(String::new()).or_insert(None);
        let from = self.place();
        let pattern = if self.begins_grammar() {
            let components = self.grammar_content("")?;
            Pattern::new(Kind::Grammar(components), self.since(from))
        } else {
            let pattern = self.pattern()?;
            if self.trailing {
                return self.fault("an annotation follows a pattern that is in nothing");
            }
            pattern
        };
        match self.peek() {
            Token::End => Ok(pattern),
            other @ (Token::Name(..)
            | Token::Qualified(..)
            | Token::NsName(_)
            | Token::Literal(_)
            | Token::Documentation(_)
            | Token::Symbol(_)) => self.fault(format!("{} after the end of the pattern", shown(other))),
        }
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_NESTING { self.fault("patterns are nested too deeply") } else { Ok(()) }
    }
}

/// A token, as messages name it.
fn shown(token: &Token) -> String {
    match token {
        Token::Name(name, _) => format!("`{name}`"),
        Token::Qualified(prefix, local) => format!("`{prefix}:{local}`"),
        Token::NsName(prefix) => format!("`{prefix}:*`"),
        Token::Literal(text) => format!("the literal \"{text}\""),
        Token::Documentation(_) => "a documentation comment".to_owned(),
        Token::Symbol(symbol) => format!("`{symbol}`"),
        Token::End => "the end of the file".to_owned(),
    }
}
