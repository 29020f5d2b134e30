//! The passes in their order, from a text to a machine: written here and nowhere else.
//!
//! No pass is called from outside of this crate. Whoever drives them brings the grammar, and lints where there are
//! any, as a [`Driver`]; what comes out is [`Passed`], in which a value of which nothing is in error is a
//! [`Valid`](crate::Valid) one.

mod change;
#[cfg(test)]
pub(crate) mod fixture;
mod passed;
mod precedence;
mod running;

use virtc_diag::{Diagnostics, Outcome, SourceFile};
use virtc_rng::{Validated, Validator};
use virtc_xml::Document;

use crate::define::{Definition, define};
use crate::model::{Domain, Facts, lower};
use crate::prepare::{Machine, prepare};
use crate::target::Target;

pub use change::Change;
pub use passed::Passed;
pub use running::{Record, Running};

/// How far a text is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// XML and grammar, of any document that libvirt knows.
    Grammar,
    /// Everything that can be wrong with a document; nothing is made of it.
    Check,
    /// The definition that libvirt would store. No lint is asked.
    Definition,
    /// The machine.
    Machine,
}

/// A step on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Text to document.
    Parse,
    /// The grammar.
    Validate,
    /// Document to domain.
    Lower,
    /// Domain to definition.
    Define,
    /// What the driver itself looks for.
    Lint,
    /// Definition to machine.
    Prepare,
}

/// What the root element of a document should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// A `<domain>`.
    Domain,
    /// A device.
    Device,
    /// Anything that there is a grammar for.
    Any,
}

/// What a lint can look at: after `define`, whether that succeeded or not.
#[derive(Debug, Clone, Copy)]
pub struct View<'v> {
    /// The document as it was read; after an XML error it ends early.
    pub document: &'v Document,
    /// What the user wrote, without what is faulty; `None` where the root is no `<domain>`.
    pub domain: Option<&'v Domain>,
    /// The same with all that libvirt fills in; `None` where a part could not be read.
    pub definition: Option<&'v Definition>,
}

/// What whoever drives the passes brings along.
pub trait Driver {
    /// Checks a document against the grammar of its root.
    fn validate<'d>(&mut self, root: Root, document: &'d Document) -> Outcome<Validated<'d>>;

    /// What is worth saying about the order of the elements of a valid document. Asked for [`Goal::Check`] only.
    fn order(&mut self, _document: &Document) -> Diagnostics {
        Diagnostics::new()
    }

    /// Whether [`Driver::lint`] is to be asked, and domain and definition are to be kept: both cost a copy.
    fn is_keeping(&self) -> bool {
        false
    }

    /// What else is wrong with a definition.
    fn lint(&mut self, _view: View<'_>) -> Diagnostics {
        Diagnostics::new()
    }

    /// Called after each pass.
    fn after(&mut self, _pass: Pass) {}
}

impl Driver for Validator<'_> {
    fn validate<'d>(&mut self, _root: Root, document: &'d Document) -> Outcome<Validated<'d>> {
        Validator::validate(self, document).into()
    }
}

/// The passes, for one QEMU and one host.
#[derive(Debug, Clone, Copy)]
pub struct Passes<'s> {
    /// The QEMU to compile for.
    pub target: &'s Target,
    /// What is known of the host.
    pub facts: Facts<'s>,
}

/// What the passes made, whether it is valid or not.
#[derive(Debug, Default)]
struct Made {
    domain: Option<Box<Domain>>,
    /// Whether all of the domain could be read.
    is_whole: bool,
    definition: Option<Definition>,
    /// Whether nothing was in error up to the definition.
    is_defined: bool,
    machine: Option<Machine>,
    findings: Diagnostics,
}

impl Passes<'_> {
    /// Takes a text as far as `goal` says, or as far as its faults let it.
    pub fn run(&self, source: &SourceFile, goal: Goal, driver: &mut impl Driver) -> Passed {
        let (document, found) = virtc_xml::parse(source);
        driver.after(Pass::Parse);
        let made = self.made(&document, found, goal, driver);
        Passed::new(document, made, goal)
    }

    fn made(&self, document: &Document, parsed: Diagnostics, goal: Goal, driver: &mut impl Driver) -> Made {
        let mut made = Made { findings: parsed, ..Made::default() };
        let root = match goal {
            Goal::Grammar | Goal::Check => Root::Any,
            Goal::Definition | Goal::Machine => Root::Domain,
        };
        let checked = driver.validate(root, document).move_into(&mut made.findings);
        driver.after(Pass::Validate);
        // Networks and single devices have no more to them than their grammar.
        let is_domain = document.root().is_some_and(|root| root.is("domain"));
        let Some(checked) = checked.filter(|_| goal != Goal::Grammar && (is_domain || goal != Goal::Check)) else {
            return made;
        };
        if goal == Goal::Check && made.findings.is_empty() {
            made.findings.extend(driver.order(document));
        }
        self.compile(made, &checked, goal, driver)
    }

    /// From the grammar on. A domain that lacks a part which others need is not looked at any further: the others would
    /// miss it.
    fn compile(&self, mut made: Made, checked: &Validated<'_>, goal: Goal, driver: &mut impl Driver) -> Made {
        let lowered = lower(checked);
        driver.after(Pass::Lower);
        let is = |of: fn(&Domain) -> bool| lowered.is_valid() && lowered.partial().is_some_and(|domain| of(domain));
        made.is_whole = is(|domain| domain.unread == 0);
        let is_checkable = is(|domain| domain.is_checkable);
        let domain = lowered.move_into(&mut made.findings);
        let is_keeping = driver.is_keeping();
        let copy = if is_keeping { domain.clone() } else { None };
        let mut faults = Diagnostics::new();
        let checkable = domain.filter(|_| is_checkable);
        let definition = checkable.and_then(|domain| define(domain, self.facts).move_into(&mut faults));
        driver.after(Pass::Define);
        let goes_on = definition.is_some() && !faults.has_errors();
        made.is_defined = goes_on && made.is_whole && !made.findings.has_errors();
        let mut lints = Diagnostics::new();
        if is_keeping && goal != Goal::Definition {
            let view = View { document: checked.document(), domain: copy.as_deref(), definition: definition.as_ref() };
            lints = driver.lint(view);
            driver.after(Pass::Lint);
        }
        if goal == Goal::Definition {
            made.definition = definition;
        } else if let Some(definition) = definition.filter(|_| goes_on) {
            made.definition = is_keeping.then(|| definition.clone());
            made.machine = prepare(definition, self.target, self.facts).move_into(&mut faults);
            driver.after(Pass::Prepare);
        }
        made.domain = copy;
        made.findings.extend(precedence::after_lints(faults, &lints));
        made.findings.extend(lints);
        if goal == Goal::Check {
            made.findings = precedence::about_definition(made.findings);
        }
        made
    }
}
