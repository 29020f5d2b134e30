//! `<name>`, `<uuid>`, `<title>`, `<description>`, `<metadata>`.

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_plan::MONITOR_FD;

use crate::codes::{self, Report as _};
use crate::ir::{DefaultRule, Leaf, Opt, OptExt, Origin, Spanned, Uuid, words};
use crate::model::Element;
use crate::model::EmitContext;
use crate::model::devices::chardev::{Backend, Chardev, Descriptor, Open};
use crate::model::elements::metadata::Metadata;
use crate::qemu::rules;
use crate::qemu::{ArgSection, Opts, Payload, Props, QemuOptions, state};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// The `type` of a domain.
    pub enum DomainType {
        Qemu = "qemu", Kvm = "kvm", Kqemu = "kqemu", Hvf = "hvf", Xen = "xen", Lxc = "lxc", Uml = "uml", Openvz = "openvz", Test = "test",
        Vmware = "vmware", Hyperv = "hyperv", Vbox = "vbox", Phyp = "phyp", Vz = "vz", Bhyve = "bhyve",
    }
}

/// What identifies a domain.
#[derive(Debug, Clone)]
pub struct General {
    /// libvirt's number of a running domain.
    pub id: Opt<String>,
    /// Which accelerator runs it.
    pub kind: Opt<DomainType>,
    /// Its name.
    pub name: Opt<String>,
    /// Its uuid.
    pub uuid: Opt<Uuid>,
    /// `<genid>`: the VM generation id; `None` inside where libvirt is to choose it.
    pub genid: Option<(Opt<Uuid>, Origin)>,
    /// The title, one line.
    pub title: Opt<String>,
    /// Free text.
    pub description: Opt<String>,
    /// Elements of other programs.
    pub metadata: Option<Metadata>,
}

static UUID_RULE: DefaultRule = DefaultRule {
    name: "derived-uuid",
    text: "a domain without `<uuid>` gets the version 5 uuid of its name in virtc's namespace, so that the same definition always gives the same \
        uuid",
};

static GENID_RULE: DefaultRule = DefaultRule {
    name: "derived-genid",
    text: "a `<genid>` without a value is the version 5 uuid of `genid` in the namespace of the domain's uuid",
};

/// Version 5 namespace for names of domains.
const NAMESPACE: uuid::Uuid = uuid::Uuid::from_u128(0x6f1b_8a36_2d3c_5e0f_9c55_7669_7274_6321);

impl General {
    /// Fills in a missing uuid.
    pub fn define(&mut self, origin: Origin, faults: &mut Diagnostics) {
        if let Some(name) = self.name.as_ref().filter(|n| n.contains(['/', '\n'])) {
            let message = "`<name>` contains a slash or a line break";
            faults.conflict_with(name.origin, message, "remove it: the name is part of file names");
        }
        if let Some(kind) = self.kind.filter(|k| !matches!(k.value, DomainType::Qemu | DomainType::Kvm)) {
            let message = format!("domain type `{}` is not supported by QEMU on Linux", kind.word());
            faults.refuse_with(kind.origin, message, "use `type='kvm'` or `type='qemu'`");
        }
        if let Some(title) = self.title.as_ref().filter(|t| t.contains('\n')) {
            faults.conflict(title.origin, "`<title>` contains a line break");
        }
        if self.uuid.is_none() {
            let name = self.name.as_ref().map_or("", |n| n.value.as_str());
            let uuid = uuid::Uuid::new_v5(&NAMESPACE, name.as_bytes());
            self.uuid = Some(Spanned::rule(Uuid(uuid.into_bytes()), &UUID_RULE, origin));
        }
        if let Some((genid @ None, _)) = &mut self.genid {
            let own = self.uuid.as_ref().map(|u| uuid::Uuid::from_bytes(u.value.0)).unwrap_or_default();
            *genid = Some(Spanned::rule(Uuid(uuid::Uuid::new_v5(&own, b"genid").into_bytes()), &GENID_RULE, origin));
        }
    }
}

impl General {
    /// Whether the domain runs under KVM.
    pub fn is_kvm(&self) -> bool {
        self.kind.is(&DomainType::Kvm)
    }
}

