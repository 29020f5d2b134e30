//! Which finding hides which.

use std::collections::BTreeSet;

use virtc_diag::{Diagnostics, Severity, Span};

use crate::codes;

/// The findings of passes without those at a place where a lint is in error: where a lint has found the cause, a pass
/// that stumbles over it has nothing to add.
pub(super) fn after_lints(faults: Diagnostics, lints: &Diagnostics) -> Diagnostics {
    let causes = lints.iter().filter(|lint| lint.severity == Severity::Error);
    let causes: BTreeSet<Option<Span>> = causes.map(|lint| lint.span).collect();
    faults.into_iter().filter(|fault| !causes.contains(&fault.span)).collect()
}

/// The findings that are about a definition as such: what virtc cannot compile is no fault of it, and neither is what
/// it was not told about the host.
pub(super) fn about_definition(findings: Diagnostics) -> Diagnostics {
    let others = [&codes::NOT_YET_SUPPORTED, &codes::HOST_FACT_NEEDED];
    findings.into_iter().filter(|finding| !others.contains(&finding.code)).collect()
}

#[cfg(test)]
mod tests {
    use virtc_diag::{Code, Diagnostic};

    use super::*;

    static WARNING: Code = Code { name: "warning", severity: Severity::Warning, explanation: "A warning." };

    fn at(code: &'static Code, place: usize) -> Diagnostic {
        Diagnostic::at(code, Span::at(place), "message")
    }

    #[test]
    fn an_error_of_a_lint_hides_what_passes_say_of_its_place() {
        let faults: Diagnostics = [at(&codes::CONFLICT, 1), at(&codes::CONFLICT, 2)].into_iter().collect();
        let lints: Diagnostics = [at(&codes::BAD_VALUE, 1), at(&WARNING, 2)].into_iter().collect();
        let left: Vec<_> = after_lints(faults, &lints).into_iter().collect();
        assert_eq!(left, [at(&codes::CONFLICT, 2)]);
    }

    #[test]
    fn what_is_not_supported_is_no_fault_of_a_definition() {
        let all = [at(&codes::NOT_YET_SUPPORTED, 1), at(&codes::CONFLICT, 2), at(&codes::HOST_FACT_NEEDED, 3)];
        let left: Vec<_> = about_definition(all.into_iter().collect()).into_iter().collect();
        assert_eq!(left, [at(&codes::CONFLICT, 2)]);
    }
}
