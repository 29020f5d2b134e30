//! A device for a guest that runs.

use serde_json::Value;
use virtc_compiler::emit::hotplug;
use virtc_compiler::{Changed, DeviceChange, Running, Valid};
use virtc_diag::{Diagnostic, Diagnostics, Outcome, SourceFile};
use virtc_plan::{DevicePlan, QmpScript};

use crate::findings::Findings;

/// A guest that runs: what devices are compiled against, and what was found in its definition.
#[must_use]
#[derive(Debug, Clone)]
pub struct Guest {
    running: Option<Running>,
    findings: Findings,
}

impl Guest {
    pub(crate) fn new(source: SourceFile, running: Outcome<Running>) -> Self {
        let mut found = Diagnostics::new();
        let running = running.move_into(&mut found);
        Self { running, findings: Findings::new(source, found) }
    }

    /// The domain as it runs.
    ///
    /// # Errors
    /// What was found in its definition, where that is in error.
    pub fn running(&self) -> Result<&Running, Findings> {
        self.running.as_ref().ok_or_else(|| self.findings.clone())
    }

    /// What was found in its definition.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }
}

impl From<Running> for Guest {
    fn from(running: Running) -> Self {
        let source = SourceFile::new(format!("<{} as it runs>", running.domain().name()), running.to_xml());
        Self { running: Some(running), findings: Findings::new(source, Diagnostics::new()) }
    }
}

/// What came of a device for a running guest.
#[must_use]
#[derive(Debug)]
pub struct ChangeReport {
    running: Findings,
    device: Findings,
    change: Option<Valid<DeviceChange>>,
}

impl ChangeReport {
    pub(crate) fn new(guest: &Guest, device: SourceFile, changed: Changed) -> Self {
        let (change, found) = changed.into_parts();
        let running = guest.findings.clone().and(found.running);
        Self { running, device: Findings::new(device, found.device), change }
    }

    /// Of a device that is no text.
    pub(crate) fn refused(guest: &Guest, device: SourceFile, fault: Diagnostic) -> Self {
        let device = Findings::new(device, std::iter::once(fault).collect());
        Self { running: guest.findings.clone(), device, change: None }
    }

    /// What has to be done: there, where nothing is in error.
    ///
    /// # Errors
    /// What was found in the definition of the guest, where that is in error; otherwise what was found in the device.
    pub fn change(&self) -> Result<Change<'_>, Findings> {
        match &self.change {
            Some(change) => Ok(Change { change, source: self.device.source() }),
            None if self.running.has_errors() => Err(self.running.clone()),
            None => Err(self.device.clone()),
        }
    }

    /// What was found in the definition of the running guest, and what in the device.
    pub fn findings(&self) -> [&Findings; 2] {
        [&self.running, &self.device]
    }

    /// As [`ChangeReport::findings`], without the change.
    pub fn into_findings(self) -> [Findings; 2] {
        [self.running, self.device]
    }
}

/// A change to a running guest of which nothing is in error.
#[derive(Debug, Clone, Copy)]
pub struct Change<'r> {
    change: &'r Valid<DeviceChange>,
    source: &'r SourceFile,
}

impl Change<'_> {
    /// The alias of the device, which is its name in QEMU.
    pub fn alias(&self) -> &str {
        &self.change.get().alias
    }

    /// The commands for QEMU, in order, each with what takes it back.
    ///
    /// # Errors
    /// What cannot be done to a running guest, at its place.
    pub fn script(&self) -> Result<QmpScript, Findings> {
        hotplug::script(self.change).map_err(|faults| self.refused(faults))
    }

    /// The commands for QEMU as it takes them, in order.
    ///
    /// # Errors
    /// As [`Change::script`].
    pub fn qmp(&self) -> Result<Vec<Value>, Findings> {
        Ok(hotplug::qmp(&self.script()?))
    }

    /// The commands with what has to be done to the host.
    ///
    /// # Errors
    /// As [`Change::script`], and what the runtime cannot do.
    pub fn plan(&self) -> Result<DevicePlan, Findings> {
        hotplug::plan(self.change, self.source).map_err(|faults| self.refused(faults))
    }

    /// The domain as it runs after the change.
    pub fn running(&self) -> Running {
        Running::after(self.change)
    }

    fn refused(&self, faults: Diagnostics) -> Findings {
        Findings::new(self.source.clone(), faults)
    }
}
