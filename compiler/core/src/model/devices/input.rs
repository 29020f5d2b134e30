//! `<input>`.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, Switch, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::virtio::VirtioOptions;
use crate::model::devices::{AliasStem, BusSlot, Can, Device, DeviceElement, Info, Live, common};
use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// What a device is to the guest, or where its events come from.
    pub enum InputKind { Mouse = "mouse", Keyboard = "keyboard", Tablet = "tablet", Passthrough = "passthrough", Evdev = "evdev" }
}

words! {
    /// Where an input device is attached.
    pub enum InputBus { Ps2 = "ps2", Usb = "usb", Virtio = "virtio", Xen = "xen" }
}

words! {
    /// Models of virtio input devices.
    pub enum Model { Virtio = "virtio", VirtioTransitional = "virtio-transitional", VirtioNonTransitional = "virtio-non-transitional" }
}

words! {
    /// How much a grab takes.
    pub enum Grab { All = "all" }
}

words! {
    /// The keys that hand input devices to the guest and take them back.
    pub enum GrabToggle {
        CtrlCtrl = "ctrl-ctrl", AltAlt = "alt-alt", ShiftShift = "shift-shift", MetaMeta = "meta-meta", Scrolllock = "scrolllock",
        CtrlScrolllock = "ctrl-scrolllock",
    }
}

/// `<input>`.
#[derive(Debug, Clone)]
pub struct Input {
    /// The kind.
    pub kind: Spanned<InputKind>,
    /// The bus; an `evdev` input, which has none, feeds the others.
    pub bus: Opt<InputBus>,
    /// The model of a virtio device.
    pub model: Opt<Model>,
    /// Options of a virtio device.
    pub virtio: VirtioOptions,
    /// The host's event device, for `passthrough` and `evdev`.
    pub source: Opt<String>,
    /// Whether all of the host's input devices are grabbed along with this one.
    pub grab: Opt<Grab>,
    /// The keys that toggle the grab.
    pub grab_toggle: Opt<GrabToggle>,
    /// Whether held keys repeat.
    pub repeat: Opt<Switch>,
    /// What every device has.
    pub info: Info,
    origin: Origin,
}

static BUS: DefaultRule = DefaultRule {
    name: "input-bus",
    text: "on x86 a mouse or keyboard without a bus is a PS/2 one, any other input device a USB one",
};

impl Input {
    /// The mouse or keyboard of an x86 machine, which `rule` adds.
    pub fn ps2(kind: InputKind, origin: Origin) -> Self {
        Self {
            kind: Spanned::new(kind, origin),
            bus: Some(Spanned::new(InputBus::Ps2, origin)),
            model: None,
            virtio: VirtioOptions::default(),
            source: None,
            grab: None,
            grab_toggle: None,
            repeat: None,
            info: Info::default(),
            origin,
        }
    }

    /// Whether it is on the PS/2 bus.
    pub fn is_on_ps2(&self) -> bool {
        self.bus.is(&InputBus::Ps2)
    }

    /// Whether it is of this kind and on the PS/2 bus.
    pub fn is_ps2(&self, kind: InputKind) -> bool {
        // libvirt looks before it gives a bus to those that name none.
        self.kind.value == kind
            && self.bus.is_some_and(|b| b.value == InputBus::Ps2 && b.origin.by_rule() != Some(&BUS))
    }

    /// Whether it is on PS/2, or comes there for want of a bus.
    pub fn comes_to_ps2(&self, x86: bool) -> bool {
        let plain = matches!(self.kind.value, InputKind::Mouse | InputKind::Keyboard);
        self.is_on_ps2() || (self.bus.is_none() && plain && x86)
    }

