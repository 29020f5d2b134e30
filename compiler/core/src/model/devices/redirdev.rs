//! `<redirdev>`: a USB device that comes over the network.

use virtc_diag::Diagnostics;

use crate::ir::{OptExt, Origin, Spanned, words};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::chardev::{self, Source};
use crate::model::devices::{AliasStem, BusSlot, Can, Device, DeviceElement, Info, Live, common};
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// The bus of a redirected device.
    pub enum Bus { Usb = "usb" }
}

/// `<redirdev>`.
#[derive(Debug, Clone)]
pub struct Redirdev {
    /// The bus.
    pub bus: Spanned<Bus>,
    /// Where the device comes from.
    pub source: Source,
    info: Info,
    origin: Origin,
}

impl Redirdev {
    fn read(f: &Fields<'_, '_>) -> Option<Self> {
        let bus = f.attr("bus");
        let source = Source::lower(f)?;
        source.needs_path(f);
        Some(Self { source, info: Info::lower(f), origin: f.origin(), bus: bus? })
    }
}

impl DeviceElement for Redirdev {
    const ELEMENT: &'static str = "redirdev";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        chardev::device_or_ignored(f, Self::read(f))
    }

    fn matches_description(&self, other: &Self) -> bool {
        let place = other.info.address.as_ref().is_none_or(|a| self.info.address.is(&a.value));
        place && self.source.matches_description(&other.source)
    }
}

impl Device for Redirdev {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("redirdev").attr("bus", self.bus.word()).attr("type", self.source.kind.word());
        tag.children(|w| {
            self.source.write(w);
            self.info.write(w);
        });
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        self.source.check(domain, faults);
    }

    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        BusSlot::Usb
    }

    fn live(&self) -> Live {
        Live::plug(Can::Yes)
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("redir")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        self.source.items_over_spice(cx, ArgSection::Redirdevs, alias, "usbredir", self.origin, out);
        let filter = cx.domain.devices.redirfilters.first().map(crate::model::devices::redirfilter::Redirfilter::text);
        let props = Props::new().with("driver", "usb-redir").with("chardev", chardev::id(alias)).with("id", alias);
        let props = props.opt("filter", filter).opt("bootindex", self.info.boot_order.get());
        out.device(ArgSection::Redirdevs, props.and(cx.usb_address(&self.info.address)), self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        self.source.host(self.info.alias(), None, self.origin, out);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn the_filter_holds_for_all() {
        let t = trial(
            "<redirdev bus='usb' type='tcp'><source mode='connect' host='h' service='1'/></redirdev>\
             <redirfilter><usbdev class='0x08' vendor='0x15E1' product='0x2007' version='1.10' allow='yes'/>\
             <usbdev allow='no'/></redirfilter>",
            &["redir"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                "-chardev socket,id=charredir0,host=h,port=1",
                r#"-device {"driver":"usb-redir","chardev":"charredir0","id":"redir0","filter":"0x08:0x15E1:0x2007:0x0110:1|-1:-1:-1:-1:0","bus":"usb.0","port":"1"}"#,
            ]
        );
    }
}
