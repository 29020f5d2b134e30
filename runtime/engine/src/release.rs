//! What a device leaves behind when it goes, and what others still need of it.

use crate::change::{Change, Op};
use crate::engine::Engine;
use crate::error::Stuck;
use crate::host::Result;
use crate::journal::Recorded;
use crate::steps;

impl Engine<'_> {
    /// Takes back what was done to the host for a device that QEMU no longer has.
    pub(crate) fn release(&mut self, device: &str) -> Vec<Stuck> {
        let mut stuck = Vec::new();
        // What was said to QEMU went with the device, and the ACL is replaced by one without this device, not by a former one.
        let of_device = |(n, r): (usize, &Recorded)| {
            let settled = matches!(r.change.redo, Op::Qmp { .. } | Op::Acl { .. });
            (settled && r.device.as_deref() == Some(device)).then_some(n)
        };
        let settled: Vec<usize> = self.journal.standing().filter_map(of_device).collect();
        if let Some((group, former)) = self.journal.acl()
            && former.contains_key(device)
        {
            let mut table = former.clone();
            table.remove(device);
            let change = steps::replace_acl(&group, former, table);
            if let Err(error) = self.make("detach", None, &change) {
                stuck.push(Stuck { what: change.redo.describe(), error });
            }
        }
        for n in settled {
            if let Err(error) = self.journal.undone(self.host, n) {
                stuck.push(Stuck { what: "write the journal".into(), error });
            }
        }
        if let Err(error) = self.hand_over(device) {
            stuck.push(Stuck { what: "write the journal".into(), error });
        }
        self.undo(&mut stuck, |_, of| of == Some(device));
        stuck
    }

    /// What a later change for somebody else has set again stays as it is: whoever came last gives it back, with the value that was there
    /// before this device. The later changes are made anew with that inverse, so that at every moment the journal as a whole leads back.
    fn hand_over(&mut self, device: &str) -> Result<()> {
        loop {
            let standing: Vec<(usize, Recorded)> = self.journal.standing().map(|(n, r)| (n, r.clone())).collect();
            let of_others = |n: usize, op: &Op| -> Vec<(usize, Recorded)> {
                let is_later = |(m, r): &&(usize, Recorded)| *m > n && is_same_place(&r.change.redo, op);
                standing.iter().rev().filter(is_later).cloned().collect()
            };
            let shared = standing.iter().filter(|(_, r)| r.device.as_deref() == Some(device)).find_map(|(n, r)| {
                let later = of_others(*n, &r.change.redo);
                later.iter().any(|(_, r)| r.device.as_deref() != Some(device)).then_some((
                    *n,
                    r.change.undo.clone(),
                    later,
                ))
            });
            let Some((n, before, later)) = shared else { return Ok(()) };
            let mut before = Some(before);
            for (_, recorded) in &later {
                let undo = before.take().unwrap_or_else(|| recorded.change.undo.clone());
                let change = Change { redo: recorded.change.redo.clone(), undo };
                self.make(&recorded.step, recorded.device.as_deref(), &change)?;
            }
            for (m, _) in later.iter().rev() {
                self.journal.undone(self.host, *m)?;
            }
            self.journal.undone(self.host, n)?;
        }
    }
}

/// Whether both set the same property of the same thing, for which several devices may ask.
fn is_same_place(one: &Op, other: &Op) -> bool {
    match (one, other) {
        (Op::Owner { path, id, .. }, Op::Owner { path: other, id: other_id, .. }) => (path, id) == (other, other_id),
        (Op::Memlock { group, .. }, Op::Memlock { group: other, .. }) => group == other,
        _ => false,
    }
}
