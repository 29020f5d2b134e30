//! `<tpm>`: trusted platform modules.

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_plan::Node;

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, Uuid, YesNo, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::chardev::{self, Backend as CharBackend, Chardev, Descriptor, FdSet, Open};
use crate::model::devices::{AliasStem, Device, DeviceElement, Info, common};
use crate::qemu::{ArgSection, Opts, Payload, Props, QemuOptions, RequirementsOf, Text, state};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Models of TPMs.
    pub enum Model { Tis = "tpm-tis", Crb = "tpm-crb", Spapr = "tpm-spapr", Proxy = "spapr-tpm-proxy" }
}

words! {
    /// The backend of a TPM.
    pub enum BackendType { Passthrough = "passthrough", Emulator = "emulator", External = "external" }
}

words! {
    /// Versions of the standard.
    pub enum Version { One = "1.2", Two = "2.0" }
}

words! {
    /// Banks of registers, by the algorithm of their hashes.
    pub enum Bank { Sha1 = "sha1", Sha256 = "sha256", Sha384 = "sha384", Sha512 = "sha512" }
}

words! {
    /// Where an emulator keeps its state.
    pub enum StateType { File = "file", Dir = "dir" }
}

words! {
    /// The socket of an external emulator.
    pub enum ExternalType { Unix = "unix" }
}

words! {
    /// Who opens the connection.
    pub enum ExternalMode { Connect = "connect" }
}

words! {
    /// What becomes of algorithms that the host forbids.
    pub enum Remove { Check = "check", Fips = "fips-host" }
}

/// `<profile>` of an emulator.
#[derive(Debug, Clone)]
pub struct Profile {
    source: Opt<String>,
    remove_disabled: Opt<Remove>,
    name: Opt<String>,
}

/// What an emulator has.
#[derive(Debug, Clone)]
pub struct Emulator {
    persistent: Opt<YesNo>,
    debug: Opt<u32>,
    secret: Opt<Uuid>,
    banks: Option<Vec<Bank>>,
    state: Option<(Spanned<StateType>, Spanned<String>)>,
    profile: Option<Profile>,
}

/// The backend of a TPM.
#[derive(Debug, Clone)]
pub enum Backend {
    /// A TPM of the host.
    Passthrough(Spanned<String>),
    /// An emulator that is started with the guest.
    Emulator(Box<Emulator>),
    /// An emulator that is started by others, at a socket.
    External(Spanned<String>),
}

/// `<tpm>`.
#[derive(Debug, Clone)]
pub struct Tpm {
    /// The model.
    pub model: Opt<Model>,
    /// The version of the standard.
    pub version: Opt<Version>,
    /// Its backend.
    pub backend: Backend,
    info: Info,
    origin: Origin,
}

static MODEL: DefaultRule = DefaultRule { name: "tpm-model", text: "the TPM of a PC is a TIS unless it is named" };
static VERSION: DefaultRule =
    DefaultRule { name: "tpm-version", text: "an emulated TPM is of version 2.0 unless the definition says otherwise" };
static DEVICE: DefaultRule =
    DefaultRule { name: "tpm-device", text: "the TPM of the host is `/dev/tpm0` unless another is named" };

impl Emulator {
    fn lower(f: &Fields<'_, '_>) -> Self {
        let banks = f.child("active_pcr_banks").map(|b| {
            let all = [Bank::Sha1, Bank::Sha256, Bank::Sha384, Bank::Sha512];
            all.into_iter().filter(|bank| b.child(bank.word()).is_some()).collect()
        });
        let state = f.child("source").and_then(|s| {
            let (kind, path) = (s.attr("type"), s.attr("path"));
            kind.zip(path)
        });
        let profile = |p: Fields<'_, '_>| Profile {
            source: p.attr("source"),
            remove_disabled: p.attr("removeDisabled"),
            name: p.attr("name"),
        };
        Self {
            persistent: f.attr("persistent_state"),
            debug: f.decimal("debug"),
            secret: f.child_attr("encryption", "secret"),
            banks,
            state,
            profile: f.child("profile").map(profile),
        }
    }

    fn write(&self, w: &mut XmlWriter) {
        if self.secret.is_some() {
            w.tag("encryption").opt("secret", &self.secret).end();
        }
        if let Some(banks) = self.banks.as_ref().filter(|b| !b.is_empty()) {
            w.tag("active_pcr_banks").children(|w| banks.iter().for_each(|b| w.tag(b.word()).end()));
        }
        if let Some((kind, path)) = &self.state {
            w.tag("source").attr("type", kind.word()).attr("path", path).end();
        }
        if let Some(profile) = &self.profile {
            let tag = w.tag("profile").opt("source", &profile.source).opt("removeDisabled", &profile.remove_disabled);
            tag.opt("name", &profile.name).end();
        }
    }
}

