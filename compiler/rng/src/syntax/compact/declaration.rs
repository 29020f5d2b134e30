//! Declarations of the compact syntax: namespaces and datatype libraries.

use super::super::lexer::Token;
use super::{Parser, Result, XML_NS, XSD};
use crate::error::{Fault, Place};

impl Parser {
    /// Takes a declaration, where there is one.
    pub(super) fn declaration(&mut self) -> Result<bool> {
        let default = self.is_keyword(0, "default") && self.is_keyword(1, "namespace");
        let at = self.place();
        if default {
            self.advance();
        }
        if default || (self.is_keyword(0, "namespace") && matches!(self.peek_at(2), Token::Symbol("="))) {
            self.advance();
            let prefix = if default && self.is("=") { None } else { Some(self.identifier(true, "a prefix")?) };
            self.expect("=")?;
            let uri = if self.eat_keyword("inherit") { None } else { Some(self.literal()?) };
            if let Some(prefix) = prefix {
                self.declare(&prefix, uri.clone(), at)?;
            }
            if default {
                if self.namespaces.contains_key("") {
                    return Err(Fault::new(at, "a second default namespace"));
                }
                self.namespaces.insert(String::new(), uri.clone());
                self.default_ns = uri.unwrap_or_else(|| self.inherited.clone());
            }
            return Ok(true);
        }
        if self.is_keyword(0, "datatypes") && matches!(self.peek_at(2), Token::Symbol("=")) {
            self.advance();
            let prefix = self.identifier(true, "a prefix")?;
            self.expect("=")?;
            let uri = self.literal()?;
            if prefix == "xsd" && uri != XSD {
                return Err(Fault::new(at, "prefix `xsd` means the datatypes of XML Schema and nothing else"));
            }
            if self.datatypes.insert(prefix.clone(), uri).is_some() {
                return Err(Fault::new(at, format!("datatypes prefix `{prefix}` is declared twice")));
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn declare(&mut self, prefix: &str, uri: Option<String>, at: Place) -> Result<()> {
        let of_xml = uri.as_deref() == Some(XML_NS);
        if prefix == "xmlns" || (prefix == "xml") != of_xml {
            return Err(Fault::new(at, format!("prefix `{prefix}` cannot stand for this namespace")));
        }
        if self.namespaces.insert(prefix.to_owned(), uri).is_some() && prefix != "xml" {
            return Err(Fault::new(at, format!("namespace prefix `{prefix}` is declared twice")));
        }
        Ok(())
    }

    /// What a prefix means.
    pub(super) fn namespace(&self, prefix: &str, at: Place) -> Result<String> {
        match self.namespaces.get(prefix) {
            Some(Some(uri)) => Ok(uri.clone()),
            Some(None) => Ok(self.inherited.clone()),
            None => Err(Fault::new(at, format!("namespace prefix `{prefix}` is not declared"))),
        }
    }
}
