//! SCSI devices: those at an adapter of the host, and those at an iSCSI target that QEMU connects to.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::model::Defaults;
use crate::model::EmitContext;
use crate::model::devices::Info;
use crate::model::devices::address::Address;
use crate::model::devices::controller::{Controller, ControllerType, ScsiModel};
use crate::model::storage::{Auth, SecretUsage, secret_object};
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// How the device is reached.
    pub enum Protocol { Adapter = "adapter", Iscsi = "iscsi" }
}

words! {
    /// Whether the kernel filters commands.
    pub enum SgIo { Filtered = "filtered", Unfiltered = "unfiltered" }
}

/// An iSCSI target.
#[derive(Debug, Clone)]
pub struct Iscsi {
    /// IQN of the target, and the LUN after a slash.
    pub name: Spanned<String>,
    /// Name or address, and port.
    pub hosts: Vec<(Spanned<String>, Opt<u16>)>,
    /// Login.
    pub auth: Option<Auth>,
    /// Name of the initiator.
    pub initiator: Opt<String>,
}

/// Where the device is.
#[derive(Debug, Clone)]
pub enum ScsiSource {
    /// At an adapter of the host.
    Adapter {
        /// The adapter, such as `scsi_host0`.
        name: Spanned<String>,
        /// Bus and target.
        place: (u32, u32),
        /// LUN.
        unit: u64,
    },
    /// At an iSCSI target.
    Iscsi(Iscsi),
}

/// A SCSI device.
#[derive(Debug, Clone)]
pub struct Scsi {
    /// Where it is.
    pub source: ScsiSource,
    /// Whether the kernel filters commands.
    pub sgio: Opt<SgIo>,
    /// Whether QEMU gets the capability for raw I/O.
    pub rawio: Opt<YesNo>,
    /// `<readonly/>`.
    pub readonly: Option<Origin>,
    /// `<shareable/>`.
    pub shareable: Option<Origin>,
    /// The number of its block node; `prepare` counts on from the disks.
    pub node: u32,
}

static LUN: DefaultRule = DefaultRule { name: "iscsi-lun", text: "an iSCSI target without a LUN means LUN 0" };

/// The port of iSCSI.
const PORT: u16 = 3260;

impl ScsiSource {
    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let protocol = f.attr::<Protocol>("protocol").map_or(Protocol::Adapter, |p| p.value);
        if protocol == Protocol::Iscsi {
            let name = f.attr("name");
            let host = |h: &Fields<'_, '_>| {
                let (name, port) = (h.attr("name"), h.attr("port"));
                Some((name?, port))
            };
            let hosts = f.children("host").iter().filter_map(host).collect();
            let initiator = f.child("initiator").and_then(|i| i.child_attr("iqn", "name"));
            return Some(Self::Iscsi(Iscsi {
                name: name?,
                hosts,
                auth: f.child("auth").and_then(|a| Auth::lower(&a)),
                initiator,
            }));
        }
        let (adapter, address) = (f.child("adapter")?, f.child("address")?);
        let (bus, target, unit) =
            (address.attr::<u32>("bus"), address.attr::<u32>("target"), address.attr::<u64>("unit"));
        let Some(name) = adapter.attr("name") else {
            let span = adapter.ignore_rest();
            let message = "the adapter of a SCSI device goes by its name, such as `scsi_host0`, and no other way";
            f.report(
                Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help("add `name` to `<adapter>`"),
            );
            return None;
        };
        let _: Opt<String> = adapter.attr("type");
        Some(Self::Adapter { name, place: (bus?.value, target?.value), unit: unit?.value })
    }

    /// Whether both mean one device.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Adapter { name, place, unit }, Self::Adapter { name: theirs, place: at, unit: lun }) => {
                name == theirs && place == at && unit == lun
            }
            (Self::Iscsi(own), Self::Iscsi(other)) => own.name == other.name && own.portal() == other.portal(),
            (Self::Adapter { .. }, Self::Iscsi(_)) | (Self::Iscsi(_), Self::Adapter { .. }) => false,
        }
    }

    fn origin(&self) -> Origin {
        match self {
            Self::Adapter { name, .. } | Self::Iscsi(Iscsi { name, .. }) => name.origin,
        }
    }
}

impl Iscsi {
    /// Address and port.
    fn portal(&self) -> Option<String> {
        let (name, port) = self.hosts.first()?;
        let port = port.get().unwrap_or(PORT);
        Some(if name.contains(':') { format!("[{}]:{port}", name.value) } else { format!("{}:{port}", name.value) })
    }

    /// Target and LUN.
    fn target(&self) -> Option<(&str, u32)> {
        match self.name.value.split_once('/') {
            Some((target, lun)) => Some((target, if lun.is_empty() { 0 } else { lun.parse().ok()? })),
            None => Some((&self.name.value, 0)),
        }
    }
}

impl Scsi {
    pub(super) fn lower(f: &Fields<'_, '_>, source: &Fields<'_, '_>) -> Option<Self> {
        let (sgio, rawio) = (f.attr("sgio"), f.attr("rawio"));
        let (readonly, shareable) = (f.child("readonly").map(|r| r.origin()), f.child("shareable").map(|s| s.origin()));
        Some(Self { source: ScsiSource::lower(source)?, sgio, rawio, readonly, shareable, node: 0 })
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        match &self.source {
            ScsiSource::Adapter { name, place: (bus, target), unit } => w.tag("source").children(|w| {
                w.tag("adapter").attr("name", name).end();
                let tag = w.tag("address").attr("bus", &bus.to_string()).attr("target", &target.to_string());
                tag.attr("unit", &unit.to_string()).end();
            }),
            ScsiSource::Iscsi(iscsi) => {
                w.tag("source").attr("protocol", "iscsi").attr("name", &iscsi.name).children(|w| {
                    for (name, port) in &iscsi.hosts {
                        w.tag("host").attr("name", name).opt("port", port).end();
                    }
                    if let Some(auth) = &iscsi.auth {
                        auth.write(w);
                    }
                    if iscsi.initiator.is_some() {
                        w.tag("initiator").children(|w| w.tag("iqn").opt("name", &iscsi.initiator).end());
                    }
                });
            }
        }
        for (name, there) in [("readonly", self.readonly), ("shareable", self.shareable)] {
            if there.is_some() {
                w.tag(name).end();
            }
        }
    }

