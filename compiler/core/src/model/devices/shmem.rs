//! `<shmem>`: memory that guests of one host share.

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_plan::Node;

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, Switch, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::address::Address;
use crate::model::devices::chardev::{self, Backend, Chardev};
use crate::model::devices::{AliasStem, BusSlot, Can, Device, DeviceElement, Info, Live, common};
use crate::model::elements::memory::bytes;
use crate::model::slot::PCI_DEVICE;
use crate::qemu::{ArgSection, Payload, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Models of shared memory.
    pub enum Model { Old = "ivshmem", Plain = "ivshmem-plain", Doorbell = "ivshmem-doorbell" }
}

words! {
    /// Whether the memory survives a migration of the guest.
    pub enum Role { Master = "master", Peer = "peer" }
}

/// `<msi>`: interrupts among the guests.
#[derive(Debug, Clone)]
pub struct Msi {
    vectors: Opt<u32>,
    ioeventfd: Opt<Switch>,
}

/// `<shmem>`.
#[derive(Debug, Clone)]
pub struct Shmem {
    /// The name of the memory in `/dev/shm`.
    pub name: Spanned<String>,
    /// Whether the memory survives a migration.
    pub role: Opt<Role>,
    /// The model.
    pub model: Opt<Model>,
    /// Bytes.
    pub size: Opt<u64>,
    /// The server of a doorbell: its socket, where one is named.
    pub server: Option<Opt<String>>,
    /// Interrupts.
    pub msi: Option<Msi>,
    info: Info,
    origin: Origin,
}

static SIZE: DefaultRule = DefaultRule { name: "shmem-size", text: "shared memory without a size has 4 MiB" };
static IOEVENTFD: DefaultRule =
    DefaultRule { name: "shmem-ioeventfd", text: "the interrupts of shared memory go over eventfds" };
static MODEL: DefaultRule =
    DefaultRule { name: "shmem-model", text: "shared memory without a model is `ivshmem`, which QEMU has no more" };

impl Shmem {
    fn socket(&self) -> Option<String> {
        let named = self.server.as_ref()?.as_ref().map(|p| p.value.clone());
        Some(named.unwrap_or_else(|| format!("/var/lib/libvirt/shmem-{}-sock", self.name.value)))
    }
}

impl DeviceElement for Shmem {
    const ELEMENT: &'static str = "shmem";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let (name, server, msi) = (f.attr("name"), f.child("server"), f.child("msi"));
        let msi = msi.map(|m| {
            // `enabled` is what the presence of the element says already.
            let _: Opt<Switch> = m.attr("enabled");
            Msi { vectors: m.attr("vectors"), ioeventfd: m.attr("ioeventfd") }
        });
        Some(Self {
            role: f.attr("role"),
            model: f.child_attr("model", "type"),
            size: f.child("size").and_then(|s| bytes(&s, "b")).filter(|size| size.value > 0),
            server: server.map(|s| s.attr("path")),
            msi,
            info: Info::lower(f),
            origin: f.origin(),
            name: name?,
        })
    }

    fn matches_description(&self, other: &Self) -> bool {
        let size = other.size.is_none() || self.size == other.size;
        let model = other.model.is_none() || self.model == other.model;
        self.name == other.name && size && model && (other.role.is_none() || self.role == other.role)
    }
}

