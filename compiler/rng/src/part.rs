//! A compiled schema as it can be walked: for those who make documents of it.

use virtc_xml::Element;

use crate::datatype::Datatype;
use crate::engine::arena::{Arena, Kind, Pat};
use crate::engine::derive::Engine;
use crate::report::expected::{attributes, definitions};
use crate::schema::Schema;

/// A part of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Part<'s> {
    schema: &'s Schema,
    pat: Pat,
}

/// What a part is.
#[derive(Debug, Clone)]
pub enum Form<'s> {
    /// Nothing matches it.
    NotAllowed,
    /// Only nothing matches it.
    Empty,
    /// Any text.
    Text,
    /// A value of a datatype; see [`Part::takes`] and [`Part::limits`].
    Data,
    /// This value.
    Value(&'s str),
    /// Values with white space between.
    List(Part<'s>),
    /// An attribute.
    Attribute {
        /// Namespace and local name of each that is meant; none where the names are not listed.
        names: Vec<(&'s str, &'s str)>,
        /// What its value must match.
        value: Part<'s>,
    },
    /// An element.
    Element {
        /// Namespace and local name of each that is meant; none where the names are not listed.
        names: Vec<(&'s str, &'s str)>,
        /// What its attributes and content must match.
        content: Part<'s>,
    },
    /// Once or more often.
    OneOrMore(Part<'s>),
    /// All, in this order.
    Group(Vec<Part<'s>>),
    /// All, in any order.
    Interleave(Vec<Part<'s>>),
    /// One of them. An optional part is a choice with [`Form::Empty`].
    Choice(Vec<Part<'s>>),
}

/// What is allowed in an element in its place.
#[derive(Debug, Clone, Default)]
pub struct Permitted<'s> {
    /// All attributes of all forms of the element, those that it has among them.
    pub attributes: Vec<Part<'s>>,
    /// The attributes that it does not have and that fit those that it has.
    pub missing: Vec<Part<'s>>,
    /// The children that fit its attributes, those that it has among them.
    pub children: Vec<Part<'s>>,
    /// All contents that it may have.
    pub contents: Vec<Part<'s>>,
}

impl<'s> Part<'s> {
    /// The number of the part: equal parts of one schema have equal numbers.
    pub fn number(self) -> u32 {
        self.pat.0
    }

    /// What it is.
    pub fn form(self) -> Form<'s> {
        let arena = Arena::new(&self.schema.nodes);
        let part = |at: usize| Part { pat: arena.part(self.pat, at), ..self };
        let parts = || arena.operands(self.pat).iter().map(|pat| Part { pat: Pat(*pat), ..self }).collect();
        match arena.kind(self.pat) {
            Kind::NotAllowed | Kind::After => Form::NotAllowed,
            Kind::Empty => Form::Empty,
            Kind::Text => Form::Text,
            Kind::Data => Form::Data,
            Kind::Value => Form::Value(self.schema.literal(arena.operand(self.pat, 0)).map_or("", |found| found.text)),
            Kind::List => Form::List(part(0)),
            Kind::Attribute => Form::Attribute { names: self.names(arena.operand(self.pat, 0)), value: part(1) },
            Kind::Element => {
                let definition = self.schema.definition(arena.operand(self.pat, 0));
                let content = definition.map_or(Pat::NOT_ALLOWED, |found| found.content);
                let names = definition.map(|found| self.names(found.names)).unwrap_or_default();
                Form::Element { names, content: Part { pat: content, ..self } }
            }
            Kind::OneOrMore => Form::OneOrMore(part(0)),
            Kind::Group => Form::Group(parts()),
            Kind::Interleave => Form::Interleave(parts()),
            Kind::Choice => Form::Choice(parts()),
        }
    }

    fn names(self, set: u32) -> Vec<(&'s str, &'s str)> {
        let set = self.schema.names.set(set);
        let listed = set.listed.iter().filter(|_| !set.all_but);
        listed.filter_map(|symbol| self.schema.known_name(crate::engine::names::Symbol(*symbol))).collect()
    }

    /// Whether `text` is a value that this part takes, as a whole and without what other parts say.
    pub fn takes(self, text: &str) -> bool {
        Engine::new(self.schema).accepts(self.pat, text, None)
    }

    /// For [`Form::Data`] that only a regular expression tells apart from other text: the schema's own words for it, empty where it
    /// has none. `None` for all else, which this crate describes in words.
    pub fn words(self) -> Option<&'s str> {
        let datatype = self.datatype()?;
        datatype.needs_words().then(|| self.schema.text(datatype.doc))
    }

    /// The documentation comment of an attribute or an element, empty where there is none.
    pub fn doc(self) -> &'s str {
        let arena = Arena::new(&self.schema.nodes);
        match arena.kind(self.pat) {
            Kind::Attribute => self.schema.text(arena.operand(self.pat, 2)),
            Kind::Element => {
                self.schema.definition(arena.operand(self.pat, 0)).map_or("", |found| self.schema.text(found.doc))
            }
            Kind::NotAllowed
            | Kind::Empty
            | Kind::Text
            | Kind::Data
            | Kind::Value
            | Kind::List
            | Kind::OneOrMore
            | Kind::Group
            | Kind::Interleave
            | Kind::Choice
            | Kind::After => "",
        }
    }

    /// The regular expressions (XML Schema) that a value of [`Form::Data`] must match; none of another part.
    pub fn patterns(self) -> Vec<&'s str> {
        self.datatype().map(|datatype| datatype.patterns().collect()).unwrap_or_default()
    }

    fn datatype(self) -> Option<&'s Datatype> {
        let arena = Arena::new(&self.schema.nodes);
        let number = arena.operand(self.pat, 0) as usize;
        self.schema.datatypes.get(number).filter(|_| arena.kind(self.pat) == Kind::Data)
    }

    /// The least and the greatest value of [`Form::Data`], where it has such.
    pub fn limits(self) -> (Option<&'s str>, Option<&'s str>) {
        self.datatype().map_or((None, None), Datatype::limits)
    }
}

