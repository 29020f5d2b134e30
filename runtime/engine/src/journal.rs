//! The journal: a JSON line for each change before it is made, and for its outcome. Lines are only added.

use serde::{Deserialize, Serialize};
use virtc_plan::DomainId;

use crate::acl::AclTable;
use crate::change::Change;
use crate::error::HostError;
use crate::group::Group;
use crate::host::{Host, Result};

/// The journal's format version.
pub const FORMAT: u32 = 2;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    /// The first line.
    Begin { journal: u32, domain: DomainId, digest: String },
    /// A change is about to be made.
    Change { n: usize, step: String, device: Option<String>, change: Box<Change> },
    /// It was made, and read back.
    Applied { n: usize },
    /// It was reverted, and read back.
    Reverted { n: usize },
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
    pub applied: bool,
    /// Whether it was reverted.
    pub reverted: bool,
}

/// The journal of one VM.
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
    /// [`HostError::Journal`]: a line that is not of this format. A torn last line is ignored: nothing was done for it yet.
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
                    journal.changes.push(Recorded { step, device, change, applied: false, reverted: false });
                }
                (Line::Applied { n }, Some(journal)) => {
                    journal.changes.get_mut(n).ok_or_else(|| damaged(format!("no change {n}")))?.applied = true;
                }
                (Line::Reverted { n }, Some(journal)) => {
                    journal.changes.get_mut(n).ok_or_else(|| damaged(format!("no change {n}")))?.reverted = true;
                }
                (Line::Begin { .. } | Line::Change { .. } | Line::Applied { .. } | Line::Reverted { .. }, _) => {
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
        self.changes.push(Recorded { step, device, change: change.clone(), applied: false, reverted: false });
        Ok(n)
    }

    /// Marks a change as made.
    ///
    /// # Errors
    /// The host's.
    pub fn applied(&mut self, host: &mut dyn Host, n: usize) -> Result<()> {
        write(host, &Line::Applied { n })?;
        if let Some(recorded) = self.changes.get_mut(n) {
            recorded.applied = true;
        }
        Ok(())
    }

    /// Marks a change as reverted.
    ///
    /// # Errors
    /// The host's.
    pub fn reverted(&mut self, host: &mut dyn Host, n: usize) -> Result<()> {
        // In memory first: where the mark cannot be written, the change is reverted nevertheless.
        if let Some(recorded) = self.changes.get_mut(n) {
            recorded.reverted = true;
        }
        write(host, &Line::Reverted { n })
    }

    /// The changes that are not reverted, with their numbers, newest first.
    pub fn not_reverted(&self) -> impl Iterator<Item = (usize, &Recorded)> {
        self.changes.iter().enumerate().rev().filter(|(_, recorded)| !recorded.reverted)
    }

    /// The number that the next change gets.
    pub fn next(&self) -> usize {
        self.changes.len()
    }

    /// The group and the table of the device ACL in force.
    pub fn acl(&self) -> Option<(Group, AclTable)> {
        self.not_reverted().find_map(|(_, recorded)| {
            let (group, table) = recorded.change.apply.operation().device_acl()?;
            Some((group.clone(), table.clone()))
        })
    }

    /// How QEMU's processes are found, once it was started.
    pub fn group(&self) -> Option<Group> {
        self.not_reverted().find_map(|(_, recorded)| recorded.change.apply.operation().process_group().cloned())
    }
}

fn write(host: &mut dyn Host, line: &Line) -> Result<()> {
    let text = serde_json::to_string(line)
        .map_err(|e| HostError::Unsuitable(format!("the line of the journal is not JSON: {e}")))?;
    host.record(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fake::Fake;
    use crate::host::operations::Disconnect;

    fn domain() -> DomainId {
        DomainId { name: "vm".into(), uuid: "u".into() }
    }

    #[test]
    fn reads_what_it_wrote_and_cuts_a_torn_line() {
        let mut host = Fake::new();
        assert_eq!(Journal::read(&mut host).unwrap(), None);
        let mut journal = Journal::begin(&mut host, &domain(), "d").unwrap();
        let change = Change::new(Disconnect {}, Disconnect {});
        let first = journal.about_to(&mut host, "a:1:1", None, &change).unwrap();
        journal.applied(&mut host, first).unwrap();
        journal.about_to(&mut host, "a:2:1", Some("net0"), &change).unwrap();
        assert_eq!(Journal::read(&mut host).unwrap(), Some(journal.clone()));
        host.journal.push_str("{\"change\":{\"n\":2,\"st");
        assert_eq!(Journal::read(&mut host).unwrap(), Some(journal.clone()));
        journal.reverted(&mut host, 1).unwrap();
        assert_eq!(Journal::read(&mut host).unwrap(), Some(journal));
    }

    #[test]
    fn damage_before_the_end_is_an_error_with_its_line() {
        let mut host = Fake::new();
        Journal::begin(&mut host, &domain(), "d").unwrap();
        host.journal.push_str("{\"applied\":{\"n\":0}}\n");
        assert!(matches!(Journal::read(&mut host), Err(HostError::Journal { line: 2, .. })));
        host.journal = "{\"begin\":{\"journal\":9,\"domain\":{\"name\":\"\",\"uuid\":\"\"},\"digest\":\"\"}}\n".into();
        assert!(Journal::read(&mut host).unwrap_err().to_string().contains("unknown format 9"));
    }
}
