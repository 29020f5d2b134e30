//! From the tree to nodes: the simplification of specification 4.11 to 4.21.

use std::collections::{BTreeMap, VecDeque};

use super::load::{DefineName, Loaded};
use super::name_sets::NameSets;
use super::order::Orders;
use super::tables::{Table, Texts};
use crate::datatype::{self, TypeId};
use crate::engine::arena::{Arena, Pat, first_nodes};
use crate::engine::nodes::Nodes;
use crate::error::{Fault, Place};
use crate::schema::Definition;
use crate::syntax::ast::{Combine, Data, Kind, NameClass, Pattern, Value};

/// How deep patterns may be nested once definitions are put in.
const MAX_DEPTH: usize = 250;

/// A datatype: type, parameters, and its documentation comment (a text, 0 where there is none).
pub(super) type DataKey = (TypeId, Vec<(Box<str>, Box<str>)>, u32);

/// All nodes of a schema, those that are needed no more among them.
#[derive(Debug)]
pub(super) struct Translated {
    pub nodes: Nodes,
    pub start: Pat,
    pub names: NameSets,
    pub definitions: Vec<Definition>,
    pub datatypes: Vec<DataKey>,
    pub literals: Vec<(TypeId, u32, u32)>,
    pub texts: Texts,
    pub orders: Orders,
    /// Where each definition is.
    pub places: Vec<Place>,
    /// Where attributes, lists and the like are; several that are equal share one place.
    pub pattern_places: BTreeMap<Pat, Place>,
    pub start_place: Place,
}

enum State {
    Busy,
    Done(Pat),
}

struct Translator<'t> {
    loaded: &'t Loaded,
    arena: Arena<'t>,
    names: NameSets,
    texts: Texts,
    datatypes: Table<DataKey>,
    literals: Table<(TypeId, u32, u32)>,
    definitions: Vec<Definition>,
    orders: Orders,
    places: Vec<Place>,
    pattern_places: BTreeMap<Pat, Place>,
    /// Contents of elements that are yet to be translated.
    waiting: VecDeque<(usize, &'t Pattern, usize)>,
    done: BTreeMap<(usize, DefineName), State>,
    /// The documentation of the choice around, which holds for each datatype among its alternatives: a text, 0 where there is none.
    choice_doc: u32,
    depth: usize,
}

type Result<T> = std::result::Result<T, Fault>;

pub(super) fn translate(loaded: &Loaded) -> std::result::Result<Translated, Vec<Fault>> {
    let Some(pattern) = &loaded.pattern else { return Err(Vec::new()) };
    let base = first_nodes();
    let mut texts = Texts::new();
    let mut translator = Translator {
        loaded,
        arena: Arena::new(&base),
        names: NameSets::new(loaded, &mut texts),
        texts,
        datatypes: Table::new(),
        literals: Table::new(),
        definitions: Vec::new(),
        orders: Orders::default(),
        places: Vec::new(),
        pattern_places: BTreeMap::new(),
        waiting: VecDeque::new(),
        done: BTreeMap::new(),
        choice_doc: 0,
        depth: 0,
    };
    let start = translator.all(pattern).map_err(|fault| vec![fault])?;
    Ok(Translated {
        nodes: translator.arena.into_nodes(),
        start,
        names: translator.names,
        definitions: translator.definitions,
        datatypes: translator.datatypes.list,
        literals: translator.literals.list,
        texts: translator.texts,
        orders: translator.orders,
        places: translator.places,
        pattern_places: translator.pattern_places,
        start_place: pattern.at,
    })
}

impl<'t> Translator<'t> {
    fn all(&mut self, pattern: &'t Pattern) -> Result<Pat> {
        let start = self.pattern(pattern, usize::MAX)?;
        while let Some((number, content, scope)) = self.waiting.pop_front() {
            let translated = self.pattern(content, scope)?;
            // Now it is known not to refer to itself.
            let order = self.orders.write(content, scope, self.loaded, &mut self.names);
            if let Some(definition) = self.definitions.get_mut(number) {
                definition.content = translated;
                definition.order = order;
            }
        }
        Ok(start)
    }