    pub(super) fn define(&mut self, defaults: &mut Defaults<'_>) {
        if let Some(sgio) = self.sgio.filter(|s| s.value == SgIo::Unfiltered) {
            let message = "kernels filter the SCSI commands of guests always";
            let span = sgio.origin.span();
            defaults.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help("remove `sgio`"));
        }
        let ScsiSource::Iscsi(iscsi) = &mut self.source else { return };
        if !iscsi.name.contains('/') {
            iscsi.name = Spanned::rule(format!("{}/0", iscsi.name.value), &LUN, iscsi.name.origin);
        }
        let span = iscsi.name.origin.span();
        if iscsi.target().is_none() {
            defaults.report(
                Diagnostic::at(
                    &codes::BAD_VALUE,
                    span,
                    "`name` of an iSCSI source ends in `/` and the number of a LUN",
                )
                .help("write `name='iqn.…:target/1'`"),
            );
        }
        if iscsi.hosts.is_empty() {
            defaults.report(
                Diagnostic::at(&codes::MISSING, span, "the iSCSI `<source>` has no `<host>`")
                    .help("add `<host name='server.example' port='3260'/>`"),
            );
        }
        if let Some(auth) = iscsi.auth.as_ref().filter(|a| a.secret.usage.is(&SecretUsage::Ceph)) {
            let message = "`<secret>` of an iSCSI source has `type='iscsi'`";
            let span = auth.secret.usage.origin_or(auth.origin).span();
            defaults.report(Diagnostic::at(&codes::CONFLICT, span, message).help("write `type='iscsi'`"));
        }
    }

    fn node_name(&self) -> String {
        format!("libvirt-{}-backend", self.node)
    }

    fn blockdev(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let props = match &self.source {
            ScsiSource::Adapter { name, place: (bus, target), unit } => {
                let Some(node) = cx.facts.scsi_generic(&name.value, *bus, *target, *unit) else {
                    let message = "the host file does not say which `/dev/sg` node this SCSI device has";
                    let span = name.origin.span();
                    let help = "name it in a host file (`--host`), under `resources.scsi_generic`";
                    return cx.report(Diagnostic::at(&codes::HOST_FACT_NEEDED, span, message).help(help));
                };
                Props::new().with("driver", "host_device").with("filename", node)
            }
            ScsiSource::Iscsi(iscsi) => {
                let secret = format!("{}-secret0", self.node_name());
                if let Some(auth) = &iscsi.auth {
                    out.json(ArgSection::Hostdevs, "object", secret_object(&secret), auth.origin);
                }
                let login = iscsi.auth.as_ref();
                let (target, lun) = iscsi.target().unwrap_or_default();
                Props::new()
                    .with("driver", "iscsi")
                    .opt("portal", iscsi.portal())
                    .with("target", target)
                    .with("lun", lun)
                    .with("transport", "tcp")
                    .opt("user", login.map(|auth| auth.username.value.as_str()))
                    .opt("password-secret", login.map(|_| secret))
                    .opt("initiator-name", iscsi.initiator.as_ref().map(|i| i.value.as_str()))
            }
        };
        let props = props.with("node-name", self.node_name()).with("read-only", self.readonly.is_some());
        out.json(ArgSection::Hostdevs, "blockdev", props, self.source.origin());
    }

    pub(super) fn options(&self, cx: &EmitContext<'_>, info: &Info, out: &mut QemuOptions) {
        self.blockdev(cx, out);
        let Some(Spanned { value: Address::Drive { controller, bus, target, unit }, .. }) = &info.address else {
            return;
        };
        let own = |c: &&Controller| c.kind() == ControllerType::Scsi && c.index() == *controller;
        let found = cx.domain.devices.controllers.iter().find(own);
        let alias = found.map_or_else(|| format!("scsi{controller}"), |c| c.info.alias().to_owned());
        let props = Props::new().with("driver", "scsi-generic");
        let props = props.with("drive", self.node_name()).with("id", info.alias());
        let props = if found.and_then(Controller::scsi_model) == Some(ScsiModel::Lsilogic) {
            props.with("bus", format!("{alias}.{bus}")).with("scsi-id", *unit)
        } else {
            let props = props.with("bus", format!("{alias}.0"));
            props.with("channel", *bus).with("scsi-id", *target).with("lun", *unit)
        };
        out.device(ArgSection::Hostdevs, props.opt("bootindex", info.boot_order.get()), self.source.origin());
    }

    pub(super) fn host(&self, cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        if let Some(rawio) = self.rawio.filter(|r| r.value.is_yes()) {
            out.refuse("raw SCSI commands (`rawio='yes'`)", rawio.origin);
        }
        if let ScsiSource::Iscsi(Iscsi { auth: Some(auth), .. }) = &self.source {
            out.refuse("secrets (`<secret>`)", auth.origin);
        }
        if let ScsiSource::Adapter { name, place: (bus, target), unit } = &self.source
            && let Some(node) = cx.facts.scsi_generic(&name.value, *bus, *target, *unit)
        {
            out.device(node, name.origin);
        }
    }
}
