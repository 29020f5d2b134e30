//! Proof that nothing is in error.

/// A value that came through all its passes without an error, and of which no part could not be read. Only the passes
/// make one, so that output is never made of anything else.
#[derive(Debug)]
pub struct Valid<T>(T);

impl<T> Valid<T> {
    /// The caller has seen all findings of all passes, of which none is an error.
    pub(crate) fn new(value: T) -> Self {
        Self(value)
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The value, to be worked on.
    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}
