//! Loading: files that others refer to are read, and definitions are gathered in scopes (specification 4.5 to 4.10, 4.17).

use std::collections::{BTreeMap, BTreeSet};

use virtc_diag::SourceFile;

use super::Loader;
use super::check::check_pattern;
use crate::error::{Fault, Place};
use crate::syntax::ast::{Combine, Define, Kind, NameClass, Pattern, Reference};
use crate::syntax::{self};

/// How deep patterns may be nested over all files.
pub(super) const MAX_DEPTH: usize = 400;
/// How many files a schema may be made of.
const MAX_FILES: usize = 1000;

pub(super) type Result<T> = std::result::Result<T, Vec<Fault>>;
/// The name of a definition; `None` is `start`.
pub(super) type DefineName = Option<Box<str>>;

/// The definitions of one grammar.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub parent: Option<usize>,
    pub defines: BTreeMap<DefineName, Joined>,
}

/// All definitions of one name.
#[derive(Debug)]
pub(super) struct Joined {
    pub bodies: Vec<Pattern>,
    pub combine: Option<Combine>,
    /// Whether one of them does not say how it is combined.
    plain: bool,
}

/// A schema with all its files.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub pattern: Option<Pattern>,
    pub scopes: Vec<Scope>,
    /// All names in name classes: namespace, and local name where there is one.
    pub names: BTreeSet<(Box<str>, Option<Box<str>>)>,
}

pub(super) struct Reader<'f, 'l> {
    files: &'f mut Vec<SourceFile>,
    load: Loader<'l>,
    loaded: Loaded,
    /// References, to be looked up when all definitions are known.
    references: Vec<(usize, Box<str>, Place)>,
    pub(super) faults: Vec<Fault>,
    /// The files that are being read, by name.
    pub(super) open: Vec<Box<str>>,
    pub(super) depth: usize,
}

/// Definitions that an include replaces, and whether they were found.
pub(super) type Overrides = BTreeMap<DefineName, bool>;

pub(super) fn load(files: &mut Vec<SourceFile>, load: Loader<'_>) -> Result<Loaded> {
    let Some(first) = files.first().cloned() else { return Err(Vec::new()) };
    let mut pattern = syntax::read(&first, 0, "")?;
    let mut reader = Reader {
        open: vec![first.name().into()],
        files,
        load,
        loaded: Loaded::default(),
        references: Vec::new(),
        faults: Vec::new(),
        depth: 0,
    };
    reader.pattern(&mut pattern, None)?;
    reader.loaded.pattern = Some(pattern);
    for (scope, name, at) in std::mem::take(&mut reader.references) {
        let known = reader.loaded.scopes.get(scope).is_some_and(|s| s.defines.contains_key(&Some(name.clone())));
        if !known {
            reader.faults.push(Fault::new(at, format!("`{name}` is not defined")));
        }
    }
    if reader.faults.is_empty() { Ok(reader.loaded) } else { Err(reader.faults) }
}