impl Schema {
    /// The elements that a document may begin with.
    pub fn roots(&self) -> Vec<Part<'_>> {
        let arena = Arena::new(&self.nodes);
        let mut roots = Vec::new();
        let mut waiting = vec![self.start];
        while let Some(pat) = waiting.pop() {
            match arena.kind(pat) {
                Kind::Choice => waiting.extend(arena.operands(pat).iter().map(|pat| Pat(*pat))),
                Kind::NotAllowed
                | Kind::Empty
                | Kind::Text
                | Kind::Data
                | Kind::Value
                | Kind::List
                | Kind::Attribute
                | Kind::Element
                | Kind::OneOrMore
                | Kind::Group
                | Kind::Interleave
                | Kind::After => roots.push(Part { schema: self, pat }),
            }
        }
        roots
    }

    /// What is allowed in an element; `None` where the grammar does not know the element, or one around it.
    pub fn permitted(&self, element: Element<'_>) -> Option<Permitted<'_>> {
        let mut engine = Engine::new(self);
        let (contents, narrowed, _) = self.place(&mut engine, element)?;
        let part = |pat: Pat| Part { schema: self, pat };
        let arena = &engine.arena;
        let leaves = |pats: &[Pat]| {
            let mut found: Vec<Pat> = pats.iter().flat_map(|pat| attributes(arena, *pat)).collect();
            found.sort_unstable();
            found.dedup();
            found.into_iter().map(part).collect()
        };
        let mut children: Vec<u32> = narrowed.iter().flat_map(|pat| definitions(arena, *pat, false)).collect();
        children.sort_unstable();
        children.dedup();
        let mut permitted = Permitted {
            attributes: leaves(&contents),
            missing: leaves(&narrowed),
            children: Vec::new(),
            contents: contents.into_iter().map(part).collect(),
        };
        permitted.children =
            children.into_iter().map(|number| part(engine.arena.intern(Kind::Element, &[number]))).collect();
        Some(permitted)
    }
}

#[cfg(test)]
mod tests {
    use virtc_diag::SourceFile;

    use super::*;

    const SCHEMA: &str = "datatypes xsd = 'http://www.w3.org/2001/XMLSchema-datatypes'
        start = element a { element i { (attribute type { 'x' }, element p { empty }) | (attribute type { 'y' },
        attribute n { xsd:int { minInclusive = '3' } }?, element q { 'on' | 'off' }) } }";

    fn names(parts: &[Part<'_>]) -> Vec<String> {
        let name = |part: &Part<'_>| match part.form() {
            Form::Attribute { names, .. } | Form::Element { names, .. } => {
                names.first().map(|(_, name)| (*name).to_owned())
            }
            Form::NotAllowed
            | Form::Empty
            | Form::Text
            | Form::Data
            | Form::Value(_)
            | Form::List(_)
            | Form::OneOrMore(_)
            | Form::Group(_)
            | Form::Interleave(_)
            | Form::Choice(_) => None,
        };
        parts.iter().filter_map(name).collect()
    }

    #[test]
    fn what_may_stand_somewhere() {
        let schema = Schema::compile(&SourceFile::new("s", SCHEMA), &mut |_, _| Err(String::new())).unwrap();
        assert_eq!(names(&schema.roots()), ["a"]);
        let (document, _) = virtc_xml::parse(&SourceFile::new("d", "<a><i type='y'/></a>"));
        let permitted = schema.permitted(document.root().unwrap().child("i").unwrap()).unwrap();
        assert_eq!(permitted.attributes.len(), 3, "{:?}", names(&permitted.attributes));
        assert_eq!(names(&permitted.missing), ["n"]);
        assert_eq!(names(&permitted.children), ["q"]);
        let Some(Form::Attribute { value, .. }) = permitted.missing.first().map(|part| part.form()) else { panic!() };
        assert_eq!(value.limits(), (Some("3"), Some("2147483647")));
        assert!(value.takes("4") && !value.takes("2") && !value.takes("x"));
        let Some(Form::Element { content, .. }) = permitted.children.first().map(|part| part.form()) else { panic!() };
        let Form::Choice(words) = content.form() else { panic!() };
        assert!(words.iter().all(|word| matches!(word.form(), Form::Value("on" | "off"))));
    }
}
