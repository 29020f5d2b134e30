//! A device for a running domain.

use virtc_diag::SourceFile;
use virtc_plan::Action;

use super::{Driver, Passes, Root, Running};
use crate::model::lower_device;
use crate::prepare::{ChangeFindings, Changed, MissingDevice, attach, detach, update};

/// What is done with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is added; a medium for a drive that is there changes the medium.
    Attach,
    /// It is removed.
    Detach(MissingDevice),
    /// It is changed into the one that is described.
    Update,
}

impl From<Change> for Action {
    fn from(change: Change) -> Self {
        match change {
            Change::Attach => Self::Attach,
            Change::Detach(_) => Self::Detach,
            Change::Update => Self::Update,
        }
    }
}

impl Passes<'_> {
    /// What has to be done to `running` with the device in `device`, which is read even where the domain could not be.
    pub fn change(
        &self,
        running: Option<Running>,
        change: Change,
        device: &SourceFile,
        driver: &mut impl Driver,
    ) -> Changed {
        let (document, mut found) = virtc_xml::parse(device);
        let checked = driver.validate(Root::Device, &document).move_into(&mut found);
        let devices = checked.and_then(|checked| lower_device(&checked).move_into(&mut found));
        let (Some(running), Some(devices)) = (running, devices.filter(|_| !found.has_errors())) else {
            return Changed::none(ChangeFindings::device(found));
        };
        let (running, target, facts) = (running.into_domain(), self.target, self.facts);
        let changed = match change {
            Change::Attach => attach(running, devices, target, facts),
            Change::Detach(absent) => detach(running, devices, absent, target, facts),
            Change::Update => update(running, devices, device, target, facts),
        };
        changed.after(found)
    }
}
