//! `<vsock>`: sockets between guest and host.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::virtio::VirtioOptions;
use crate::model::devices::{AliasStem, BusSlot, Can, Device, DeviceElement, Info, Live, common};
use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf, fd};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Models of vsock devices.
    pub enum Model { Virtio = "virtio", Transitional = "virtio-transitional", NonTransitional = "virtio-non-transitional" }
}

/// `<vsock>`.
#[derive(Debug, Clone)]
pub struct Vsock {
    /// The model.
    pub model: Opt<Model>,
    /// Whether the host finds a context id.
    pub auto: Opt<YesNo>,
    /// The guest's context id, from 3.
    pub cid: Opt<u32>,
    virtio: VirtioOptions,
    info: Info,
    origin: Origin,
}

static MODEL: DefaultRule = DefaultRule { name: "vsock-model", text: "a vsock device is a virtio device" };
static AUTO: DefaultRule =
    DefaultRule { name: "vsock-cid", text: "the host finds a context id for the guest unless one is given" };

/// The first context id that a guest may have.
const FIRST: u32 = 3;

impl DeviceElement for Vsock {
    const ELEMENT: &'static str = "vsock";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let cid = f.child("cid");
        Some(Self {
            model: f.attr("model"),
            auto: cid.as_ref().and_then(|c| c.attr("auto")),
            cid: cid.and_then(|c| c.attr("address")),
            virtio: f.child("driver").map(|d| VirtioOptions::lower(&d)).unwrap_or_default(),
            info: Info::lower(f),
            origin: f.origin(),
        })
    }

    fn matches_description(&self, other: &Self) -> bool {
        other.cid.is_none_or(|cid| self.cid.is(&cid.value))
    }
}

impl Device for Vsock {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("vsock").opt("model", &self.model).children(|w| {
            if self.auto.is_some() || self.cid.is_some() {
                w.tag("cid").opt("auto", &self.auto).opt("address", &self.cid).end();
            }
            self.info.write(w);
            if self.virtio.any() {
                self.virtio.write(w.tag("driver")).end();
            }
        });
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        self.model.get_or_insert(Spanned::rule(Model::Virtio, &MODEL, self.origin));
        let auto = if self.cid.is_some() { YesNo::No } else { YesNo::Yes };
        let auto = *self.auto.get_or_insert(Spanned::rule(auto, &AUTO, self.origin));
        let span = auto.origin.span();
        let fault = match self.cid {
            Some(cid) if cid.value < FIRST => {
                Some("`address` of `<cid>` is at least 3: lower context ids are the host's")
            }
            Some(_) | None => None,
        };
        if let Some(fault) = fault {
            defaults
                .report(Diagnostic::at(&codes::CONFLICT, span, fault).help("add `address`, or set `auto` to `yes`"));
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        if let Some(auto) = self.auto.filter(|auto| auto.value == YesNo::No && self.cid.is_none()) {
            let span = auto.origin.span();
            let message = "`<vsock>` has no context id (CID)";
            let fault = Diagnostic::at(&codes::REFUSED_BY_QEMU, span, message);
            faults.push(fault.help("add `address`, or set `auto` to `yes`"));
        }
        if domain.devices.vsocks.first().is_some_and(|first| !std::ptr::eq(first, self)) {
            let span = self.origin.span();
            faults.push(
                Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, "a guest has at most one `<vsock>`")
                    .help("remove one of the two"),
            );
        }
    }

    fn bus_slot(&self, domain: &Domain) -> BusSlot {
        let express = domain.has_pcie() && !self.model.is(&Model::Transitional);
        BusSlot::Pci(if express { PCIE_DEVICE } else { PCI_DEVICE })
    }

    // libvirt puts one without an address on PCI, on every machine.
    fn allows_mmio(&self) -> bool {
        true
    }

    fn live(&self) -> Live {
        Live::plug(Can::Yes)
    }

    fn already_there(&self, running: &Domain) -> Option<String> {
        running.devices.vsocks.first().map(|_| "a vsock".to_owned())
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("vsock")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let driver = match self.model.get() {
            Some(Model::Virtio) | None => "vhost-vsock-pci",
            Some(Model::Transitional) => "vhost-vsock-pci-transitional",
            Some(Model::NonTransitional) => "vhost-vsock-pci-non-transitional",
        };
        let free = cx.facts.config().and_then(|c| c.vsock_cid);
        // An id that is neither given nor to be found is 0, which QEMU refuses.
        let cid = if self.auto.is(&YesNo::Yes) { free } else { Some(self.cid.get().unwrap_or_default()) };
        let Some(cid) = cid else {
            let message = "the host file does not say which vsock context id (CID) is free";
            let help = "give `<cid auto='no' address='…'/>`, or a host file that says `vsock_cid`";
            let span = self.auto.origin_or(self.origin).span();
            return cx.report(Diagnostic::at(&codes::HOST_FACT_NEEDED, span, message).help(help));
        };
        let alias = self.info.alias();
        let props = Props::new().with("driver", driver).and(self.virtio.props()).with("id", alias);
        let props = props.with("guest-cid", cid).with("vhostfd", fd(&format!("{alias}-vhost")));
        out.device(ArgSection::Vsock, props.and(cx.pci_address(&self.info.address)), self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        out.refuse("`<vsock>`", self.origin);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn the_context_id_is_given_or_found() {
        let t = trial("<vsock><cid address='4'/></vsock>", &["vsock"]);
        assert_eq!(t.faults, Vec::<String>::new());
        let device = r#"-device {"driver":"vhost-vsock-pci","id":"vsock0","guest-cid":4,"vhostfd":"{fd:vsock0-vhost}","bus":"pci.0","addr":"0x2"}"#;
        assert_eq!(t.argv, [device]);
        assert_eq!(trial("<vsock/>", &[]).faults, ["the host file does not say which vsock context id (CID) is free"]);
        let fault = "`address` of `<cid>` is at least 3: lower context ids are the host's";
        assert_eq!(trial("<vsock><cid address='2'/></vsock>", &[]).faults, [fault]);
    }
}
