//! Includes, and the definitions that they replace (specification 4.7).

use super::load::{MAX_DEPTH, Overrides, Reader, Result};
use crate::error::Fault;
use crate::syntax::ast::{Component, Include, Kind};

impl Reader<'_, '_> {
    pub(super) fn components(
        &mut self,
        components: Vec<Component>,
        scope: usize,
        overrides: &mut Vec<Overrides>,
        in_include: bool,
    ) -> Result<()> {
        for component in components {
            match component {
                Component::Div(inner) => self.components(inner, scope, overrides, in_include)?,
                Component::Define(define) => self.define(define, scope, overrides)?,
                Component::Include(include) if in_include => {
                    self.faults
                        .push(Fault::new(include.at, "an include is not allowed in what another include replaces"));
                }
                Component::Include(include) => self.include(include, scope, overrides)?,
            }
        }
        Ok(())
    }

    fn include(&mut self, include: Include, scope: usize, overrides: &mut Vec<Overrides>) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(vec![Fault::new(include.at, "files are nested too deeply")]);
        }
        let loaded = self.file(&include.reference, include.at)?;
        let Kind::Grammar(components) = loaded.kind else {
            let message = format!("`{}` is no grammar, so it cannot be included", include.reference.href);
            return Err(vec![Fault::new(include.at, message)]);
        };
        let mut replaced = Overrides::new();
        names_of(&include.body, &mut replaced);
        overrides.push(replaced);
        self.components(components, scope, overrides, false)?;
        self.open.pop();
        for name in overrides.pop().unwrap_or_default().into_iter().filter(|(_, found)| !found).map(|(name, _)| name) {
            let name = name.as_deref().unwrap_or("start");
            let message = format!("`{name}` replaces nothing: the included grammar does not define it");
            self.faults.push(Fault::new(include.at, message));
        }
        self.components(include.body, scope, overrides, true)?;
        self.depth -= 1;
        Ok(())
    }
}

/// The names that components define.
fn names_of(components: &[Component], names: &mut Overrides) {
    for component in components {
        match component {
            Component::Div(inner) => names_of(inner, names),
            Component::Define(define) => {
                names.insert(define.name.clone(), false);
            }
            Component::Include(_) => {}
        }
    }
}
