//! Changes are applied and verified in order, and reverted newest first.

use std::path::PathBuf;

use virtc_plan::{DevicePlan, PlannedStep, Step};

use crate::change::Change;
use crate::error::{Failure, HostError, RevertFailed};
use crate::event::Event;
use crate::group::Group;
use crate::host::operations::HostOp;
use crate::host::resources::User;
use crate::host::{Host, Result};
use crate::journal::Journal;
use crate::steps::{self, Context};

/// What is the same for every step of one VM.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The VM's private directory.
    pub dir: PathBuf,
    /// The user that QEMU runs as; absent: the caller.
    pub user: Option<User>,
    /// Where QEMU's processes are put.
    pub group: Group,
    /// How long QEMU may take until the greeting of its monitor, in milliseconds.
    pub handshake_ms: u64,
}

/// Executes steps on a host, with a journal.
pub struct Engine<'a> {
    /// The host.
    pub host: &'a mut dyn Host,
    /// What was done so far.
    pub journal: Journal,
    /// What is the same for every step.
    pub setting: Setting,
    /// Gets the events.
    pub report: &'a mut dyn FnMut(&Event<'_>),
    /// Called before every write: whether to stop here.
    pub is_interrupted: &'a mut dyn FnMut() -> bool,
}

/// Whether these are the steps of a whole VM.
///
/// # Errors
/// They do not start QEMU exactly once.
pub fn check(planned: &[PlannedStep]) -> Result<()> {
    match planned.iter().filter(|planned| matches!(planned.step, Step::Spawn { .. })).count() {
        1 => Ok(()),
        count => Err(HostError::Unsuitable(format!("a plan starts QEMU once, and this one {count} times"))),
    }
}

