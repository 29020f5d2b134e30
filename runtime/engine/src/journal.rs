//! What was about to be written to the host, and what became of it: one JSON line for each, only ever added.

use serde::{Deserialize, Serialize};
use virtc_plan::DomainId;

use crate::change::{AclTable, Change, Group, Op};
use crate::error::HostError;
use crate::host::{Host, Result};

/// The journal's format version.
pub const FORMAT: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    /// The first line.
    Begin { journal: u32, domain: DomainId, digest: String },
    /// A change is about to be made.
    Change { n: usize, step: String, device: Option<String>, change: Box<Change> },
    /// It was made, and read back.
    Done { n: usize },
    /// It was taken back, and read back.
    Undone { n: usize },
}

/// A change in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The origin of its step.
    pub step: String,
    /// The device that it was made for.
    pub device: Option<String>,
    /// The change.
    pub change: Change,
    /// Whether it was made and read back.
    pub done: bool,
    /// Whether it was taken back.
    pub undone: bool,
}

/// The journal of one VM, as read and as written on.
#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    /// Which VM.
    pub domain: DomainId,
    /// The digest of the plan.
    pub digest: String,
    changes: Vec<Recorded>,
}

impl Journal {
    /// Begins a journal.
    ///
    /// # Errors
    /// The host's: it cannot be written.
    pub fn begin(host: &mut dyn Host, domain: &DomainId, digest: &str) -> Result<Self> {
        write(host, &Line::Begin { journal: FORMAT, domain: domain.clone(), digest: digest.to_owned() })?;
        Ok(Self { domain: domain.clone(), digest: digest.to_owned(), changes: Vec::new() })
    }

    /// Reads the journal that the host has; `None` where none was begun.
    ///
    /// # Errors
    /// [`HostError::Journal`]: a line that is not of this format. A torn last line is no error: nothing was done for it yet.
    pub fn read(host: &mut dyn Host) -> Result<Option<Self>> {
        let text = host.recorded()?;
        let mut journal: Option<Self> = None;
        for (index, line) in text.lines().enumerate() {
            let damaged = |why: String| HostError::Journal { line: index + 1, why };
            let line = serde_json::from_str(line).map_err(|e| damaged(e.to_string()))?;
            match (line, journal.as_mut()) {
                (Line::Begin { journal: FORMAT, domain, digest }, None) => {
                    journal = Some(Self { domain, digest, changes: Vec::new() });
                }
                (Line::Begin { journal, .. }, None) => return Err(damaged(format!("unknown format {journal}"))),
                (Line::Change { n, step, device, change }, Some(journal)) if n == journal.changes.len() => {
                    let change = *change;
                    journal.changes.push(Recorded { step, device, change, done: false, undone: false });
                }
                (Line::Done { n }, Some(journal)) => {
                    journal.changes.get_mut(n).ok_or_else(|| damaged(format!("no change {n}")))?.done = true;
                }
                (Line::Undone { n }, Some(journal)) => {
                    journal.changes.get_mut(n).ok_or_else(|| damaged(format!("no change {n}")))?.undone = true;
                }
                (Line::Begin { .. } | Line::Change { .. } | Line::Done { .. } | Line::Undone { .. }, _) => {
                    return Err(damaged("out of order".into()));
                }
            }
        }
        Ok(journal)
    }

    /// Writes down a change that is about to be made; answers with its number.
    ///
    /// # Errors
    /// The host's.
    pub fn about_to(
        &mut self,
        host: &mut dyn Host,
        step: &str,
        device: Option<&str>,
        change: &Change,
    ) -> Result<usize> {
        let n = self.changes.len();
        let (step, device) = (step.to_owned(), device.map(ToOwned::to_owned));
        write(host, &Line::Change { n, step: step.clone(), device: device.clone(), change: Box::new(change.clone()) })?;
        self.changes.push(Recorded { step, device, change: change.clone(), done: false, undone: false });
        Ok(n)
    }

    /// Marks a change as made.
    ///
    /// # Errors
    /// The host's.
    pub fn done(&mut self, host: &mut dyn Host, n: usize) -> Result<()> {
        write(host, &Line::Done { n })?;
        if let Some(recorded) = self.changes.get_mut(n) {
            recorded.done = true;
        }
        Ok(())
    }

    /// Marks a change as taken back.
    ///
    /// # Errors
    /// The host's.
    pub fn undone(&mut self, host: &mut dyn Host, n: usize) -> Result<()> {
        // In memory first: where the mark cannot be written, the change is nevertheless taken back.
        if let Some(recorded) = self.changes.get_mut(n) {
            recorded.undone = true;
        }
        write(host, &Line::Undone { n })
    }

    /// The changes that stand, with their numbers, newest first.
    pub fn standing(&self) -> impl Iterator<Item = (usize, &Recorded)> {
        self.changes.iter().enumerate().rev().filter(|(_, recorded)| !recorded.undone)
    }

    /// The number that the next change gets.
    pub fn next(&self) -> usize {
        self.changes.len()
    }

    /// The group and the table of the device ACL in force.
    pub fn acl(&self) -> Option<(Group, AclTable)> {
        self.standing().find_map(|(_, recorded)| {
            let Op::Acl { group, table: Some(table) } = &recorded.change.redo else { return None };
            Some((group.clone(), table.clone()))
        })
    }

    /// In what QEMU's processes are found, once it was started.
    pub fn group(&self) -> Option<Group> {
        self.standing().find_map(|(_, recorded)| {
            let Op::Spawn(launch) = &recorded.change.redo else { return None };
            Some(launch.group.clone())
        })
    }
}

fn write(host: &mut dyn Host, line: &Line) -> Result<()> {
    let text =
        serde_json::to_string(line).map_err(|e| HostError::Unfit(format!("the journal's line is no JSON: {e}")))?;
    host.record(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fake::Fake;

    fn domain() -> DomainId {
        DomainId { name: "vm".into(), uuid: "u".into() }
    }

    #[test]
    fn reads_what_it_wrote_and_cuts_a_torn_line() {
        let mut host = Fake::new();
        assert_eq!(Journal::read(&mut host).unwrap(), None);
        let mut journal = Journal::begin(&mut host, &domain(), "d").unwrap();
        let change = Change { redo: Op::Disconnect, undo: Op::Nothing };
        let first = journal.about_to(&mut host, "a:1:1", None, &change).unwrap();
        journal.done(&mut host, first).unwrap();
        journal.about_to(&mut host, "a:2:1", Some("net0"), &change).unwrap();
        assert_eq!(Journal::read(&mut host).unwrap(), Some(journal.clone()));
        host.journal.push_str("{\"change\":{\"n\":2,\"st");
        assert_eq!(Journal::read(&mut host).unwrap(), Some(journal.clone()));
        journal.undone(&mut host, 1).unwrap();
        assert_eq!(Journal::read(&mut host).unwrap(), Some(journal));
    }

    #[test]
    fn damage_before_the_end_is_an_error_with_its_line() {
        let mut host = Fake::new();
        Journal::begin(&mut host, &domain(), "d").unwrap();
        host.journal.push_str("{\"done\":{\"n\":0}}\n");
        assert!(matches!(Journal::read(&mut host), Err(HostError::Journal { line: 2, .. })));
        host.journal = "{\"begin\":{\"journal\":9,\"domain\":{\"name\":\"\",\"uuid\":\"\"},\"digest\":\"\"}}\n".into();
        assert!(Journal::read(&mut host).unwrap_err().to_string().contains("unknown format 9"));
    }
}