    fn driver(&self) -> Option<&'static str> {
        use InputKind as K;
        Some(match (self.bus.get()?, self.kind.value) {
            (InputBus::Ps2 | InputBus::Xen, _) | (_, K::Evdev) | (InputBus::Usb, K::Passthrough) => return None,
            (InputBus::Usb, K::Mouse) => "usb-mouse",
            (InputBus::Usb, K::Keyboard) => "usb-kbd",
            (InputBus::Usb, K::Tablet) => "usb-tablet",
            (InputBus::Virtio, K::Mouse) => "virtio-mouse-pci",
            (InputBus::Virtio, K::Keyboard) => "virtio-keyboard-pci",
            (InputBus::Virtio, K::Tablet) => "virtio-tablet-pci",
            (InputBus::Virtio, K::Passthrough) => "virtio-input-host-pci",
        })
    }

    /// What QEMU cannot do (`qemuValidateDomainDeviceDefInput` in libvirt's `src/qemu/qemu_validate.c`).
    fn fault(&self) -> Option<(Origin, String, &'static str)> {
        if let Some(model) = self.model.filter(|_| !self.bus.is(&InputBus::Virtio)) {
            return Some((
                model.origin,
                "`model` of `<input>` is for the bus `virtio` only".to_owned(),
                "write `bus='virtio'`, or remove `model`",
            ));
        }
        let bus = self.bus.as_ref()?;
        let kind = self.kind.value;
        let plain = matches!(kind, InputKind::Mouse | InputKind::Keyboard);
        match bus.value {
            InputBus::Xen => {
                return Some((bus.origin, "bus `xen` exists in Xen guests only".to_owned(), "write `bus='usb'`"));
            }
            InputBus::Ps2 if !plain => {
                return Some((
                    bus.origin,
                    format!("bus `ps2` has no input device of type `{}`", kind.word()),
                    "write `bus='usb'`",
                ));
            }
            InputBus::Usb | InputBus::Ps2 | InputBus::Virtio => {}
        }
        let model = self.model.as_ref().filter(|m| m.value != Model::Virtio)?;
        Some((model.origin, format!("QEMU has no input device of model `{}`", model.word()), "remove `model`"))
    }
}

impl DeviceElement for Input {
    const ELEMENT: &'static str = "input";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let kind = f.attr::<InputKind>("type");
        let driver = f.child("driver");
        let source = f.child("source");
        let source = source.as_ref();
        Some(Self {
            bus: f.attr("bus"),
            model: f.attr("model"),
            virtio: driver.map(|d| VirtioOptions::lower(&d)).unwrap_or_default(),
            source: source.and_then(|s| s.attr(if kind.is(&InputKind::Evdev) { "dev" } else { "evdev" })),
            grab: source.and_then(|s| s.attr("grab")),
            grab_toggle: source.and_then(|s| s.attr("grabToggle")),
            repeat: source.and_then(|s| s.attr("repeat")),
            info: Info::lower(f),
            origin: f.origin(),
            kind: kind?,
        })
    }

    fn matches_description(&self, other: &Self) -> bool {
        let same_address = other.info.address.as_ref().is_none_or(|a| self.info.address.is(&a.value));
        let same_source = other.source.as_ref().is_none_or(|s| self.source.is(&s.value));
        self.kind == other.kind && same_address && same_source && other.bus.is_none_or(|b| self.bus.is(&b.value))
    }
}

