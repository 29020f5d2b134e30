//! Runs the lints.

use virtc_diag::{Code, Diagnostics};

use crate::{Context, rules, suppress};

/// What the lints found.
#[derive(Debug, Default)]
pub struct Findings {
    /// The findings, by place, without those that the document allows.
    pub diagnostics: Diagnostics,
    /// The lints that would have needed host facts and had none.
    pub skipped: Vec<&'static Code>,
}

/// Runs all lints.
pub fn check(cx: &Context<'_>) -> Findings {
    let mut found = Diagnostics::new();
    let mut skipped = Vec::new();
    for lint in rules::ALL {
        (lint.check)(cx, &mut found);
        if cx.take_wanted() {
            skipped.push(lint.code);
        }
    }
    Findings { diagnostics: suppress(cx.document, found).sorted(), skipped }
}