impl Device for Shmem {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("shmem").attr("name", &self.name).opt("role", &self.role).children(|w| {
            w.tag("model").opt("type", &self.model).end();
            if let Some(size) = self.size.get().filter(|s| *s > 0) {
                w.tag("size").attr("unit", "M").text(&(size >> 20).to_string());
            }
            if let Some(path) = &self.server {
                w.tag("server").opt("path", path).end();
            }
            if let Some(msi) = &self.msi {
                w.tag("msi").opt("vectors", &msi.vectors).opt("ioeventfd", &msi.ioeventfd).end();
            }
            self.info.write(w);
        });
    }

    /// What `qemuDomainShmemDefPostParse` and `qemuValidateDomainDeviceDefShmem` in libvirt's `src/qemu` say.
    fn define(&mut self, defaults: &mut Defaults<'_>) {
        let model = self.model.get_or_insert(Spanned::rule(Model::Old, &MODEL, self.origin)).value;
        if model == Model::Plain && self.size.is_none() {
            self.size = Some(Spanned::rule(4 << 20, &SIZE, self.origin));
        }
        if model == Model::Doorbell && self.server.is_some() {
            let msi = self.msi.get_or_insert(Msi { vectors: None, ioeventfd: None });
            msi.ioeventfd.get_or_insert(Spanned::rule(Switch::On, &IOEVENTFD, self.origin));
        }
        let span = self.origin.span();
        let mut refuse = |span, message: &str, help: &str| {
            defaults.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
        };
        if let Some(size) = self.size.as_ref().filter(|s| s.value < 1 << 20 || !s.value.is_power_of_two()) {
            let next = size.value.max(1 << 20).checked_next_power_of_two().unwrap_or(1 << 20) >> 20;
            let help = format!("write `<size unit='M'>{next}</size>`");
            let message = "the size of shared memory is a power of two, and at least 1 MiB";
            refuse(size.origin.span(), message, &help);
        }
        match model {
            Model::Old => {
                refuse(span, "QEMU has no model `ivshmem` since version 4", "write `<model type='ivshmem-plain'/>`");
            }
            Model::Plain if self.server.is_some() => {
                refuse(
                    span,
                    "`ivshmem-plain` has no `<server>`",
                    "write `<model type='ivshmem-doorbell'/>`, or remove `<server>`",
                );
            }
            Model::Plain if self.msi.is_some() => {
                refuse(
                    span,
                    "`ivshmem-plain` has no interrupts (`<msi>`)",
                    "write `<model type='ivshmem-doorbell'/>`, or remove `<msi>`",
                );
            }
            Model::Doorbell if self.server.is_none() => {
                refuse(span, "`ivshmem-doorbell` needs a `<server>`", "add `<server path='/path/to/socket'/>`");
            }
            Model::Doorbell if self.size.is_some() => {
                refuse(span, "the size of an `ivshmem-doorbell` is that of its server", "remove `<size>`");
            }
            Model::Plain | Model::Doorbell => {}
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        if let Some(place) = self.info.address.as_ref().filter(|a| !matches!(a.value, Address::Pci { .. })) {
            let message = "shared memory is a PCI device";
            let span = place.origin.span();
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message);
            faults.push(fault.help("remove the `<address>` to have one assigned"));
        }
        if self.name.contains('/') || matches!(self.name.as_str(), "." | "..") {
            let message =
                format!("the name of shared memory becomes one of a file, which `{}` cannot be", self.name.value);
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, self.name.origin, message);
            faults.push(fault.help("write a name without `/`"));
        }
        let first = domain.devices.shmems.iter().find(|s| s.name == self.name);
        if first.is_some_and(|first| !std::ptr::eq(first, self)) {
            let message = format!("two `<shmem>` have the name `{}`", self.name.value);
            let fault = Diagnostic::at(&codes::REFUSED_BY_QEMU, self.name.origin, message);
            faults.push(fault.help("give each its own `name`"));
        }
    }

    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        BusSlot::Pci(PCI_DEVICE)
    }

    fn live(&self) -> Live {
        let is_old = self.model.is(&Model::Old);
        Live::plug(Can::when(!is_old, || "shared memory of model `ivshmem`".to_owned()))
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("shmem")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        let props = Props::new().with("driver", self.model.as_ref().map_or("", |m| m.word())).with("id", alias);
        if let Some(socket) = self.socket() {
            let backend = Backend::Connect { path: socket.into(), again: None };
            let chardev = Chardev { id: chardev::id(alias), backend, log: None };
            let msi = self.msi.as_ref();
            let props = props
                .with("chardev", chardev::id(alias))
                .opt("vectors", msi.and_then(|m| m.vectors.get()))
                .opt("ioeventfd", msi.and_then(|m| m.ioeventfd.get()).map(Switch::is_on));
            // As in libvirt, the device is before its socket; a hotplug script turns them round.
            out.device(ArgSection::Shmems, props.and(cx.pci_address(&self.info.address)), self.origin);
            return out.push(ArgSection::Shmems, "chardev", Payload::Chardev(chardev), self.origin);
        }
        let memory = format!("shmmem-{alias}");
        let object = Props::new()
            .with("qom-type", "memory-backend-file")
            .with("id", &memory)
            .with("mem-path", format!("/dev/shm/{}", self.name.value))
            .with("size", self.size.get().unwrap_or(4 << 20))
            .with("share", true);
        out.json(ArgSection::Shmems, "object", object, self.origin);
        let master = self.role.get().map(|r| if r == Role::Master { "on" } else { "off" });
        let props = props.with("memdev", memory).opt("master", master);
        out.device(ArgSection::Shmems, props.and(cx.pci_address(&self.info.address)), self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        match self.socket() {
            Some(socket) => out.own(Node::Path(socket), self.origin),
            None => out.refuse("`<shmem>` without a server", self.origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn memory_and_doorbell() {
        let t = trial(
            "<shmem name='a' role='peer'><model type='ivshmem-plain'/></shmem>\
             <shmem name='b'><model type='ivshmem-doorbell'/><server/></shmem>",
            &["shm"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                r#"-object {"qom-type":"memory-backend-file","id":"shmmem-shmem0","mem-path":"/dev/shm/a","size":4194304,"share":true}"#,
                r#"-device {"driver":"ivshmem-plain","id":"shmem0","memdev":"shmmem-shmem0","master":"off","bus":"pci.0","addr":"0x2"}"#,
                r#"-device {"driver":"ivshmem-doorbell","id":"shmem1","chardev":"charshmem1","ioeventfd":true,"bus":"pci.0","addr":"0x3"}"#,
                "-chardev socket,id=charshmem1,path=/var/lib/libvirt/shmem-b-sock",
            ]
        );
    }

    #[test]
    fn what_does_not_fit() {
        for (given, fault) in [
            (
                "<model type='ivshmem-plain'/><size unit='KiB'>5</size>",
                "the size of shared memory is a power of two, and at least 1 MiB",
            ),
            ("<model type='ivshmem-plain'/><msi/>", "`ivshmem-plain` has no interrupts (`<msi>`)"),
            ("<model type='ivshmem-doorbell'/>", "`ivshmem-doorbell` needs a `<server>`"),
        ] {
            assert_eq!(trial(&format!("<shmem name='s'>{given}</shmem>"), &[]).faults, [fault]);
        }
    }
}
