//! Regular expressions of XML Schema (part 2, appendix F), to an automaton.

mod blocks;
mod class;

use super::nfa::{Builder, Nfa};
pub(super) use class::Set;

/// How deep parentheses may be nested.
const MAX_DEPTH: usize = 100;
/// How often something may be asked for.
const MAX_REPEAT: u32 = 10_000;

/// What is parsed before states are made, since repetition copies it.
pub(super) enum Expression {
    Empty,
    Set(Set),
    Sequence(Vec<Expression>),
    Choice(Vec<Expression>),
    /// Least and most; no most is without end.
    Repeat(Box<Expression>, u32, Option<u32>),
}

/// The automaton of a pattern, which must match a whole value.
pub(super) fn compile(pattern: &str) -> Result<Nfa, String> {
    let mut parser = Parser { chars: pattern.chars().collect(), at: 0, depth: 0 };
    let said = |why: String| format!("pattern `{pattern}`: {why}");
    let expression = parser.choice().map_err(said)?;
    if let Some(c) = parser.peek() {
        return Err(said(format!("`{c}` closes nothing")));
    }
    Builder::build(&expression).ok_or_else(|| said("it is too large".to_owned()))
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

type Result2<T> = std::result::Result<T, String>;

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> Result2<char> {
        let c = self.peek().ok_or("it ends too early")?;
        self.at += 1;
        Ok(c)
    }

    fn choice(&mut self) -> Result2<Expression> {
        let mut branches = vec![self.branch()?];
        while self.eat('|') {
            branches.push(self.branch()?);
        }
        Ok(match (branches.len(), branches.pop()) {
            (1, Some(single)) => single,
            (_, last) => {
                branches.extend(last);
                Expression::Choice(branches)
            }
        })
    }

    fn branch(&mut self) -> Result2<Expression> {
        let mut pieces = Vec::new();
        while self.peek().is_some_and(|c| c != '|' && c != ')') {
            let atom = self.atom()?;
            let piece = self.quantified(atom)?;
            if !matches!(piece, Expression::Empty) {
                pieces.push(piece);
            }
        }
        Ok(if pieces.is_empty() { Expression::Empty } else { Expression::Sequence(pieces) })
    }

    fn atom(&mut self) -> Result2<Expression> {
        match self.next()? {
            '(' => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err("parentheses are nested too deeply".to_owned());
                }
                let inner = self.choice()?;
                self.depth -= 1;
                if self.eat(')') { Ok(inner) } else { Err("`(` is not closed".to_owned()) }
            }
            '[' => Ok(Expression::Set(self.class()?)),
            '.' => Ok(Expression::Set(Set::of(&[('\n', '\n'), ('\r', '\r')]).negated())),
            '\\' => Ok(Expression::Set(self.escape()?)),
            c @ ('?' | '*' | '+' | '{' | '}' | ']') => Err(format!("`{c}` has nothing to follow")),
            c => Ok(Expression::Set(Set::of(&[(c, c)]))),
        }
    }

    fn quantified(&mut self, atom: Expression) -> Result2<Expression> {
        let (least, most) = match self.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => {
                self.at += 1;
                let least = self.number()?;
                let most = if !self.eat(',') {
                    Some(least)
                } else if self.peek() == Some('}') {
                    None
                } else {
                    Some(self.number()?)
                };
                if self.peek() != Some('}') || most.is_some_and(|most| most < least) {
                    return Err("a quantity is `{2}`, `{2,}` or `{2,3}`".to_owned());
                }
                (least, most)
            }
            _ => return Ok(atom),
        };
        self.at += 1;
        if matches!(atom, Expression::Empty) {
            return Ok(atom);
        }
        Ok(Expression::Repeat(Box::new(atom), least, most))
    }

    fn number(&mut self) -> Result2<u32> {
        let mut number = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            number = Some(number.unwrap_or(0_u32).saturating_mul(10).saturating_add(digit));
            self.at += 1;
        }
        number.filter(|n| *n <= MAX_REPEAT).ok_or_else(|| "a quantity is missing or too large".to_owned())
    }

    /// What follows `\`.
    fn escape(&mut self) -> Result2<Set> {
        let c = self.next()?;
        let single = match c {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '\\' | '|' | '.' | '?' | '*' | '+' | '(' | ')' | '{' | '}' | '-' | '[' | ']' | '^' | '$' | '/' => c,
            'p' | 'P' => {
                if !self.eat('{') {
                    return Err(format!("`\\{c}` needs `{{…}}`"));
                }
                let mut name = String::new();
                while let Some(c) = self.peek().filter(|c| *c != '}') {
                    name.push(c);
                    self.at += 1;
                }
                self.next()?;
                let set = class::property(&name)?;
                return Ok(if c == 'P' { set.negated() } else { set });
            }
            _ => return class::short(c).ok_or_else(|| format!("`\\{c}` means nothing")),
        };
        Ok(Set::of(&[(single, single)]))
    }

    /// What follows `[`, with the `]`.
    fn class(&mut self) -> Result2<Set> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("brackets are nested too deeply".to_owned());
        }
        let negated = self.eat('^');
        let mut set = Set::of(&[]);
        let mut first = true;
        loop {
            let c = self.next()?;
            let low = match c {
                ']' if !first => break,
                ']' => return Err("`[]` is empty".to_owned()),
                '[' => return Err("`[` in brackets is written `\\[`".to_owned()),
                '-' if self.peek() == Some('[') => {
                    self.at += 1;
                    let except = self.class()?;
                    if !self.eat(']') {
                        return Err("nothing may follow what is taken out of brackets".to_owned());
                    }
                    self.depth -= 1;
                    let set = if negated { set.negated() } else { set };
                    return Ok(set.without(&except));
                }
                '\\' => self.escape()?,
                c => Set::of(&[(c, c)]),
            };
            first = false;
            let range = self.peek() == Some('-') && !matches!(self.chars.get(self.at + 1), Some(']' | '[') | None);
            if range && low.single().is_some() {
                self.at += 1;
                let high = match self.next()? {
                    '\\' => self.escape()?,
                    c => Set::of(&[(c, c)]),
                };
                match (low.single(), high.single()) {
                    (Some(low), Some(high)) if low <= high => set = set.or(&Set::of(&[(low, high)])),
                    _ => return Err("a range ends before it begins".to_owned()),
                }
            } else {
                set = set.or(&low);
            }
        }
        self.depth -= 1;
        Ok(if negated { set.negated() } else { set })
    }
}
