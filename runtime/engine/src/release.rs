//! After a detach: what was done for the device is reverted, except what other devices still need.

use crate::change::Change;
use crate::engine::Engine;
use crate::error::RevertFailed;
use crate::host::Result;
use crate::host::operations::HostOp;
use crate::journal::Recorded;
use crate::steps;

impl Engine<'_> {
    /// Reverts what was done to the host for a device that QEMU no longer has.
    pub(crate) fn release(&mut self, device: &str) -> Vec<RevertFailed> {
        let mut failed = Vec::new();
        let of_device = |(n, r): (usize, &Recorded)| {
            let is_settled = r.change.apply.operation().is_settled_by_detach();
            (is_settled && r.device.as_deref() == Some(device)).then_some(n)
        };
        let settled: Vec<usize> = self.journal.not_reverted().filter_map(of_device).collect();
        if let Some((group, former)) = self.journal.acl()
            && former.contains_key(device)
        {
            let mut table = former.clone();
            table.remove(device);
            let change = steps::replace_acl(&group, former, table);
            if let Err(error) = self.make("detach", None, &change) {
                failed.push(RevertFailed { what: change.apply.describe(), error });
            }
        }
        for n in settled {
            if let Err(error) = self.journal.reverted(self.host, n) {
                failed.push(RevertFailed { what: "write the journal".into(), error });
            }
        }
        if let Err(error) = self.hand_over(device) {
            failed.push(RevertFailed { what: "write the journal".into(), error });
        }
        self.revert(&mut failed, |_, of| of == Some(device));
        failed
    }

    /// A property that a later change for another device has set again stays as it is: that change reverts it, to the value that was there
    /// before this device. The later changes are made anew with that inverse, so that at every moment the whole journal reverts to it.
    fn hand_over(&mut self, device: &str) -> Result<()> {
        loop {
            let not_reverted: Vec<(usize, Recorded)> =
                self.journal.not_reverted().map(|(n, r)| (n, r.clone())).collect();
            let of_others = |n: usize, op: &HostOp| -> Vec<(usize, Recorded)> {
                let is_later = |(m, r): &&(usize, Recorded)| *m > n && is_shared(&r.change.apply, op);
                not_reverted.iter().rev().filter(is_later).cloned().collect()
            };
            let shared = not_reverted.iter().filter(|(_, r)| r.device.as_deref() == Some(device)).find_map(|(n, r)| {
                let later = of_others(*n, &r.change.apply);
                later.iter().any(|(_, r)| r.device.as_deref() != Some(device)).then_some((
                    *n,
                    r.change.revert.clone(),
                    later,
                ))
            });
            let Some((n, before, later)) = shared else { return Ok(()) };
            let mut before = Some(before);
            for (_, recorded) in &later {
                let revert = before.take().unwrap_or_else(|| recorded.change.revert.clone());
                let change = Change { apply: recorded.change.apply.clone(), revert };
                self.make(&recorded.step, recorded.device.as_deref(), &change)?;
            }
            for (m, _) in later.iter().rev() {
                self.journal.reverted(self.host, *m)?;
            }
            self.journal.reverted(self.host, n)?;
        }
    }
}

/// Whether both set the same property of the same thing, for which several devices may ask.
fn is_shared(one: &HostOp, other: &HostOp) -> bool {
    one.operation().shared_property().is_some_and(|one| Some(one) == other.operation().shared_property())
}
