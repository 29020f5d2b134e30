//! Lints: problems of a definition that would show only on a host.
//!
//! A lint is one file in `rules`, and one line in `rules/mod.rs`. [`check`] runs them over a document; what an
//! `<!-- virtc: allow(NAME) -->` in it allows is left out.

mod allow;
mod context;
pub mod docs;
pub mod rules;
mod run;

pub use allow::{USELESS_ALLOW, suppress};
pub use context::Context;
pub use run::{Findings, check};

use virtc_diag::{Code, Diagnostics};

/// A lint: its name and explanation, and the function that checks for it.
#[derive(Debug)]
pub struct Lint {
    /// Name, severity, and the text of the rule's own file, from which [`docs::text`] makes the explanation.
    pub code: &'static Code,
    /// Looks through what is known, and reports. It keeps silent where something is missing or faulty.
    pub check: fn(&Context<'_>, &mut Diagnostics),
}

/// All diagnostics of this crate other than lints.
pub static CODES: &[&Code] = &[&USELESS_ALLOW];

/// The lint with this name.
pub fn lint(name: &str) -> Option<&'static Lint> {
    rules::ALL.iter().copied().find(|lint| lint.code.name == name)
}
