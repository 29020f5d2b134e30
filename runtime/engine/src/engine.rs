//! Apply, verify, next; and back again, newest first.

use std::path::PathBuf;

use virtc_plan::{DevicePlan, PlannedStep, Step};

use crate::change::{Change, Group, Op, User};
use crate::error::{Failure, HostError, Stuck};
use crate::event::Event;
use crate::host::{Host, Result, holds};
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
    /// How long QEMU may take to greet on its monitor, in milliseconds.
    pub handshake_ms: u64,
}

/// Carries out steps on a host, with a journal.
pub struct Engine<'a> {
    /// The host.
    pub host: &'a mut dyn Host,
    /// What was done so far.
    pub journal: Journal,
    /// What is the same for every step.
    pub setting: Setting,
    /// Who wants to know.
    pub tell: &'a mut dyn FnMut(&Event<'_>),
    /// Asked before every write: whether to stop here.
    pub is_interrupted: &'a mut dyn FnMut() -> bool,
}

/// Whether these are the steps of a whole VM.
///
/// # Errors
/// They do not start QEMU exactly once.
pub fn check(planned: &[PlannedStep]) -> Result<()> {
    match planned.iter().filter(|planned| matches!(planned.step, Step::Spawn { .. })).count() {
        1 => Ok(()),
        count => Err(HostError::Unfit(format!("a plan starts QEMU once, and this one {count} times"))),
    }
}

impl Engine<'_> {
    /// Carries out the steps in order.
    ///
    /// # Errors
    /// The first cause, with the step's origin. Nothing is taken back yet.
    pub fn perform(&mut self, planned: &[PlannedStep]) -> std::result::Result<(), Failure> {
        for (index, PlannedStep { step, origin, device }) in planned.iter().enumerate() {
            (self.tell)(&Event::Step { number: index + 1, of: planned.len(), origin: origin.to_string() });
            self.step(step, &origin.to_string(), device.as_deref()).map_err(|cause| {
                (self.tell)(&Event::Failed(&cause));
                Failure { at: Some(origin.to_string()), cause, stuck: Vec::new() }
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
                host: self.host,
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
        if let Err(error) = self.host.apply(&change.redo) {
            if matches!(error, HostError::Refused { .. }) {
                // QEMU said no and did nothing. The inverse must not be said: it could hit another device of the same name.
                self.journal.undone(self.host, n)?;
            }
            return Err(error);
        }
        if !holds(&change.redo, false, self.host)? {
            return Err(HostError::NotHeld(change.redo.describe()));
        }
        self.journal.done(self.host, n)?;
        (self.tell)(&Event::Made(&change.redo));
        Ok(())
    }

    /// Takes everything back: first QEMU is killed, so that nothing holds a device; then all changes newest first. It goes on after
    /// a failure, and answers with all that could not be taken back.
    pub fn undo_all(&mut self) -> Vec<Stuck> {
        let mut stuck = Vec::new();
        for op in self
            .journal
            .standing()
            .filter_map(|(_, r)| matches!(r.change.undo, Op::Kill { .. }).then_some(&r.change.undo))
        {
            // A failure here shows again where the kill has its turn.
            let _ = self.host.apply(op);
        }
        self.undo(&mut stuck, |_, _| true);
        stuck
    }

    /// Takes back the changes since number `first`, newest first.
    fn undo_since(&mut self, first: usize) -> Vec<Stuck> {
        let mut stuck = Vec::new();
        self.undo(&mut stuck, |n, _| n >= first);
        stuck
    }

    pub(crate) fn undo(&mut self, stuck: &mut Vec<Stuck>, wanted: impl Fn(usize, Option<&str>) -> bool) {
        let chosen: Vec<(usize, bool, Op)> = self
            .journal
            .standing()
            .filter(|(n, recorded)| wanted(*n, recorded.device.as_deref()))
            .map(|(n, recorded)| (n, recorded.done, recorded.change.undo.clone()))
            .collect();
        for (n, was_made, op) in chosen {
            let applied = match self.host.apply(&op) {
                // QEMU may never have got the command that this takes back.
                Err(HostError::Refused { .. }) if !was_made => Ok(()),
                other => other,
            };
            let result = applied.and_then(|()| {
                if !holds(&op, true, self.host)? {
                    return Err(HostError::NotHeld(op.describe()));
                }
                self.journal.undone(self.host, n)
            });
            match result {
                Ok(()) => (self.tell)(&Event::TakenBack(&op)),
                Err(error) => {
                    let one = Stuck { what: op.describe(), error };
                    (self.tell)(&Event::Stuck(&one));
                    stuck.push(one);
                }
            }
        }
    }

    /// Adds a device to the running VM; on a failure takes back all that was done for it.
    ///
    /// # Errors
    /// The first cause, and what could not be taken back.
    pub fn attach(&mut self, plan: &DevicePlan) -> std::result::Result<(), Failure> {
        if self.journal.standing().any(|(_, recorded)| recorded.device.as_deref() == Some(&plan.device)) {
            return Err(HostError::Unfit(format!("the VM has a device `{}` already", plan.device)).into());
        }
        self.all_of(plan)?;
        (self.tell)(&Event::Attached(&plan.device));
        Ok(())
    }

    /// Changes a device of the running VM; on a failure takes back all that was done for it.
    ///
    /// # Errors
    /// The first cause, and what could not be taken back.
    pub fn update(&mut self, plan: &DevicePlan) -> std::result::Result<(), Failure> {
        self.all_of(plan)?;
        (self.tell)(&Event::Updated(&plan.device));
        Ok(())
    }

    /// The steps and the script, or nothing of them.
    fn all_of(&mut self, plan: &DevicePlan) -> std::result::Result<(), Failure> {
        let first = self.journal.next();
        let own = |planned: &PlannedStep| PlannedStep { device: Some(plan.device.clone()), ..planned.clone() };
        let steps: Vec<PlannedStep> = plan.steps.iter().map(own).collect();
        let done = self.perform(&steps).and_then(|()| self.script(plan));
        done.map_err(|failure| Failure { stuck: self.undo_since(first), ..failure })
    }

    /// Removes a device from the running VM, and then takes back what was done to the host for it. It is done only when QEMU said so.
    ///
    /// # Errors
    /// The first cause (exit code 5 where it is the guest), and what could not be taken back.
    pub fn detach(&mut self, plan: &DevicePlan) -> std::result::Result<(), Failure> {
        let first = self.journal.next();
        if let Some(step) = plan.steps.first() {
            return Err(HostError::Unfit(format!(
                "a detach has no steps of its own, but this one has {}",
                step.origin
            ))
            .into());
        }
        self.script(plan).map_err(|failure| Failure { stuck: self.undo_since(first), ..failure })?;
        let stuck = self.release(&plan.device);
        if let Some(one) = stuck.first() {
            return Err(Failure { at: None, cause: one.error.clone(), stuck });
        }
        (self.tell)(&Event::Detached(&plan.device));
        Ok(())
    }

    fn script(&mut self, plan: &DevicePlan) -> std::result::Result<(), Failure> {
        let step = Step::QmpRun { script: plan.script.clone() };
        self.step(&step, "hotplug", Some(&plan.device)).map_err(|cause| {
            (self.tell)(&Event::Failed(&cause));
            Failure { at: None, cause, stuck: Vec::new() }
        })
    }
}