impl Device for Input {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("input").attr("type", self.kind.word()).opt("bus", &self.bus).opt("model", &self.model);
        tag.children(|w| {
            if self.virtio.any() {
                self.virtio.write(w.tag("driver")).end();
            }
            if self.source.is_some() {
                let name = if self.kind.value == InputKind::Evdev { "dev" } else { "evdev" };
                let tag = w.tag("source").opt(name, &self.source).opt("grab", &self.grab);
                tag.opt("grabToggle", &self.grab_toggle).opt("repeat", &self.repeat).end();
            }
            self.info.write(w);
        });
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        if self.bus.is_none() {
            let bus = match self.kind.value {
                InputKind::Mouse | InputKind::Keyboard if defaults.arch.is_x86() => Some(InputBus::Ps2),
                InputKind::Mouse | InputKind::Keyboard | InputKind::Tablet => Some(InputBus::Usb),
                InputKind::Passthrough => Some(InputBus::Virtio),
                InputKind::Evdev => None,
            };
            self.bus = bus.map(|b| Spanned::rule(b, &BUS, self.origin));
        }
        let ps2 = self.bus.filter(|b| b.value == InputBus::Ps2 && defaults.arch.is_arm());
        let ps2 = ps2.map(|bus| (bus.origin, "Arm machines have no PS/2 bus".to_owned(), "write `bus='usb'`"));
        if let Some((origin, message, help)) = self.fault().or(ps2) {
            defaults.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message).help(help));
        }
    }

    fn check(&self, _domain: &Domain, faults: &mut Diagnostics) {
        if !self.bus.is(&InputBus::Virtio) {
            self.virtio.without_effect("input device", faults);
        }
    }

    fn bus_slot(&self, domain: &Domain) -> BusSlot {
        match self.bus.get() {
            Some(InputBus::Usb) => BusSlot::Usb,
            Some(InputBus::Virtio) if domain.has_pcie() && !self.model.is(&Model::VirtioTransitional) => {
                BusSlot::Pci(PCIE_DEVICE)
            }
            Some(InputBus::Virtio) => BusSlot::Pci(PCI_DEVICE),
            Some(InputBus::Ps2 | InputBus::Xen) | None => BusSlot::Nothing,
        }
    }

    fn takes_mmio(&self) -> bool {
        self.bus.is(&InputBus::Virtio)
    }

    fn live(&self) -> Live {
        let is_part = self.kind.value != InputKind::Evdev && self.bus.is_some() && self.driver().is_none();
        Live::plug(Can::when(!is_part, || "an input device on the bus `ps2`".to_owned()))
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("input")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let source = self.source.as_ref().map(|s| &s.value);
        if self.kind.value == InputKind::Evdev {
            let props = Props::new()
                .with("qom-type", "input-linux")
                .with("id", self.info.alias())
                .opt("evdev", source)
                .opt("repeat", self.repeat.get().map(Switch::is_on))
                .opt("grab_all", self.grab.get().map(|Grab::All| true))
                .opt("grab-toggle", self.grab_toggle.get().map(GrabToggle::word));
            out.json(ArgSection::Inputs, "object", props, self.origin);
            return;
        }
        let Some(driver) = self.driver() else { return };
        let of_virtio = if self.bus.is(&InputBus::Virtio) { self.virtio.props() } else { Props::new() };
        let props =
            Props::new().with("driver", driver).and(of_virtio).with("id", self.info.alias()).opt("evdev", source);
        let address = &self.info.address;
        out.device(ArgSection::Inputs, props.and(cx.usb_address(address)).and(cx.pci_address(address)), self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        if let Some(source) = &self.source {
            out.device(&source.value, source.origin);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn options_of_virtio_mean_nothing_elsewhere() {
        let tablet = "<input type='tablet' bus='usb'><driver ats='on'/></input>";
        let t = crate::model::devices::chardev::trial::trial(tablet, &["usb-tablet"]);
        assert_eq!(t.faults, ["only virtio devices have `ats`, which this input device is not"]);
        assert_eq!(t.argv, [r#"-device {"driver":"usb-tablet","id":"input0","bus":"usb.0","port":"1"}"#]);
    }

    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn each_kind_finds_its_bus() {
        let t = trial(
            "<input type='tablet'/><input type='keyboard'/><input type='mouse' bus='virtio'><driver iommu='on'/></input>\
             <input type='evdev'><source dev='/dev/input/event1' grab='all' grabToggle='alt-alt' repeat='off'/></input>\
             <input type='passthrough' bus='virtio' model='virtio'><source evdev='/dev/input/event2'/></input>",
            &["input"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                r#"-device {"driver":"usb-tablet","id":"input0","bus":"usb.0","port":"1"}"#,
                r#"-device {"driver":"virtio-mouse-pci","iommu_platform":true,"id":"input2","bus":"pci.0","addr":"0x2"}"#,
                r#"-object {"qom-type":"input-linux","id":"input3","evdev":"/dev/input/event1","repeat":false,"grab_all":true,"grab-toggle":"alt-alt"}"#,
                r#"-device {"driver":"virtio-input-host-pci","id":"input4","evdev":"/dev/input/event2","bus":"pci.0","addr":"0x3"}"#,
            ]
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (device, fault) in [
            ("<input type='tablet' bus='ps2'/>", "bus `ps2` has no input device of type `tablet`"),
            ("<input type='mouse' bus='xen'/>", "bus `xen` exists in Xen guests only"),
            (
                "<input type='mouse' bus='virtio' model='virtio-transitional'/>",
                "QEMU has no input device of model `virtio-transitional`",
            ),
        ] {
            assert_eq!(trial(device, &[]).faults, [fault], "{device}");
        }
    }
}
