//! Targets that the host's kernel serves over vhost: `<hostdev type='scsi_host'>`.

use crate::ir::{Opt, OptExt, Spanned, words};
use crate::model::EmitContext;
use crate::model::devices::Info;
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf, fd};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Models of the device.
    pub enum ScsiHostModel { Virtio = "virtio", Transitional = "virtio-transitional", NonTransitional = "virtio-non-transitional" }
}

words! {
    /// How the target is reached.
    pub enum Protocol { Vhost = "vhost" }
}

/// A target of the host's kernel.
#[derive(Debug, Clone)]
pub struct ScsiHost {
    /// The model.
    pub model: Opt<ScsiHostModel>,
    /// How it is reached.
    pub protocol: Spanned<Protocol>,
    /// Its world wide port name.
    pub wwpn: Spanned<String>,
}

/// The device through which the kernel serves targets.
const VHOST_SCSI: &str = "/dev/vhost-scsi";

fn descriptor(info: &Info) -> String {
    format!("{}-vhost", info.alias())
}

impl ScsiHost {
    pub(super) fn lower(f: &Fields<'_, '_>, source: &Fields<'_, '_>) -> Option<Self> {
        let model = f.attr("model");
        let (protocol, wwpn) = (source.attr("protocol"), source.attr("wwpn"));
        Some(Self { model, protocol: protocol?, wwpn: wwpn? })
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        w.tag("source").attr("protocol", self.protocol.word()).attr("wwpn", &self.wwpn).end();
    }

    fn driver(&self) -> &'static str {
        match self.model.get() {
            None | Some(ScsiHostModel::Virtio) => "vhost-scsi-pci",
            Some(ScsiHostModel::Transitional) => "vhost-scsi-pci-transitional",
            Some(ScsiHostModel::NonTransitional) => "vhost-scsi-pci-non-transitional",
        }
    }

    pub(super) fn options(&self, cx: &EmitContext<'_>, info: &Info, out: &mut QemuOptions) {
        let props = Props::new()
            .with("driver", self.driver())
            .with("wwpn", &self.wwpn.value)
            .with("vhostfd", fd(&descriptor(info)))
            .with("id", info.alias())
            .and(cx.pci_address(&info.address));
        out.device(ArgSection::Hostdevs, props, self.wwpn.origin);
    }

    pub(super) fn host(&self, info: &Info, out: &mut RequirementsOf<'_>) {
        out.open_device(&descriptor(info), VHOST_SCSI, self.wwpn.origin);
    }
}
