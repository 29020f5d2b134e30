//! Tokens of the compact syntax.

use virtc_diag::Span;

use super::names::{is_name_char, is_name_start};
use crate::error::{Fault, Place};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// An identifier or keyword; `true` where it is escaped with `\`, which makes it an identifier.
    Name(String, bool),
    /// `prefix:local`
    Qualified(String, String),
    /// `prefix:*`
    NsName(String),
    Literal(String),
    /// Lines of `##`, joined.
    Documentation(String),
    /// One of `= { } ( ) [ ] , & | * + ? - ~ |= &= >>`
    Symbol(&'static str),
    End,
}

const SYMBOLS: &[&str] = &["|=", "&=", ">>", "=", "{", "}", "(", ")", "[", "]", ",", "&", "|", "*", "+", "?", "-", "~"];

/// A newline that was written `\x{A}`: it does not end a line.
const ESCAPED_NEWLINE: char = '\0';

/// Whether XML 1.0 allows this character.
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// White space. A carriage return that is written `\x{D}` is none.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | ESCAPED_NEWLINE)
}

pub(crate) struct Lexer {
    /// Each character with its offset; references replaced, line ends normalised.
    chars: Vec<(char, u32)>,
    end: u32,
    file: u32,
    at: usize,
}

impl Lexer {
    pub(crate) fn new(text: &str, file: u32) -> Result<Self, Fault> {
        let end = Span::at(text.len()).start;
        let mut lexer = Self { chars: Vec::with_capacity(text.len()), end, file, at: 0 };
        let skipped = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
        let mut rest = text.get(skipped..).unwrap_or_default();
        while let Some(c) = rest.chars().next() {
            let at = Span::at(text.len() - rest.len()).start;
            let (c, length) = match c {
                '\r' if rest.starts_with("\r\n") => ('\n', 2),
                '\r' => ('\n', 1),
                '\\' => match escape(rest) {
                    Some((Some('\n'), length)) => (ESCAPED_NEWLINE, length),
                    Some((Some(c), length)) => (c, length),
                    Some((None, length)) => {
                        let span = Span { start: at, end: at + Span::at(length).start };
                        return Err(Fault::new(Place { file, span }, "this escape is no character of XML"));
                    }
                    None => ('\\', 1),
                },
                c => (c, c.len_utf8()),
            };
            if c != ESCAPED_NEWLINE && !is_char(c) {
                let place = Place { file, span: Span { start: at, end: at + 1 } };
                return Err(Fault::new(place, "this character is not allowed in XML"));
            }
            lexer.chars.push((c, at));
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(lexer)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).map(|(c, _)| *c)
    }

    fn offset(&self, index: usize) -> u32 {
        self.chars.get(index).map_or(self.end, |(_, at)| *at)
    }

    fn place(&self, from: usize, to: usize) -> Place {
        Place { file: self.file, span: Span { start: self.offset(from), end: self.offset(to) } }
    }

    fn take_while(&mut self, test: impl Fn(char) -> bool) -> String {
        let mut out = String::new();
        while let Some(c) = self.peek(0).filter(|c| test(*c)) {
            out.push(c);
            self.at += 1;
        }
        out
    }

    /// The next token with its place.
    pub(crate) fn next(&mut self) -> Result<(Token, Place), Fault> {
        loop {
            self.take_while(is_space);
            if self.peek(0) == Some('#') && self.peek(1) != Some('#') {
                self.take_while(|c| c != '\n' && c != ESCAPED_NEWLINE);
            } else {
                break;
            }
        }
        let from = self.at;
        let token = self.token()?;
        Ok((token, self.place(from, self.at)))
    }