impl Element for General {
    /// Reads the elements from `<domain>`.
    fn lower(f: &Fields<'_, '_>) -> Self {
        let text = |name: &str| f.child(name).map(|c| c.raw_text()).filter(|t| !t.value.is_empty());
        let name = text("name");
        if name.is_none() {
            f.report(
                Diagnostic::at(&codes::MISSING, f.element().name_span(), "`<domain>` has no `<name>`")
                    .help("add `<name>…</name>`"),
            );
        }
        Self {
            id: f.attr("id").filter(|_| f.cx().is_running()),
            kind: f.attr("type"),
            name,
            uuid: f.child_text("uuid"),
            genid: f.child("genid").map(|g| (g.text(), g.origin())),
            title: text("title"),
            description: text("description"),
            metadata: Metadata::lower(f),
        }
    }

    /// Writes the elements.
    fn write(&self, w: &mut XmlWriter) {
        w.opt_text("name", &self.name);
        w.opt_text("uuid", &self.uuid);
        if let Some((genid, _)) = &self.genid {
            w.opt_text("genid", genid);
        }
        w.opt_text("title", &self.title);
        w.opt_text("description", &self.description);
        if let Some(metadata) = &self.metadata {
            metadata.write(w);
        }
    }

    /// `-name`, `-S`, `-accel`, `-uuid`, and what is on every command line.
    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let always = cx.domain.origin.with_rule(&rules::ALWAYS);
        let name = self.name.as_ref().map_or("", |n| n.value.as_str());
        let opts = Opts::new().with("guest", name).switch("debug-threads", true);
        out.opts(ArgSection::Name, "name", opts, self.name.origin_or(always));
        out.flag(ArgSection::Stopped, "S", cx.domain.origin.with_rule(&rules::STOPPED));
        if let Some(uuid) = &self.uuid {
            out.word(ArgSection::Uuid, "uuid", uuid.show(), uuid.origin);
        }
        if let Some((Some(genid), origin)) = &self.genid {
            let props = Props::new().with("driver", "vmgenid").with("guid", genid.show()).with("id", "vmgenid0");
            out.device(ArgSection::Genid, props, *origin);
        }
        let accel = if self.is_kvm() { "kvm" } else { "tcg" };
        out.opts(
            ArgSection::Accel,
            "accel",
            cx.domain.features.accel_opts(self.is_kvm(), Opts::first(accel)),
            self.kind.origin_or(always),
        );
        out.flag(ArgSection::Defaults, "no-user-config", cx.domain.origin.with_rule(&rules::NO_DEFAULTS));
        out.flag(ArgSection::Defaults, "nodefaults", cx.domain.origin.with_rule(&rules::NO_DEFAULTS));
        let socket = Descriptor { name: MONITOR_FD.to_owned(), path: state("/monitor.sock"), open: Open::Listen };
        let monitor = Chardev { id: "charmonitor".to_owned(), backend: Backend::Listen(socket), log: None };
        out.push(
            ArgSection::Monitor,
            "chardev",
            Payload::Chardev(monitor),
            cx.domain.origin.with_rule(&rules::MONITOR),
        );
        let mon = Opts::new().with("chardev", "charmonitor").with("id", "monitor").with("mode", "control");
        out.opts(ArgSection::Monitor, "mon", mon, cx.domain.origin.with_rule(&rules::MONITOR));
        let config = cx.facts.config();
        let sandbox = if config.is_none_or(|c| c.sandbox) {
            let denied = ["obsolete", "elevateprivileges", "spawn", "resourcecontrol"];
            denied.iter().fold(Opts::first("on"), |opts, key| opts.with(key, "deny"))
        } else {
            Opts::first("off")
        };
        if !cx.changes.lacks("seccomp-sandbox") {
            out.opts(ArgSection::Sandbox, "sandbox", sandbox, cx.domain.origin.with_rule(&rules::SANDBOX));
        }
        if config.is_none_or(|c| c.log_timestamp) {
            out.opts(
                ArgSection::Messages,
                "msg",
                Opts::new().switch("timestamp", true),
                cx.domain.origin.with_rule(&rules::TIMESTAMP),
            );
        }
    }
}
