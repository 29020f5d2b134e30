//! `<video>`.

mod check;
mod emit;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, Switch, YesNo, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::chardev::foreign;
use crate::model::devices::virtio::VirtioOptions;
use crate::model::devices::{AliasStem, BusSlot, Device, DeviceElement, Info, common};
use crate::model::elements::os::MachineFamily;
use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};
use crate::qemu::{ArgSection, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Models of video devices.
    pub enum Model {
        Vga = "vga", Cirrus = "cirrus", Vmvga = "vmvga", Qxl = "qxl", Virtio = "virtio", Bochs = "bochs", Ramfb = "ramfb", None = "none",
    }
}

words! {
    /// Who drives the device: QEMU itself, or a program of its own.
    pub enum Backend { Qemu = "qemu", VhostUser = "vhostuser" }
}

words! {
    /// How legacy VGA ports are handled, which QEMU does not leave to anybody.
    pub enum VgaConf { Io = "io", On = "on", Off = "off" }
}

/// `<video>`. Sizes are in KiB.
#[derive(Debug, Clone)]
pub struct Video {
    /// The model; `none` for a guest without a video device.
    pub model: Opt<Model>,
    /// The first memory region of a QXL device.
    pub ram: Opt<u32>,
    /// The video memory; of a QXL device, its second memory region.
    pub vram: Opt<u32>,
    /// The same as `vram` for a guest that can address more.
    pub vram64: Opt<u32>,
    /// The part of a QXL device's `ram` that serves VGA modes.
    pub vgamem: Opt<u32>,
    /// How many screens there can be.
    pub heads: Opt<u32>,
    /// Whether firmware draws on this device.
    pub primary: Opt<YesNo>,
    /// Whether a virtio device shares memory blobs with the guest.
    pub blob: Opt<Switch>,
    /// 3D acceleration.
    pub accel3d: Opt<YesNo>,
    /// 2D acceleration, which QEMU does not have.
    pub accel2d: Opt<YesNo>,
    /// The node of the host that a program of its own renders on.
    pub rendernode: Opt<String>,
    /// Width and height of the first screen, in pixels.
    pub resolution: Option<(Opt<u32>, Opt<u32>)>,
    /// The backend.
    pub backend: Opt<Backend>,
    /// How legacy VGA ports are handled.
    pub vgaconf: Opt<VgaConf>,
    /// Options of a virtio device.
    pub virtio: VirtioOptions,
    /// What every device has.
    pub info: Info,
    origin: Origin,
}

static MODEL: DefaultRule = DefaultRule {
    name: "video-model",
    text: "a video device without a model is a `cirrus` one, and a virtio one on `virt`",
};
static MEMORY: DefaultRule = DefaultRule {
    name: "video-memory",
    text: "video memory has a default size for each model and is rounded up to a power of two",
};
static HEADS: DefaultRule =
    DefaultRule { name: "video-heads", text: "a video device has one screen unless it says otherwise" };
static PRIMARY: DefaultRule =
    DefaultRule { name: "video-primary", text: "the first video device is the primary one unless another says so" };

/// libvirt's default sizes (`virDomainVideoDefaultRAM` in its `src/conf/domain_conf.c`).
fn default_vram(model: Model) -> Option<u32> {
    match model {
        Model::Vga | Model::Cirrus | Model::Vmvga | Model::Bochs => Some(16 << 10),
        Model::Qxl => Some(64 << 10),
        Model::Virtio | Model::Ramfb | Model::None => None,
    }
}

fn fill(size: &mut Opt<u32>, default: Option<u32>, origin: Origin) {
    let given = size.as_ref().map(|s| s.value).filter(|s| *s > 0);
    let Some(rounded) = given.or(default).and_then(u32::checked_next_power_of_two) else {
        return;
    };
    if given != Some(rounded) {
        *size = Some(Spanned::rule(rounded, &MEMORY, origin));
    }
}

impl Video {
    /// A video device that `rule` adds.
    pub fn added(origin: Origin) -> Self {
        Self::of(origin)
    }

    fn of(origin: Origin) -> Self {
        Self {
            model: None,
            ram: None,
            vram: None,
            vram64: None,
            vgamem: None,
            heads: None,
            primary: None,
            blob: None,
            accel3d: None,
            accel2d: None,
            rendernode: None,
            resolution: None,
            backend: None,
            vgaconf: None,
            virtio: VirtioOptions::default(),
            info: Info::default(),
            origin,
        }
    }

    fn model(&self) -> Model {
        self.model.get().unwrap_or(Model::Cirrus)
    }

    /// Whether it is on a PCI bus.
    pub fn is_pci(&self) -> bool {
        !matches!(self.model(), Model::None | Model::Ramfb)
    }

    fn is_primary(&self) -> bool {
        self.primary.is(&YesNo::Yes)
    }

    /// Whether a program of its own drives it.
    fn is_vhost_user(&self) -> bool {
        self.backend.is(&Backend::VhostUser)
    }