impl Engine<'_> {
    /// Executes the steps in order.
    ///
    /// # Errors
    /// The first cause, with the step's origin. Nothing is reverted yet.
    pub fn perform(&mut self, planned: &[PlannedStep]) -> std::result::Result<(), Failure> {
        for (index, PlannedStep { step, origin, device }) in planned.iter().enumerate() {
            (self.report)(&Event::Step { number: index + 1, of: planned.len(), origin: origin.to_string() });
            self.step(step, &origin.to_string(), device.as_deref()).map_err(|cause| {
                (self.report)(&Event::Failed(&cause));
                Failure { at: Some(origin.to_string()), cause, not_reverted: Vec::new() }
            })?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, origin: &str, device: Option<&str>) -> Result<()> {
        for nth in 0.. {
            if (self.is_interrupted)() {
                return Err(HostError::Interrupted);
            }
            let acl = self.journal.acl();
            let context = Context {
                host: self.host.read(),
                dir: &self.setting.dir,
                user: self.setting.user.as_ref(),
                group: &self.setting.group,
                acl: acl.as_ref().map(|(_, table)| table),
                device: device.unwrap_or_default(),
                handshake_ms: self.setting.handshake_ms,
            };
            let Some(change) = steps::change(step, nth, &context)? else { break };
            self.make(origin, device, &change)?;
        }
        Ok(())
    }

    pub(crate) fn make(&mut self, origin: &str, device: Option<&str>, change: &Change) -> Result<()> {
        let n = self.journal.about_to(self.host, origin, device, change)?;
        if let Err(error) = self.host.apply(&change.apply) {
            if matches!(error, HostError::Refused { .. }) {
                // QEMU refused, and did nothing. The inverse must not be executed: it could hit another device of the same name.
                self.journal.reverted(self.host, n)?;
            }
            return Err(error);
        }
        self.verify(&change.apply, false)?;
        self.journal.applied(self.host, n)?;
        (self.report)(&Event::Applied(&change.apply));
        Ok(())
    }

    fn verify(&self, op: &HostOp, is_revert: bool) -> Result<()> {
        if op.operation().verify(self.host, is_revert)? { Ok(()) } else { Err(HostError::NotVerified(op.describe())) }
    }

    /// Reverts everything: first QEMU is killed, so that nothing holds a device; then all changes newest first. It goes on after
    /// a failure, and returns all that could not be reverted.
    pub fn revert_all(&mut self) -> Vec<RevertFailed> {
        let mut failed = Vec::new();
        let reverts = self.journal.not_reverted().filter_map(|(_, recorded)| recorded.change.revert.as_ref());
        for op in reverts.filter(|op| op.operation().ends_qemu()) {
            // A failure here shows again where the kill has its turn.
            let _ = self.host.apply(op);
        }
        self.revert(&mut failed, |_, _| true);
        failed
    }

    /// Reverts the changes since number `first`, newest first.
    fn revert_since(&mut self, first: usize) -> Vec<RevertFailed> {
        let mut failed = Vec::new();
        self.revert(&mut failed, |n, _| n >= first);
        failed
    }

    /// Reverts the wanted changes, by their numbers and devices, newest first.
    pub(crate) fn revert(&mut self, failed: &mut Vec<RevertFailed>, wanted: impl Fn(usize, Option<&str>) -> bool) {
        let chosen: Vec<(usize, bool, Option<HostOp>)> = self
            .journal
            .not_reverted()
            .filter(|(n, recorded)| wanted(*n, recorded.device.as_deref()))
            .map(|(n, recorded)| (n, recorded.applied, recorded.change.revert.clone()))
            .collect();
        for (n, was_applied, op) in chosen {
            let applied = op.as_ref().map_or(Ok(()), |op| self.revert_one(op, was_applied));
            let result = applied.and_then(|()| self.journal.reverted(self.host, n));
            match (result, op) {
                (Ok(()), Some(op)) => (self.report)(&Event::Reverted(&op)),
                (Ok(()), None) => {}
                (Err(error), op) => {
                    let what = op.map_or_else(|| "write the journal".into(), |op| op.describe());
                    let one = RevertFailed { what, error };
                    (self.report)(&Event::RevertFailed(&one));
                    failed.push(one);
                }
            }
        }
    }

    fn revert_one(&mut self, op: &HostOp, was_applied: bool) -> Result<()> {
        match self.host.apply(op) {
            // QEMU may never have got the command that this one reverts.
            Err(HostError::Refused { .. }) if !was_applied => {}
            other => other?,
        }
        self.verify(op, true)
    }

    /// Adds a device to the running VM; on a failure everything that was done for it is reverted.
    ///
    /// # Errors
    /// The first cause, and what could not be reverted.
    pub fn attach(&mut self, plan: &DevicePlan) -> std::result::Result<(), Failure> {
        if self.journal.not_reverted().any(|(_, recorded)| recorded.device.as_deref() == Some(&plan.device)) {
            return Err(HostError::Unsuitable(format!("the VM has a device `{}` already", plan.device)).into());
        }
        self.all_of(plan)?;
        (self.report)(&Event::Attached(&plan.device));
        Ok(())
    }

    /// Changes a device of the running VM; on a failure everything that was done for it is reverted.
    ///
    /// # Errors
    /// The first cause, and what could not be reverted.
    pub fn update(&mut self, plan: &DevicePlan) -> std::result::Result<(), Failure> {
        self.all_of(plan)?;
        (self.report)(&Event::Updated(&plan.device));
        Ok(())
    }

    /// The steps and the script, or nothing of them.
    fn all_of(&mut self, plan: &DevicePlan) -> std::result::Result<(), Failure> {
        let first = self.journal.next();
        let own = |planned: &PlannedStep| PlannedStep { device: Some(plan.device.clone()), ..planned.clone() };
        let steps: Vec<PlannedStep> = plan.steps.iter().map(own).collect();
        let done = self.perform(&steps).and_then(|()| self.script(plan));
        done.map_err(|failure| Failure { not_reverted: self.revert_since(first), ..failure })
    }

    /// Removes a device from the running VM, and then reverts what was done to the host for it. It is done only after QEMU's `DEVICE_DELETED`.
    ///
    /// # Errors
    /// The first cause (exit code 5 where it is the guest), and what could not be reverted.
    pub fn detach(&mut self, plan: &DevicePlan) -> std::result::Result<(), Failure> {
        let first = self.journal.next();
        if let Some(step) = plan.steps.first() {
            return Err(HostError::Unsuitable(format!(
                "a detach has no steps of its own, but this one has {}",
                step.origin
            ))
            .into());
        }
        self.script(plan).map_err(|failure| Failure { not_reverted: self.revert_since(first), ..failure })?;
        let not_reverted = self.release(&plan.device);
        if let Some(one) = not_reverted.first() {
            return Err(Failure { at: None, cause: one.error.clone(), not_reverted });
        }
        (self.report)(&Event::Detached(&plan.device));
        Ok(())
    }

    fn script(&mut self, plan: &DevicePlan) -> std::result::Result<(), Failure> {
        let step = Step::QmpRun { script: plan.script.clone() };
        self.step(&step, "hotplug", Some(&plan.device)).map_err(|cause| {
            (self.report)(&Event::Failed(&cause));
            Failure { at: None, cause, not_reverted: Vec::new() }
        })
    }
}