impl Reader<'_, '_> {
    /// Takes in a pattern and all it refers to.
    fn pattern(&mut self, pattern: &mut Pattern, scope: Option<usize>) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(vec![Fault::new(pattern.at, "patterns are nested too deeply")]);
        }
        check_pattern(pattern, &mut self.faults);
        let at = pattern.at;
        match &mut pattern.kind {
            Kind::Empty | Kind::NotAllowed | Kind::Text | Kind::Value(_) | Kind::Scope(_) => {}
            Kind::Element(class, content) | Kind::Attribute(class, content) => {
                self.names(class);
                self.pattern(content, scope)?;
            }
            Kind::Group(parts) | Kind::Interleave(parts) | Kind::Choice(parts) => {
                for part in parts {
                    self.pattern(part, scope)?;
                }
            }
            Kind::Optional(part)
            | Kind::ZeroOrMore(part)
            | Kind::OneOrMore(part)
            | Kind::List(part)
            | Kind::Mixed(part) => self.pattern(part, scope)?,
            Kind::Ref(name) => match scope {
                Some(scope) => self.references.push((scope, name.clone(), at)),
                None => self.faults.push(Fault::new(at, format!("`{name}` is outside of a grammar"))),
            },
            Kind::ParentRef(name) => match scope.and_then(|s| self.loaded.scopes.get(s)).and_then(|s| s.parent) {
                Some(scope) => self.references.push((scope, name.clone(), at)),
                None => {
                    self.faults.push(Fault::new(at, format!("there is no grammar around that could define `{name}`")));
                }
            },
            Kind::Data(data) => {
                if let Some(except) = &mut data.except {
                    self.pattern(except, scope)?;
                }
            }
            Kind::External(reference) => {
                let reference = reference.clone();
                let mut loaded = self.file(&reference, at)?;
                self.pattern(&mut loaded, scope)?;
                self.open.pop();
                *pattern = loaded;
            }
            Kind::Grammar(components) => {
                let components = std::mem::take(components);
                let number = self.loaded.scopes.len();
                self.loaded.scopes.push(Scope { parent: scope, defines: BTreeMap::new() });
                self.components(components, number, &mut Vec::new(), false)?;
                let has_start = self.loaded.scopes.get(number).is_some_and(|s| s.defines.contains_key(&None));
                if !has_start {
                    self.faults.push(Fault::new(at, "this grammar has no `start`"));
                }
                pattern.kind = Kind::Scope(number);
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn names(&mut self, class: &NameClass) {
        use crate::syntax::ast::NameKind;
        match &class.kind {
            NameKind::Any(except) => {
                if let Some(except) = except {
                    self.names(except);
                }
            }
            NameKind::Ns(ns, except) => {
                self.loaded.names.insert((ns.clone(), None));
                if let Some(except) = except {
                    self.names(except);
                }
            }
            NameKind::Name(ns, local) => {
                self.loaded.names.insert((ns.clone(), Some(local.clone())));
            }
            NameKind::Choice(classes) => classes.iter().for_each(|class| self.names(class)),
        }
    }

    /// Reads the file that is referred to, and leaves it open.
    pub(super) fn file(&mut self, reference: &Reference, at: Place) -> Result<Pattern> {
        let fault = |message: String| vec![Fault::new(at, message)];
        let Some(from) = self.files.get(at.file as usize).cloned() else { return Err(fault("no such file".into())) };
        let source =
            (self.load)(&reference.href, &from).map_err(|why| fault(format!("`{}`: {why}", reference.href)))?;
        if self.open.iter().any(|name| **name == *source.name()) {
            return Err(fault(format!("`{}` refers to itself", source.name())));
        }
        if self.files.len() >= MAX_FILES {
            return Err(fault("the schema has too many files".into()));
        }
        self.open.push(source.name().into());
        let number = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.push(source.clone());
        syntax::read(&source, number, &reference.ns)
    }

    pub(super) fn define(&mut self, mut define: Define, scope: usize, overrides: &mut [Overrides]) -> Result<()> {
        let mut replaced = false;
        for found in overrides.iter_mut().filter_map(|o| o.get_mut(&define.name)) {
            *found = true;
            replaced = true;
        }
        // What is replaced is checked all the same; its references count for nothing.
        let before = self.references.len();
        self.pattern(&mut define.body, Some(scope))?;
        if replaced {
            self.references.truncate(before);
            return Ok(());
        }
        let shown = define.name.as_deref().unwrap_or("start").to_owned();
        let Some(scope) = self.loaded.scopes.get_mut(scope) else { return Ok(()) };
        let Some(joined) = scope.defines.get_mut(&define.name) else {
            let joined = Joined { bodies: vec![define.body], combine: define.combine, plain: define.combine.is_none() };
            scope.defines.insert(define.name, joined);
            return Ok(());
        };
        match (joined.combine, define.combine) {
            (_, None) if joined.plain => {
                self.faults
                    .push(Fault::new(define.at, format!("`{shown}` is defined twice without saying how to combine")));
            }
            (Some(a), Some(b)) if a != b => {
                self.faults.push(Fault::new(define.at, format!("`{shown}` is combined by choice and by interleave")));
            }
            _ => {}
        }
        joined.plain |= define.combine.is_none();
        joined.combine = joined.combine.or(define.combine);
        joined.bodies.push(define.body);
        Ok(())
    }
}