    /// Puts the primary device first; the first one is the primary one where none says so.
    pub fn primary_first(list: &mut [Self]) {
        if let Some(at) = list.iter().position(Self::is_primary) {
            list.get_mut(..=at).unwrap_or_default().rotate_right(1);
        }
        if let Some(first) = list.first_mut().filter(|v| v.model() != Model::None) {
            first.primary =
                first.primary.filter(|p| p.value.is_yes()).or(Some(Spanned::rule(YesNo::Yes, &PRIMARY, first.origin)));
        }
    }
}

impl DeviceElement for Video {
    const ELEMENT: &'static str = "video";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let mut video = Self { info: Info::lower(f), ..Self::of(f.origin()) };
        if let Some(driver) = f.child("driver") {
            (video.backend, video.vgaconf) = (driver.attr("name"), driver.attr("vgaconf"));
            video.virtio = VirtioOptions::lower(&driver);
        }
        let Some(m) = f.child("model") else { return Some(video) };
        if foreign(&m, "type", &["xen", "vbox", "gop", "parallels"]) {
            return None;
        }
        video.model = m.attr("type");
        // A size of zero is none.
        let size = |name| m.attr::<u32>(name).filter(|n| n.value > 0);
        (video.ram, video.vram) = (size("ram"), size("vram"));
        (video.vram64, video.vgamem) = (size("vram64"), size("vgamem"));
        (video.heads, video.primary, video.blob) = (m.attr("heads"), m.attr("primary"), m.attr("blob"));
        if let Some(accel) = m.child("acceleration") {
            (video.accel3d, video.accel2d) = (accel.attr("accel3d"), accel.attr("accel2d"));
            video.rendernode = accel.attr("rendernode");
            if video.accel3d.is_none() && video.accel2d.is_none() && video.rendernode.is_none() {
                let message = "`<acceleration>` has no attribute";
                accel.report(
                    Diagnostic::at(&codes::MISSING, accel.element().span(), message)
                        .help("write `accel3d='yes'`, or remove it"),
                );
            }
        }
        video.resolution = m.child("resolution").map(|r| (r.attr("x"), r.attr("y")));
        Some(video)
    }
}

impl Device for Video {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("video").children(|w| {
            if self.backend.is_some() || self.vgaconf.is_some() || self.virtio.any() {
                let tag = w.tag("driver").opt("vgaconf", &self.vgaconf);
                self.virtio.write(tag).opt("name", &self.backend).end();
            }
            let tag = w.tag("model").opt("type", &self.model).opt("ram", &self.ram).opt("vram", &self.vram);
            let tag = tag
                .opt("vram64", &self.vram64)
                .opt("vgamem", &self.vgamem)
                .opt("heads", &self.heads.filter(|h| h.value > 0));
            let tag = if self.is_primary() { tag.attr("primary", "yes") } else { tag };
            tag.opt("blob", &self.blob).children(|w| {
                if self.accel3d.is_some() || self.accel2d.is_some() || self.rendernode.is_some() {
                    let tag = w.tag("acceleration").opt("accel3d", &self.accel3d).opt("accel2d", &self.accel2d);
                    tag.opt("rendernode", &self.rendernode).end();
                }
                if let Some((x, y)) = &self.resolution {
                    w.tag("resolution").opt("x", x).opt("y", y).end();
                }
            });
            self.info.write(w);
        });
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        let usual = if defaults.family == MachineFamily::ArmVirt { Model::Virtio } else { Model::Cirrus };
        let model = self.model.get_or_insert(Spanned::rule(usual, &MODEL, self.origin)).value;
        if model == Model::None {
            // Nothing else is kept of it.
            let (model, alias) = (self.model, self.info.alias.take());
            *self = Self { model, info: Info { alias, ..Info::default() }, ..Self::of(self.origin) };
            return;
        }
        if let Some((origin, fault, help)) = self.fault() {
            defaults.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, fault).help(help));
        }
        self.heads.get_or_insert(Spanned::rule(1, &HEADS, self.origin));
        fill(&mut self.vram, default_vram(model), self.origin);
        if model == Model::Qxl {
            fill(&mut self.ram, default_vram(model), self.origin);
            fill(&mut self.vgamem, Some(16 << 10), self.origin);
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        self.check_beside(domain, faults);
    }

    fn bus_slot(&self, domain: &Domain) -> BusSlot {
        match self.model() {
            Model::None | Model::Ramfb => BusSlot::Nothing,
            Model::Virtio | Model::Bochs if domain.has_pcie() => BusSlot::Pci(PCIE_DEVICE),
            Model::Vga | Model::Cirrus | Model::Vmvga | Model::Qxl | Model::Virtio | Model::Bochs => {
                BusSlot::Pci(PCI_DEVICE)
            }
        }
    }

    fn takes_mmio(&self) -> bool {
        self.model.is(&Model::Virtio)
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("video")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        if self.is_vhost_user() {
            self.vhost_user(cx, out);
        }
        if let Some(props) = self.props(cx.domain.os.arch()) {
            out.device(ArgSection::Videos, props.and(cx.pci_address(&self.info.address)), self.origin);
        }
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        if self.is_vhost_user() {
            out.refuse(
                "starting vhost-user programs (`<driver name='vhostuser'>`)",
                self.backend.origin_or(self.origin),
            );
        }
    }
}