    fn token(&mut self) -> Result<Token, Fault> {
        let Some(c) = self.peek(0) else { return Ok(Token::End) };
        match c {
            '#' => return Ok(self.documentation()),
            '"' | '\'' => return self.literal(c),
            '\\' if self.peek(1).is_some_and(is_name_start) => {
                self.at += 1;
                return Ok(Token::Name(self.take_while(is_name_char), true));
            }
            c if is_name_start(c) => {
                let name = self.take_while(is_name_char);
                if self.peek(0) != Some(':') {
                    return Ok(Token::Name(name, false));
                }
                if self.peek(1) == Some('*') {
                    self.at += 2;
                    return Ok(Token::NsName(name));
                }
                if self.peek(1).is_some_and(is_name_start) {
                    self.at += 1;
                    return Ok(Token::Qualified(name, self.take_while(is_name_char)));
                }
                return Ok(Token::Name(name, false));
            }
            _ => {}
        }
        for symbol in SYMBOLS {
            if symbol.chars().enumerate().all(|(i, c)| self.peek(i) == Some(c)) {
                self.at += symbol.len();
                return Ok(Token::Symbol(symbol));
            }
        }
        Err(Fault::new(self.place(self.at, self.at + 1), format!("`{c}` means nothing here")))
    }

    /// Lines that begin with `##`, each without the marks and one space after them.
    fn documentation(&mut self) -> Token {
        let mut lines = Vec::new();
        loop {
            self.take_while(|c| c == '#');
            let line = self.take_while(|c| c != '\n' && c != ESCAPED_NEWLINE);
            lines.push(line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned());
            let resume = self.at;
            self.take_while(is_space);
            if (self.peek(0), self.peek(1)) != (Some('#'), Some('#')) {
                self.at = resume;
                return Token::Documentation(lines.join("\n"));
            }
        }
    }

    fn literal(&mut self, quote: char) -> Result<Token, Fault> {
        let from = self.at;
        let triple = self.peek(1) == Some(quote) && self.peek(2) == Some(quote);
        let marks = if triple { 3 } else { 1 };
        self.at += marks;
        let mut out = String::new();
        loop {
            let Some(c) = self.peek(0).filter(|c| triple || *c != '\n') else {
                return Err(Fault::new(self.place(from, from + marks), "this literal is not closed"));
            };
            if (0..marks).all(|i| self.peek(i) == Some(quote)) {
                self.at += marks;
                return Ok(Token::Literal(out));
            }
            out.push(if c == ESCAPED_NEWLINE { '\n' } else { c });
            self.at += 1;
        }
    }
}

/// The character that `\x{…}` at the beginning of `text` means, with its length; no character where it is faulty.
fn escape(text: &str) -> Option<(Option<char>, usize)> {
    let marks = text.strip_prefix("\\x")?.trim_start_matches('x').strip_prefix('{')?;
    let digits = marks.get(..marks.find('}').unwrap_or(marks.len())).unwrap_or_default();
    let length = text.len() - marks.len() + digits.len() + 1;
    let closed = marks.len() > digits.len();
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| closed && !digits.starts_with('+'));
    let c = number.and_then(char::from_u32).filter(|c| matches!(c, '\t' | '\n' | '\r' | ' '..));
    Some((c.filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')), length.min(text.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        let mut lexer = Lexer::new(text, 0).unwrap();
        std::iter::from_fn(|| Some(lexer.next().unwrap().0).filter(|t| *t != Token::End)).collect()
    }

    #[test]
    fn each_kind_of_token() {
        let name = |s: &str| Token::Name(s.into(), false);
        assert_eq!(tokens("a \\b # c\n"), [name("a"), Token::Name("b".into(), true)]);
        assert_eq!(tokens("a:b a:*"), [Token::Qualified("a".into(), "b".into()), Token::NsName("a".into())]);
        assert_eq!(tokens("x|=y"), [name("x"), Token::Symbol("|="), name("y")]);
        assert_eq!(tokens("'a\\x{41}' \"\"\"b\n\"\"\""), [Token::Literal("aA".into()), Token::Literal("b\n".into())]);
        assert_eq!(tokens("## one\n  ## two\nz"), [Token::Documentation("one\ntwo".into()), name("z")]);
    }

    #[test]
    fn a_literal_ends_on_its_line() {
        assert_eq!(Lexer::new("'a\nb'", 0).unwrap().next().unwrap_err().message, "this literal is not closed");
        assert_eq!(tokens("'a\\x{A}b'"), [Token::Literal("a\nb".into())]);
    }
}
