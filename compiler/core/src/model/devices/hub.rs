//! `<hub>`: more ports on a USB bus.

use crate::ir::{Origin, Spanned, words};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::{AliasStem, BusSlot, Device, DeviceElement, Info, common};
use crate::qemu::{ArgSection, Props, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// What a hub belongs to.
    pub enum HubType { Usb = "usb" }
}

/// How many ports a hub has.
pub const PORTS: u32 = 8;

/// `<hub>`.
#[derive(Debug, Clone)]
pub struct Hub {
    /// What it belongs to.
    pub kind: Spanned<HubType>,
    info: Info,
    origin: Origin,
}

impl Hub {
    /// A hub that `rule` adds.
    pub fn added(origin: Origin) -> Self {
        Self { kind: Spanned::new(HubType::Usb, origin), info: Info::default(), origin }
    }
}

impl DeviceElement for Hub {
    const ELEMENT: &'static str = "hub";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let kind = f.attr("type");
        Some(Self { info: Info::lower(f), origin: f.origin(), kind: kind? })
    }
}

impl Device for Hub {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("hub").attr("type", self.kind.word()).children(|w| self.info.write(w));
    }

    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        BusSlot::Usb
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("hub")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let props = Props::new().with("driver", "usb-hub").with("id", self.info.alias());
        out.device(ArgSection::Hubs, props.and(cx.usb_address(&self.info.address)), self.origin);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn hubs_come_where_ports_run_out() {
        let t = trial(&"<input type='mouse' bus='usb'/>".repeat(4), &["usb-"]);
        assert_eq!(t.faults, Vec::<String>::new());
        let places = ["1", "2", "1.1", "1.2", "1.3"];
        let found = t.argv.iter().filter(|a| a.contains("\"port\"")).collect::<Vec<_>>();
        assert_eq!(found.len(), places.len());
        for (arg, place) in found.iter().zip(places) {
            assert!(arg.ends_with(&format!("\"port\":\"{place}\"}}")), "{arg}");
        }
    }

    #[test]
    fn ports_are_where_hubs_are() {
        let mouse = "<input type='mouse' bus='usb'><address type='usb' bus='0' port='1.2.3'/></input>";
        assert_eq!(trial(mouse, &[]).faults, ["there is no hub at port 1 of USB bus 0"]);
        let mouse = "<hub type='usb'><address type='usb' bus='0' port='1'/></hub>\
                     <input type='mouse' bus='usb'><address type='usb' bus='0' port='1.9'/></input>";
        assert_eq!(trial(mouse, &[]).faults, ["USB bus 0 has no port 1.9"]);
    }
}
