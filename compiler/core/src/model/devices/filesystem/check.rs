//! What a file system cannot be.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{OptExt, Origin};
use crate::model::Domain;

use super::driver::DriverType;
use super::{AccessMode, Filesystem};

impl Filesystem {
    /// What only one of the two drivers has (`qemuValidateDomainDeviceDefFS` in libvirt's `src/qemu/qemu_validate.c`).
    pub(super) fn mismatches(&self) -> Vec<(&'static str, &'static str, Origin)> {
        let mut out: Vec<(&'static str, &'static str, Option<Origin>)> = Vec::new();
        if self.is_virtiofs() {
            let access = self.access.filter(|a| a.value != AccessMode::Passthrough && self.socket.is_none());
            out.push((
                "virtiofs has only the access mode `passthrough`",
                "write `accessmode='passthrough'`",
                access.map(|a| a.origin),
            ));
            let mode = self.fmode.as_ref().or(self.dmode.as_ref());
            out.push(("virtiofs has no `fmode` and no `dmode`", "remove them", mode.map(|m| m.origin)));
            out.push(("virtiofs has no `wrpolicy`", "remove `wrpolicy`", self.driver.policy.map(|p| p.origin)));
            out.push(("virtiofs has no `model`", "remove `model`", self.model.map(|m| m.origin)));
            out.push(("virtiofs has no `multidevs`", "remove `multidevs`", self.multidevs.map(|m| m.origin)));
        } else {
            out.push((
                "`<source socket>` is for virtiofs only",
                "write `<driver type='virtiofs'/>`, or `<source dir='/path'/>`",
                self.socket.as_ref().map(|s| s.origin),
            ));
            out.push((
                "`queue` is for virtiofs only",
                "write `<driver type='virtiofs'/>`, or remove `queue`",
                self.driver.queue.map(|q| q.origin),
            ));
            out.push((
                "a guest cannot boot from a 9p file system",
                "remove `<boot>`, or write `<driver type='virtiofs'/>`",
                self.info.boot_order.map(|b| b.origin),
            ));
        }
        if self.is_mtp() {
            let access = self.access.filter(|a| a.value != AccessMode::Passthrough);
            out.push((
                "driver `mtp` has only the access mode `passthrough`",
                "write `accessmode='passthrough'`",
                access.map(|a| a.origin),
            ));
        }
        if self.driver.kind.is(&DriverType::Handle) {
            let access = self.access.filter(|a| a.value != AccessMode::Passthrough);
            out.push((
                "driver `handle` has only the access mode `passthrough`",
                "write `accessmode='passthrough'`",
                access.map(|a| a.origin),
            ));
        }
        if !self.access.is(&AccessMode::Mapped) {
            let mode = self.fmode.as_ref().or(self.dmode.as_ref());
            out.push((
                "`fmode` and `dmode` are for access mode `mapped` only",
                "write `accessmode='mapped'`, or remove them",
                mode.map(|m| m.origin),
            ));
        }
        out.into_iter().filter_map(|(message, help, origin)| Some((message, help, origin?))).collect()
    }

    /// What the rest of the domain does not allow, and what means nothing.
    pub(super) fn check_use(&self, domain: &Domain, faults: &mut Diagnostics) {
        if self.is_virtiofs() && !domain.shares_memory() {
            let message = "virtiofs needs guest memory that is shared";
            let help = domain.how_to_share();
            let span = self.driver.kind.origin_or(self.origin).span();
            faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
        }
        let unused = [
            (
                "`<binary>` means nothing where `<source socket>` names a virtiofsd that runs already",
                self.binary.as_ref().map(|b| b.origin).filter(|_| self.socket.is_some()),
            ),
            ("`<binary>` is for virtiofs only", self.binary.as_ref().map(|b| b.origin).filter(|_| !self.is_virtiofs())),
            (
                "`<idmap>` is for virtiofs only",
                Some(self.origin).filter(|_| !self.is_virtiofs() && !self.idmap.is_empty()),
            ),
        ];
        for (message, origin) in unused {
            let Some(origin) = origin else { continue };
            faults.push(Diagnostic::at(&codes::WITHOUT_EFFECT, origin, message).help("remove it"));
        }
        let mut served = domain.devices.filesystems.iter().filter(|f| f.is_virtiofs() && self.is_virtiofs());
        let first = served.find(|f| f.target == self.target);
        if first.is_some_and(|first| !std::ptr::eq(first, self)) {
            let message = format!("two file systems have the target `{}`", self.target.value);
            let fault = Diagnostic::at(&codes::CONFLICT, self.target.origin, message);
            faults.push(fault.help("give each its own `<target dir>`: the guest mounts them by it"));
        }
    }
}
