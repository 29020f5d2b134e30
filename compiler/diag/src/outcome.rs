//! What a pass came to: a value and its findings, which cannot be separated by accident.

use crate::diagnostic::{Diagnostic, Diagnostics};

/// The result of a pass: what it made, and everything it found.
///
/// A value may be there although something is in error: a typed model without its faulty parts, say, which a lint or an editor can still
/// look at. [`Outcome::and_then`] goes on only with a value that is free of errors, and keeps the findings.
#[must_use = "the findings of a pass are lost"]
#[derive(Debug, Clone)]
pub struct Outcome<T> {
    value: Option<T>,
    findings: Diagnostics,
}

impl<T> Outcome<T> {
    /// A value, and what was found on the way to it.
    pub fn new(value: T, findings: Diagnostics) -> Self {
        Self { value: Some(value), findings }
    }

    /// No value, and why.
    pub fn none(findings: Diagnostics) -> Self {
        Self { value: None, findings }
    }

    /// Everything that was found.
    pub fn findings(&self) -> &Diagnostics {
        &self.findings
    }

    /// The value, to look at even where something is in error.
    pub fn partial(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Whether there is a value and nothing is in error.
    pub fn is_valid(&self) -> bool {
        self.value.is_some() && !self.findings.has_errors()
    }

    /// The same with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome { value: self.value.map(change), findings: self.findings }
    }

    /// What `next` makes of the value, with all findings. Where something is in error, `next` is not called.
    pub fn and_then<U>(self, next: impl FnOnce(T) -> Outcome<U>) -> Outcome<U> {
        let mut findings = self.findings;
        let value =
            self.value.filter(|_| !findings.has_errors()).and_then(|value| next(value).move_into(&mut findings));
        Outcome { value, findings }
    }

    /// The value; its findings move to `all`, which the caller has to hand on.
    pub fn move_into(self, all: &mut Diagnostics) -> Option<T> {
        all.extend(self.findings);
        self.value
    }
}

impl<T> From<Diagnostic> for Outcome<T> {
    fn from(finding: Diagnostic) -> Self {
        Self::none(std::iter::once(finding).collect())
    }
}

impl<T> From<(T, Diagnostics)> for Outcome<T> {
    fn from((value, findings): (T, Diagnostics)) -> Self {
        Self::new(value, findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Severity};

    static ERROR: Code = Code { name: "error", severity: Severity::Error, explanation: "An error." };
    static WARNING: Code = Code { name: "warning", severity: Severity::Warning, explanation: "A warning." };

    fn one(code: &'static Code) -> Diagnostics {
        std::iter::once(Diagnostic::whole_file(code, "message")).collect()
    }

    fn names<T>(outcome: &Outcome<T>) -> Vec<&'static str> {
        outcome.findings().iter().map(|found| found.code.name).collect()
    }

    #[test]
    fn warnings_go_along_and_errors_end_the_chain() {
        let done = Outcome::new(1, one(&WARNING)).and_then(|n| Outcome::new(n + 1, one(&ERROR)));
        assert_eq!((done.partial(), done.is_valid(), names(&done)), (Some(&2), false, vec!["warning", "error"]));
        let ended = done.and_then(|_| -> Outcome<i32> { panic!("called after an error") });
        assert_eq!((ended.partial(), names(&ended)), (None, vec!["warning", "error"]));
    }

    #[test]
    fn findings_move_with_the_value() {
        let mut all = one(&WARNING);
        assert_eq!(Outcome::new("a", one(&ERROR)).map(str::len).move_into(&mut all), Some(1));
        assert_eq!(all.len(), 2);
    }
}