impl Tpm {
    fn read(f: &Fields<'_, '_>) -> Option<Self> {
        let Some(backend) = f.child("backend") else {
            let span = f.element().name_span();
            f.report(
                Diagnostic::at(&codes::MISSING, span, "`<tpm>` has no `<backend>`")
                    .help("add `<backend type='emulator' version='2.0'/>`"),
            );
            return None;
        };
        let version = backend.attr("version");
        let read = match backend.attr("type").get()? {
            BackendType::Passthrough => {
                let path = backend.child_attr("device", "path");
                Backend::Passthrough(
                    path.unwrap_or_else(|| Spanned::rule("/dev/tpm0".to_owned(), &DEVICE, backend.origin())),
                )
            }
            BackendType::Emulator => Backend::Emulator(Box::new(Emulator::lower(&backend))),
            BackendType::External => {
                let Some(source) = backend.child("source") else {
                    let span = backend.element().name_span();
                    f.report(
                        Diagnostic::at(&codes::MISSING, span, "a `<backend type='external'>` has no `<source>`")
                            .help("add `<source type='unix' mode='connect' path='/path/to/socket'/>`"),
                    );
                    return None;
                };
                let (_, _): (Opt<ExternalType>, Opt<ExternalMode>) = (source.attr("type"), source.attr("mode"));
                Backend::External(source.attr("path")?)
            }
        };
        Some(Self { model: f.attr("model"), version, backend: read, info: Info::lower(f), origin: f.origin() })
    }

    fn is_proxy(&self) -> bool {
        self.model.is(&Model::Proxy)
    }

    /// The socket of an emulator that is started with the guest.
    fn socket(cx: &EmitContext<'_>) -> Text {
        let named = cx.facts.config().and_then(|c| c.swtpm_socket.as_deref());
        named.map_or_else(|| state("/swtpm.sock"), Text::from)
    }

    fn emulated(&self, path: Text, out: &mut QemuOptions) {
        let backend = CharBackend::Connect { path, again: None };
        let chardev = Chardev { id: "chrtpm".to_owned(), backend, log: None };
        out.push(ArgSection::Tpms, "chardev", Payload::Chardev(chardev), self.origin);
        let opts = Opts::first("emulator").with("id", format!("tpm-{}", self.info.alias())).with("chardev", "chrtpm");
        out.opts(ArgSection::Tpms, "tpmdev", opts, self.origin);
    }

    /// How many sets of descriptors QEMU gets for it.
    pub fn fd_sets(&self) -> u32 {
        if matches!(self.backend, Backend::Passthrough(_)) { 2 } else { 0 }
    }

    fn passed_through(&self, path: &str, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        let set = chardev::first_fd_set(cx.domain, alias);
        let name = path.rsplit('/').next().unwrap_or_default();
        let cancel = format!("/sys/class/tpm/{name}/device/cancel");
        let fd_set = |set, what: &str, path: String| {
            let open = Open::Write { append: true };
            FdSet { set, descriptor: Descriptor { name: format!("{alias}-{what}"), path: path.into(), open } }
        };
        let (tpm, cancel) = (fd_set(set, "tpm", path.to_owned()), fd_set(set + 1, "cancel", cancel));
        for set in [&tpm, &cancel] {
            out.opts(ArgSection::Tpms, "add-fd", set.opts(), self.origin);
        }
        let opts = Opts::first("passthrough").with("id", format!("tpm-{alias}")).with("path", tpm.path());
        out.opts(ArgSection::Tpms, "tpmdev", opts.with("cancel-path", cancel.path()), self.origin);
    }
}

impl DeviceElement for Tpm {
    const ELEMENT: &'static str = "tpm";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        chardev::device_or_ignored(f, Self::read(f))
    }
}

