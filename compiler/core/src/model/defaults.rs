//! What devices can look at when they fill in their defaults.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::ir::Arch;
use crate::model::Facts;
use crate::model::elements::os::MachineFamily;

/// What devices can look at when they fill in their defaults.
pub struct Defaults<'r> {
    /// The architecture.
    pub arch: Arch,
    /// The family of the machine type.
    pub family: MachineFamily,
    /// The name of the domain.
    pub name: String,
    /// What is known about the host.
    pub facts: Facts<'r>,
    /// The findings.
    pub(crate) faults: &'r mut Diagnostics,
}

impl Defaults<'_> {
    /// Adds a finding, unless it was added already: devices fill in their defaults twice, before and after implied
    /// devices are added.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        if !self.faults.iter().any(|known| *known == diagnostic) {
            self.faults.push(diagnostic);
        }
    }
}
