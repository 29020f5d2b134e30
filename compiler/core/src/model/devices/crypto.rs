//! `<crypto>`: an accelerator of cryptography.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Spanned, words};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::virtio::VirtioOptions;
use crate::model::devices::{AliasStem, BusSlot, Device, DeviceElement, Info, common};
use crate::model::slot::PCI_DEVICE;
use crate::qemu::{ArgSection, Props, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Models of accelerators.
    pub enum Model { Virtio = "virtio" }
}

words! {
    /// Who does the work.
    pub enum Type { Qemu = "qemu" }
}

words! {
    /// What QEMU works with.
    pub enum Backend { Builtin = "builtin", Lkcf = "lkcf" }
}

/// `<crypto>`.
#[derive(Debug, Clone)]
pub struct Crypto {
    /// The model.
    pub model: Spanned<Model>,
    /// Who does the work.
    pub kind: Spanned<Type>,
    /// What QEMU works with: itself, or the host's kernel.
    pub backend: Spanned<Backend>,
    /// The number of queues.
    pub queues: Opt<u32>,
    virtio: VirtioOptions,
    info: Info,
    origin: Origin,
}

impl DeviceElement for Crypto {
    const ELEMENT: &'static str = "crypto";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let (model, kind, backend) = (f.attr("model"), f.attr("type"), f.child("backend"));
        let queues = backend.as_ref().and_then(|b| b.attr("queues"));
        let virtio = f.child("driver").map(|d| VirtioOptions::lower(&d)).unwrap_or_default();
        let (info, origin) = (Info::lower(f), f.origin());
        let backend = backend.and_then(|b| b.attr("model"));
        Some(Self { queues, virtio, info, origin, model: model?, kind: kind?, backend: backend? })
    }
}

impl Device for Crypto {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("crypto").attr("model", self.model.word()).attr("type", self.kind.word()).children(|w| {
            let queues = self.queues.filter(|q| q.value > 0);
            w.tag("backend").attr("model", self.backend.word()).opt("queues", &queues).end();
            if self.virtio.any() {
                self.virtio.write(w.tag("driver")).end();
            }
            self.info.write(w);
        });
    }

    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        // libvirt counts it among conventional devices on every machine.
        BusSlot::Pci(PCI_DEVICE)
    }

    fn takes_mmio(&self) -> bool {
        true
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Next("crypto")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        let object = format!("obj{alias}");
        if self.backend.value == Backend::Lkcf && !cx.target.at_least(8, 0) {
            let span = self.backend.origin.span();
            let message = "cryptography of the host's kernel needs QEMU 8.0";
            cx.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help("use `builtin`"));
        }
        let kind = match self.backend.value {
            Backend::Builtin => "cryptodev-backend-builtin",
            Backend::Lkcf => "cryptodev-backend-lkcf",
        };
        let queues = self.queues.get().filter(|q| *q > 0);
        let props = Props::new().with("qom-type", kind).with("id", &object).opt("queues", queues);
        out.json(ArgSection::Crypto, "object", props, self.origin);
        let props = Props::new().with("driver", "virtio-crypto-pci").and(self.virtio.props());
        let props = props.with("cryptodev", object).with("id", alias);
        out.device(ArgSection::Crypto, props.and(cx.pci_address(&self.info.address)), self.origin);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn the_work_has_an_object() {
        let t = trial("<crypto model='virtio' type='qemu'><backend model='builtin' queues='1'/></crypto>", &["crypto"]);
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                r#"-object {"qom-type":"cryptodev-backend-builtin","id":"objcrypto0","queues":1}"#,
                r#"-device {"driver":"virtio-crypto-pci","cryptodev":"objcrypto0","id":"crypto0","bus":"pci.0","addr":"0x2"}"#,
            ]
        );
    }
}