    fn pattern(&mut self, pattern: &'t Pattern, scope: usize) -> Result<Pat> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::new(pattern.at, "patterns are nested too deeply once definitions are put in"));
        }
        let around = std::mem::take(&mut self.choice_doc);
        let done = match &pattern.kind {
            Kind::Empty => Pat::EMPTY,
            Kind::NotAllowed | Kind::External(_) | Kind::Grammar(_) => Pat::NOT_ALLOWED,
            Kind::Text => Pat::TEXT,
            Kind::Element(class, content) => self.element(pattern, class, content, scope),
            Kind::Attribute(class, content) => self.attribute(pattern, class, content, scope)?,
            Kind::Group(parts) => {
                let parts = self.parts(parts, scope)?;
                self.arena.group(&parts)
            }
            Kind::Interleave(parts) => {
                let parts = self.parts(parts, scope)?;
                self.arena.interleave(&parts)
            }
            Kind::Choice(parts) => {
                let doc = self.doc(pattern);
                let parts = self.alternatives(parts, doc, scope)?;
                self.arena.choice(&parts)
            }
            Kind::Optional(part) => {
                let part = self.pattern(part, scope)?;
                self.arena.choice(&[part, Pat::EMPTY])
            }
            Kind::ZeroOrMore(part) => {
                let part = self.pattern(part, scope)?;
                let many = self.arena.one_or_more(part);
                self.arena.choice(&[many, Pat::EMPTY])
            }
            Kind::OneOrMore(part) => {
                let part = self.pattern(part, scope)?;
                self.arena.one_or_more(part)
            }
            Kind::Mixed(part) => {
                let part = self.pattern(part, scope)?;
                self.arena.interleave(&[part, Pat::TEXT])
            }
            Kind::List(part) => match self.pattern(part, scope)? {
                Pat::NOT_ALLOWED => Pat::NOT_ALLOWED,
                part => self.arena.intern(crate::engine::arena::Kind::List, &[part.0]),
            },
            Kind::Ref(name) => self.define(scope, Some(name.clone()), pattern.at)?,
            Kind::ParentRef(name) => {
                let parent = self.loaded.scopes.get(scope).and_then(|s| s.parent).unwrap_or(usize::MAX);
                self.define(parent, Some(name.clone()), pattern.at)?
            }
            Kind::Data(data) => {
                let doc = self.doc(pattern);
                self.data(data, if doc == 0 { around } else { doc }, scope)?
            }
            Kind::Value(value) => self.value(value, pattern.at)?,
            Kind::Scope(number) => self.define(*number, None, pattern.at)?,
        };
        self.pattern_places.entry(done).or_insert(pattern.at);
        self.depth -= 1;
        Ok(done)
    }

    fn parts(&mut self, parts: &'t [Pattern], scope: usize) -> Result<Vec<Pat>> {
        parts.iter().map(|part| self.pattern(part, scope)).collect()
    }

    /// Alternatives, `doc` being the documentation of all of them.
    fn alternatives(&mut self, parts: &'t [Pattern], doc: u32, scope: usize) -> Result<Vec<Pat>> {
        let mut translated = Vec::new();
        for part in parts {
            self.choice_doc = if matches!(part.kind, Kind::Data(_)) { doc } else { 0 };
            translated.push(self.pattern(part, scope)?);
        }
        let places = parts.iter().map(std::ptr::from_ref);
        self.orders.translated.extend(places.zip(translated.iter().copied()));
        Ok(translated)
    }

    fn doc(&mut self, pattern: &Pattern) -> u32 {
        pattern.doc.as_deref().map_or(0, |doc| self.texts.number(doc))
    }

    fn element(&mut self, pattern: &Pattern, class: &NameClass, content: &'t Pattern, scope: usize) -> Pat {
        let number = self.definitions.len();
        let (names, doc) = (self.names.number(class), self.doc(pattern));
        self.definitions.push(Definition { names, content: Pat::NOT_ALLOWED, doc, order: 0 });
        self.places.push(pattern.at);
        self.waiting.push_back((number, content, scope));
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.arena.intern(crate::engine::arena::Kind::Element, &[number])
    }

    fn attribute(&mut self, pattern: &Pattern, class: &NameClass, content: &'t Pattern, scope: usize) -> Result<Pat> {
        let value = self.pattern(content, scope)?;
        if value == Pat::NOT_ALLOWED {
            return Ok(value);
        }
        let (names, doc) = (self.names.number(class), self.doc(pattern));
        Ok(self.arena.intern(crate::engine::arena::Kind::Attribute, &[names, value.0, doc]))
    }

    fn define(&mut self, scope: usize, name: DefineName, at: Place) -> Result<Pat> {
        let key = (scope, name);
        match self.done.get(&key) {
            Some(State::Done(pat)) => return Ok(*pat),
            Some(State::Busy) => {
                let name = key.1.as_deref().unwrap_or("start");
                return Err(Fault::new(at, format!("`{name}` refers to itself with no element between")));
            }
            None => {}
        }
        let loaded = self.loaded;
        let Some(joined) = loaded.scopes.get(scope).and_then(|s| s.defines.get(&key.1)) else {
            return Err(Fault::new(at, format!("`{}` is not defined", key.1.as_deref().unwrap_or("start"))));
        };
        self.done.insert(key.clone(), State::Busy);
        let parts = self.alternatives(&joined.bodies, 0, scope)?;
        let pat = match (joined.combine, parts.as_slice()) {
            (_, [single]) => *single,
            (Some(Combine::Interleave), parts) => self.arena.interleave(parts),
            (_, parts) => self.arena.choice(parts),
        };
        self.done.insert(key, State::Done(pat));
        Ok(pat)
    }

    fn data(&mut self, data: &'t Data, doc: u32, scope: usize) -> Result<Pat> {
        let except = match &data.except {
            Some(except) => self.pattern(except, scope)?,
            None => Pat::NOT_ALLOWED,
        };
        let at = Place { file: 0, span: virtc_diag::Span::at(0) };
        let ty = datatype::find(&data.library, &data.name).map_err(|why| Fault::new(at, why))?;
        let params = data.params.iter().map(|p| (p.name.clone(), p.value.clone())).collect();
        let number = self.datatypes.number((ty, params, doc));
        Ok(self.arena.intern(crate::engine::arena::Kind::Data, &[number, except.0]))
    }

    fn value(&mut self, value: &Value, at: Place) -> Result<Pat> {
        let ty = datatype::find(&value.library, &value.name).map_err(|why| Fault::new(at, why))?;
        let ns = match (&value.prefix_ns, ty.is_name_with_prefix()) {
            (_, false) => "",
            (Some(ns), true) => ns,
            (None, true) => &value.ns,
        };
        let (text, ns) = (self.texts.number(&value.text), self.texts.number(ns));
        let number = self.literals.number((ty, text, ns));
        Ok(self.arena.intern(crate::engine::arena::Kind::Value, &[number]))
    }
}
