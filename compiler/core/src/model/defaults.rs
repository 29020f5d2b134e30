//! What devices may look at while they fill in their defaults.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::ir::Arch;
use crate::model::Facts;
use crate::model::elements::os::MachineFamily;

/// What devices may look at while they fill in their defaults.
pub struct Defaults<'r> {
    /// The architecture.
    pub arch: Arch,
    /// The family of the machine type.
    pub family: MachineFamily,
    /// The name of the domain.
    pub name: String,
    /// What is known of the host.
    pub facts: Facts<'r>,
    /// What was found.
    pub(crate) faults: &'r mut Diagnostics,
}

impl Defaults<'_> {
    /// A finding. Devices fill in their defaults twice, before and after others are implied; what both find is kept once.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        if !self.faults.iter().any(|known| *known == diagnostic) {
            self.faults.push(diagnostic);
        }
    }
}
