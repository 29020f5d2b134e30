//! What a machine is rendered as.

use std::borrow::Cow;

use virtc_compiler::emit::argv::{MapEntry, argv};
use virtc_compiler::emit::{plan, script};
use virtc_compiler::{Running, Valid};
use virtc_diag::SourceFile;
use virtc_plan::Plan;

use crate::findings::Findings;

/// A machine of which nothing is in error.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'r> {
    machine: &'r Valid<virtc_compiler::Machine>,
    source: &'r SourceFile,
}

impl<'r> Machine<'r> {
    pub(crate) fn new(machine: &'r Valid<virtc_compiler::Machine>, source: &'r SourceFile) -> Self {
        Self { machine, source }
    }

    /// The command line, the binary first. What only the runtime knows is a placeholder, such as `{state}`.
    pub fn argv(&self) -> Vec<String> {
        argv(self.machine).display().into_iter().map(Cow::into_owned).collect()
    }

    /// For each argument the place that it comes from, or the rule that added it.
    pub fn map(&self) -> Vec<MapEntry> {
        argv(self.machine).map(self.source)
    }

    /// The command line as a shell script.
    ///
    /// # Errors
    /// What a script cannot do, at its place.
    pub fn script(&self) -> Result<String, Findings> {
        script::script(self.machine).map_err(|faults| Findings::new(self.source.clone(), faults))
    }

    /// All that has to be done to a host to run it.
    ///
    /// # Errors
    /// What the runtime cannot do, at its place.
    pub fn plan(&self) -> Result<Plan, Findings> {
        plan::plan(self.machine, self.source).map_err(|faults| Findings::new(self.source.clone(), faults))
    }

    /// The domain as it runs once this machine has started.
    pub fn running(&self) -> Running {
        Running::new(self.machine)
    }
}
