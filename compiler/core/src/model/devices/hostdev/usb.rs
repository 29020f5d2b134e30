//! USB devices of the host.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, OptExt, Spanned, words};
use crate::model::EmitContext;
use crate::model::devices::Info;
use crate::model::devices::host_source::UsbSource;
use crate::model::storage::StartupPolicy;
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// When a guest's reset resets a USB device.
    pub enum GuestReset { Off = "off", Uninitialized = "uninitialized", On = "on" }
}

/// A USB device.
#[derive(Debug, Clone)]
pub struct UsbDevice {
    /// Which one.
    pub source: Spanned<UsbSource>,
    /// Its bus and number, where the definition gives these next to vendor and product.
    pub at: Option<(u32, u32)>,
    /// When a reset by the guest resets it.
    pub guest_reset: Opt<GuestReset>,
    /// What happens where it is missing.
    pub startup_policy: Opt<StartupPolicy>,
}

/// Where the device is.
enum Found {
    At(u32, u32),
    /// Nowhere, and the guest starts without it.
    Missing,
    Unknown,
}

impl UsbDevice {
    /// Whether `later` means the same device: by its place where this one says it, else by what it is (`virDomainHostdevMatchSubsysUSB` in
    /// libvirt's `src/conf/domain_conf.c`).
    pub fn is_same(&self, later: &Self) -> bool {
        let place = |usb: &Self| match (usb.source.value, usb.at) {
            (UsbSource::Address { bus, device }, _) | (_, Some((bus, device))) => (bus, device),
            (UsbSource::Id { .. }, None) => (0, 0),
        };
        let ids = |usb: &Self| match usb.source.value {
            UsbSource::Id { vendor, product } => (vendor, product),
            UsbSource::Address { .. } => (0, 0),
        };
        let (bus, device) = place(self);
        if bus > 0 && device > 0 { place(later) == (bus, device) } else { ids(self) == ids(later) }
    }

    pub(super) fn lower(source: &Fields<'_, '_>) -> Option<Self> {
        let device = UsbSource::lower(source)?;
        if matches!(device.value, UsbSource::Id { vendor: 0, .. } | UsbSource::Address { bus: 0, device: 0 }) {
            let span = device.origin.span();
            let fault = Diagnostic::at(&codes::BAD_VALUE, span, "no USB device of the host has these numbers");
            source.report(
                fault.help("`lsusb` lists them: write vendor and product as `0x` and 4 digits, or bus and device"),
            );
        }
        let at = match device.value {
            UsbSource::Id { .. } => source.child("address").and_then(|a| {
                let (bus, device) = (a.attr::<u32>("bus"), a.attr::<u32>("device"));
                // An address of zeros is none.
                Some((bus?.value, device?.value)).filter(|at| *at != (0, 0))
            }),
            UsbSource::Address { .. } => None,
        };
        let (guest_reset, startup_policy) = (source.attr("guestReset"), source.attr("startupPolicy"));
        Some(Self { source: device, at, guest_reset, startup_policy })
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("source").opt("startupPolicy", &self.startup_policy).opt("guestReset", &self.guest_reset);
        tag.children(|w| {
            self.source.value.write(w);
            if let Some((bus, device)) = self.at {
                UsbSource::Address { bus, device }.write(w);
            }
        });
    }

    fn find(&self, cx: &EmitContext<'_>) -> Found {
        match (self.source.value, self.at) {
            (UsbSource::Address { bus, device }, _) | (_, Some((bus, device))) => Found::At(bus, device),
            (UsbSource::Id { vendor, product }, None) => match cx.facts.usb_by_id(vendor, product) {
                Some((bus, device)) => Found::At(bus, device),
                None if self.startup_policy.is(&StartupPolicy::Optional) && cx.facts.lacks_usb(vendor, product) => {
                    Found::Missing
                }
                None => Found::Unknown,
            },
        }
    }

    pub(super) fn options(&self, cx: &EmitContext<'_>, info: &Info, out: &mut QemuOptions) {
        let node = match self.find(cx) {
            Found::At(bus, device) => Some(format!("/dev/bus/usb/{bus:03}/{device:03}")),
            Found::Missing => None,
            Found::Unknown => {
                if let UsbSource::Id { vendor, product } = self.source.value {
                    let message = format!("the host file does not say where USB device {vendor:04x}:{product:04x} is");
                    let help = "give a host file with `--host`, in which one device has these ids, or name it by bus and device";
                    let span = self.source.origin.span();
                    cx.report(Diagnostic::at(&codes::HOST_FACT_NEEDED, span, message).help(help));
                }
                return;
            }
        };
        let reset = match self.guest_reset.get() {
            None => Props::new(),
            Some(GuestReset::Off) => Props::new().with("guest-reset", false),
            Some(GuestReset::Uninitialized) => Props::new().with("guest-reset", true).with("guest-resets-all", false),
            Some(GuestReset::On) => Props::new().with("guest-reset", true).with("guest-resets-all", true),
        };
        let props = Props::new()
            .with("driver", "usb-host")
            .opt("hostdevice", node)
            .with("id", info.alias())
            .opt("bootindex", info.boot_order.get())
            .and(reset)
            .and(cx.usb_address(&info.address));
        out.device(ArgSection::Hostdevs, props, self.source.origin);
    }

    pub(super) fn host(&self, cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        if let Found::At(bus, device) = self.find(cx) {
            out.usb(bus, device, self.source.origin);
        }
    }
}
