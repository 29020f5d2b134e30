//! The end of a start tag, after which no attribute can come.

use rustc_hash::FxHashMap;

use super::arena::{Arena, Kind, Pat};
use super::derive::Engine;

impl Engine<'_> {
    /// `pat` once the start tag is closed: attributes that did not come cannot come any more.
    pub(crate) fn close_tag(&mut self, pat: Pat) -> Pat {
        self.replace(pat, |engine| &mut engine.closed, &|arena, pat| match arena.kind(pat) {
            Kind::Attribute => Some(Pat::NOT_ALLOWED),
            _ if !arena.has_attributes(pat) => Some(pat),
            Kind::NotAllowed
            | Kind::Empty
            | Kind::Text
            | Kind::Data
            | Kind::Value
            | Kind::List
            | Kind::Element
            | Kind::OneOrMore
            | Kind::Group
            | Kind::Interleave
            | Kind::Choice
            | Kind::After => None,
        })
    }

    /// Like [`Self::close_tag`], where missing attributes are forgiven.
    pub(crate) fn close_tag_anyway(&mut self, pat: Pat) -> Pat {
        let mut none = FxHashMap::default();
        std::mem::swap(&mut none, &mut self.closed);
        let closed = self.replace(pat, |engine| &mut engine.closed, &|arena, pat| match arena.kind(pat) {
            Kind::Attribute => Some(Pat::EMPTY),
            _ if !arena.has_attributes(pat) => Some(pat),
            Kind::NotAllowed
            | Kind::Empty
            | Kind::Text
            | Kind::Data
            | Kind::Value
            | Kind::List
            | Kind::Element
            | Kind::OneOrMore
            | Kind::Group
            | Kind::Interleave
            | Kind::Choice
            | Kind::After => None,
        });
        self.closed = none;
        closed
    }

    /// Rebuilds `pat` with its leaves replaced; `After` is changed in what is open.
    fn replace(
        &mut self,
        pat: Pat,
        memo: fn(&mut Self) -> &mut FxHashMap<Pat, Pat>,
        leaf: &dyn Fn(&Arena<'_>, Pat) -> Option<Pat>,
    ) -> Pat {
        if let Some(done) = leaf(&self.arena, pat) {
            return done;
        }
        if let Some(known) = memo(self).get(&pat) {
            return *known;
        }
        let kind = self.arena.kind(pat);
        let mut parts: Vec<Pat> = self.arena.operands(pat).iter().map(|p| Pat(*p)).collect();
        let changed = if kind == Kind::After { 1 } else { parts.len() };
        for part in parts.iter_mut().take(changed) {
            *part = self.replace(*part, memo, leaf);
        }
        let done = match (kind, parts.as_slice()) {
            (Kind::Choice, parts) => self.arena.choice(parts),
            (Kind::Group, parts) => self.arena.group(parts),
            (Kind::Interleave, parts) => self.arena.interleave(parts),
            (Kind::OneOrMore, [single]) => self.arena.one_or_more(*single),
            (Kind::After, [open, rest]) => self.arena.after(*open, *rest),
            _ => pat,
        };
        memo(self).insert(pat, done);
        done
    }
}
