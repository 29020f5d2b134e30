//! How interleaves stand inside each other: simplification flattens that, but libxml2 does not.

use super::load::Loaded;
use super::name_sets::NameSets;
use crate::syntax::ast::{Combine, Kind, NameClass, NameKind, Pattern};

/// An interleave as written: its parts in order.
struct Tree {
    parts: Vec<Part>,
}

/// A part: the names of its elements, and the interleaves in it.
struct Part {
    names: Vec<NameClass>,
    inner: Vec<Tree>,
}

/// Writes down the interleaves in the content of an element where one stands inside another: the length in words and each interleave.
/// An interleave is its length, this word included, and its parts; a part is a name set, the length of the interleaves inside, and these.
/// The content must not refer to itself. Gives where that begins, 0 where there is none.
pub(super) fn write(content: &Pattern, scope: usize, loaded: &Loaded, sets: &mut NameSets, out: &mut Vec<u32>) -> u32 {
    let mut trees = Vec::new();
    let mut collector = Collector { loaded, left: MAX_PATTERNS };
    collector.collect(content, scope, &mut Vec::new(), &mut trees);
    if collector.left == 0 {
        return 0;
    }
    trees.retain(|tree| tree.parts.iter().any(|part| !part.inner.is_empty()));
    if trees.is_empty() {
        return 0;
    }
    if out.is_empty() {
        out.push(0);
    }
    let start = number(out.len());
    let words: Vec<u32> = trees.iter().flat_map(|tree| words(tree, sets)).collect();
    out.push(number(words.len()));
    out.extend(words);
    start
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn words(tree: &Tree, sets: &mut NameSets) -> Vec<u32> {
    let mut out = vec![0];
    for part in &tree.parts {
        let Some(at) = part.names.first().map(|class| class.at) else { continue };
        let inner: Vec<u32> = part.inner.iter().flat_map(|tree| words(tree, sets)).collect();
        out.push(sets.number(&NameClass { kind: NameKind::Choice(part.names.clone()), at }));
        out.push(number(inner.len()));
        out.extend(inner);
    }
    let length = number(out.len());
    if let Some(first) = out.first_mut() {
        *first = length;
    }
    out
}

/// More patterns than this in one element, definitions put in, are not looked at.
const MAX_PATTERNS: usize = 20_000;

struct Collector<'l> {
    loaded: &'l Loaded,
    left: usize,
}

impl Collector<'_> {
    /// Gathers names of elements and interleaves in a pattern.
    fn collect(&mut self, pattern: &Pattern, scope: usize, names: &mut Vec<NameClass>, trees: &mut Vec<Tree>) {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return;
        }
        match &pattern.kind {
            Kind::Element(class, _) => names.push(class.clone()),
            Kind::Group(parts) | Kind::Choice(parts) => {
                for part in parts {
                    self.collect(part, scope, names, trees);
                }
            }
            Kind::Interleave(parts) => self.interleave(parts, scope, names, trees),
            Kind::Optional(part) | Kind::ZeroOrMore(part) | Kind::OneOrMore(part) => {
                self.collect(part, scope, names, trees);
            }
            Kind::Mixed(part) => self.interleave(std::slice::from_ref(part), scope, names, trees),
            Kind::Ref(name) => self.define(Some(name), scope, names, trees),
            Kind::ParentRef(name) => {
                let parent = self.loaded.scopes.get(scope).and_then(|s| s.parent);
                self.define(Some(name), parent.unwrap_or(usize::MAX), names, trees);
            }
            Kind::Scope(number) => self.define(None, *number, names, trees),
            Kind::Empty
            | Kind::NotAllowed
            | Kind::Text
            | Kind::Attribute(..)
            | Kind::List(_)
            | Kind::Data(_)
            | Kind::Value(_)
            | Kind::External(_)
            | Kind::Grammar(_) => {}
        }
    }

    fn define(&mut self, name: Option<&str>, scope: usize, names: &mut Vec<NameClass>, trees: &mut Vec<Tree>) {
        let key = name.map(Into::into);
        let Some(joined) = self.loaded.scopes.get(scope).and_then(|s| s.defines.get(&key)) else { return };
        match (joined.combine, joined.bodies.as_slice()) {
            (Some(Combine::Interleave), bodies @ [_, _, ..]) => self.interleave(bodies, scope, names, trees),
            (_, bodies) => {
                for body in bodies {
                    self.collect(body, scope, names, trees);
                }
            }
        }
    }

    fn interleave(&mut self, parts: &[Pattern], scope: usize, names: &mut Vec<NameClass>, trees: &mut Vec<Tree>) {
        let mut tree = Tree { parts: Vec::new() };
        for part in parts {
            let (mut own, mut inner) = (Vec::new(), Vec::new());
            self.collect(part, scope, &mut own, &mut inner);
            names.extend_from_slice(&own);
            if !own.is_empty() {
                tree.parts.push(Part { names: own, inner });
            }
        }
        trees.push(tree);
    }
}