impl Device for Tpm {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("tpm").opt("model", &self.model).children(|w| {
            let tag = w.tag("backend");
            match &self.backend {
                Backend::Passthrough(path) => tag
                    .attr("type", "passthrough")
                    .opt("version", &self.version)
                    .children(|w| w.tag("device").attr("path", path).end()),
                Backend::Emulator(emulator) => tag
                    .attr("type", "emulator")
                    .opt("version", &self.version)
                    .opt("persistent_state", &emulator.persistent.filter(|p| p.value.is_yes()))
                    .opt("debug", &emulator.debug)
                    .children(|w| emulator.write(w)),
                Backend::External(path) => tag.attr("type", "external").opt("version", &self.version).children(|w| {
                    w.tag("source").attr("type", "unix").attr("mode", "connect").attr("path", path).end();
                }),
            }
            self.info.write(w);
        });
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        self.model.get_or_insert(Spanned::rule(Model::Tis, &MODEL, self.origin));
        if matches!(self.backend, Backend::Emulator(_)) {
            let two = self.model.is(&Model::Crb) || defaults.arch.is_arm();
            let version = if two { Version::Two } else { Version::One };
            self.version.get_or_insert(Spanned::rule(version, &VERSION, self.origin));
        }
    }

    /// The rules of `qemuValidateDomainDeviceDefTPM` in libvirt's `src/qemu/qemu_validate.c`.
    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        let whole = self.origin.span();
        let first = domain.devices.tpms.iter().find(|t| t.is_proxy() == self.is_proxy());
        if let Some(first) = first.filter(|first| !std::ptr::eq(*first, self)) {
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, whole, "a guest has at most one TPM");
            faults.push(fault.label(first.origin.span(), "the other one").help("remove one of the two `<tpm>`"));
        }
        let mut refuse = |message: &str, origin: Option<Origin>, help: &str| {
            let span = origin.map_or(whole, Origin::span);
            faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
        };
        let model = self.model.as_ref().map(|m| m.origin);
        match self.model.get() {
            Some(Model::Spapr | Model::Proxy) => {
                refuse("this TPM model exists on ppc64 only", model, "write `model='tpm-crb'`");
            }
            Some(Model::Crb) if self.version.is(&Version::One) => {
                refuse(
                    "`tpm-crb` needs TPM version 2.0",
                    self.version.as_ref().map(|v| v.origin),
                    "write `version='2.0'`, or `model='tpm-tis'`",
                );
            }
            _ if self.version.is(&Version::One) && domain.os.arch().is_arm() => {
                refuse(
                    "an Arm machine needs TPM version 2.0",
                    self.version.as_ref().map(|v| v.origin),
                    "write `version='2.0'`",
                );
            }
            Some(Model::Tis | Model::Crb) | None => {}
        }
        if let (Backend::Emulator(emulator), true) = (&self.backend, self.version.is(&Version::One))
            && emulator.banks.as_ref().is_some_and(|banks| !banks.is_empty())
        {
            refuse(
                "`<active_pcr_banks>` needs TPM version 2.0",
                None,
                "write `version='2.0'`, or remove `<active_pcr_banks>`",
            );
        }
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("tpm")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        match &self.backend {
            Backend::Emulator(_) => self.emulated(Self::socket(cx), out),
            Backend::External(path) => self.emulated(path.value.as_str().into(), out),
            Backend::Passthrough(path) => self.passed_through(path, cx, out),
        }
        let alias = self.info.alias();
        let driver = match self.model.get() {
            // On Arm it is on no bus.
            Some(Model::Tis) if cx.domain.os.arch().is_arm() => "tpm-tis-device",
            model => model.map_or("", Model::word),
        };
        let props = Props::new().with("driver", driver);
        let props =
            props.with("tpmdev", format!("tpm-{alias}")).with("id", alias).and(cx.isa_address(&self.info.address));
        out.device(ArgSection::Tpms, props, self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        match &self.backend {
            Backend::Emulator(_) => out.refuse("TPM emulators (swtpm)", self.origin),
            Backend::Passthrough(_) => out.refuse("TPM passthrough", self.origin),
            Backend::External(path) => out.own(Node::Path(path.value.clone()), path.origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn each_backend() {
        let t = trial("<tpm><backend type='passthrough'/></tpm>", &["tpm"]);
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                "-add-fd set=0,fd={fd:tpm0-tpm},opaque=tpm0-tpm",
                "-add-fd set=1,fd={fd:tpm0-cancel},opaque=tpm0-cancel",
                "-tpmdev passthrough,id=tpm-tpm0,path=/dev/fdset/0,cancel-path=/dev/fdset/1",
                r#"-device {"driver":"tpm-tis","tpmdev":"tpm-tpm0","id":"tpm0"}"#,
            ]
        );
        let t = trial("<tpm model='tpm-crb'><backend type='emulator'/></tpm>", &["tpm"]);
        assert_eq!(
            t.argv,
            [
                "-chardev socket,id=chrtpm,path={state}/swtpm.sock",
                "-tpmdev emulator,id=tpm-tpm0,chardev=chrtpm",
                r#"-device {"driver":"tpm-crb","tpmdev":"tpm-tpm0","id":"tpm0"}"#,
            ]
        );
    }

    #[test]
    fn what_does_not_fit() {
        let t = trial("<tpm model='tpm-crb'><backend type='emulator' version='1.2'/></tpm>", &[]);
        assert_eq!(t.faults, ["`tpm-crb` needs TPM version 2.0"]);
        assert_eq!(trial("<tpm/>", &[]).faults, ["`<tpm>` has no `<backend>`"]);
    }
}
