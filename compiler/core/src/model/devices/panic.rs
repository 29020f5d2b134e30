//! `<panic>`: how the guest says that it crashed.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::address::Address;
use crate::model::devices::{AliasStem, BusSlot, Device, DeviceElement, Info, common};
use crate::model::elements::os::MachineFamily;
use crate::model::slot::Connect;
use crate::qemu::{ArgSection, Props, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Models of panic devices.
    pub enum Model { Isa = "isa", Pseries = "pseries", Hyperv = "hyperv", S390 = "s390", Pvpanic = "pvpanic" }
}

/// `<panic>`.
#[derive(Debug, Clone)]
pub struct Panic {
    /// The model; an ISA device where the machine is a PC.
    pub model: Opt<Model>,
    info: Info,
    origin: Origin,
}

static MODEL: DefaultRule =
    DefaultRule { name: "panic-model", text: "the panic device of a PC is an ISA device unless it is named" };

impl Panic {
    /// Whether the CPU has registers in which the guest says that it crashed.
    pub fn is_hyperv(&self) -> bool {
        self.model.is(&Model::Hyperv)
    }
}

impl DeviceElement for Panic {
    const ELEMENT: &'static str = "panic";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        Some(Self { model: f.attr("model"), info: Info::lower(f), origin: f.origin() })
    }
}

impl Device for Panic {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("panic").opt("model", &self.model).children(|w| self.info.write(w));
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        let usual = match defaults.family {
            MachineFamily::ArmVirt => Some(Model::Pvpanic),
            // Every machine of x86 has the port, whatever its buses.
            MachineFamily::I440fx
            | MachineFamily::Q35
            | MachineFamily::Versatile
            | MachineFamily::Realview
            | MachineFamily::Vexpress
            | MachineFamily::Other => defaults.arch.is_x86().then_some(Model::Isa),
        };
        self.model = self.model.or(usual.map(|model| Spanned::rule(model, &MODEL, self.origin)));
    }

    /// The rules of `qemuValidateDomainDefPanic` in libvirt's `src/qemu/qemu_validate.c`.
    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        let span = self.origin.span();
        let mut refuse = |message: &str, span, help: &str| {
            faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
        };
        let place = self.info.address.as_ref();
        let at = place.map_or(span, |a| a.origin.span());
        match (self.model.get(), place.map(|a| &a.value)) {
            (None, _) => {
                refuse("this machine type has no default `<panic>` model", span, "write `<panic model='pvpanic'/>`");
            }
            (Some(Model::Pseries), _) => refuse(
                "`<panic model='pseries'>` exists on ppc64 only",
                span,
                "write `model='isa'` on x86, or `model='pvpanic'`",
            ),
            (Some(Model::S390), _) => refuse(
                "`<panic model='s390'>` exists on s390x only",
                span,
                "write `model='isa'` on x86, or `model='pvpanic'`",
            ),
            (Some(Model::Isa), _) if domain.os.arch().is_arm() => {
                refuse(
                    "`<panic model='isa'>` needs an ISA bus, which only x86 machines have",
                    span,
                    "write `model='pvpanic'`",
                );
            }
            (Some(Model::Hyperv), _) if domain.os.arch().is_arm() => {
                refuse("`<panic model='hyperv'>` exists on x86 only", span, "write `model='pvpanic'`");
            }
            (Some(Model::Hyperv), Some(_)) => {
                refuse("`<panic model='hyperv'>` is part of the CPU and has no address", at, "remove the `<address>`");
            }
            (Some(Model::Isa), Some(a)) if !matches!(a, Address::Isa { .. }) => {
                refuse(
                    "`<panic model='isa'>` needs an address of type `isa`",
                    at,
                    "remove the `<address>` to have one assigned",
                );
            }
            (Some(Model::Pvpanic), Some(a)) if !matches!(a, Address::Pci { .. }) => {
                refuse(
                    "`<panic model='pvpanic'>` needs an address of type `pci`",
                    at,
                    "remove the `<address>` to have one assigned",
                );
            }
            (Some(Model::Isa | Model::Hyperv | Model::Pvpanic), _) => {}
        }
        let same = |p: &&Self| p.model == self.model;
        let first = domain.devices.panics.iter().find(same);
        if first.is_some_and(|first| !std::ptr::eq(first, self)) {
            refuse("there are two `<panic>` of this model", span, "remove one of the two");
        }
    }

    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        match self.model.get() {
            Some(Model::Pvpanic) => BusSlot::Pci(Connect::PCI.and(Connect::INTEGRATED)),
            Some(Model::Isa | Model::Hyperv | Model::Pseries | Model::S390) | None => BusSlot::Nothing,
        }
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("panic")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let props = match (self.model.get(), &self.info.address) {
            (Some(Model::Pvpanic), place) => Props::new().with("driver", "pvpanic-pci").and(cx.pci_address(place)),
            (Some(Model::Isa), Some(Spanned { value: Address::Isa { iobase, .. }, .. })) => {
                Props::new().with("driver", "pvpanic").with("ioport", iobase.unwrap_or(0))
            }
            (Some(Model::Isa), _) => Props::new().with("driver", "pvpanic"),
            // The CPU says that the guest may write to the crash registers.
            (Some(Model::Hyperv | Model::Pseries | Model::S390) | None, _) => return,
        };
        out.device(ArgSection::Panics, props, self.origin);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn each_model_has_its_device() {
        let t = trial("<panic/><panic model='pvpanic'/>", &["pvpanic"]);
        assert_eq!(t.faults, Vec::<String>::new());
        let pci = r#"-device {"driver":"pvpanic-pci","bus":"pci.0","addr":"0x2"}"#;
        assert_eq!(t.argv, [r#"-device {"driver":"pvpanic"}"#, pci]);
    }

    #[test]
    fn addresses_fit_the_model() {
        let t = trial("<panic model='pvpanic'><address type='isa' iobase='0x505'/></panic>", &[]);
        assert!(
            t.faults.contains(&"`<panic model='pvpanic'>` needs an address of type `pci`".to_owned()),
            "{:?}",
            t.faults
        );
        let t = trial("<panic/><panic model='isa'/>", &[]);
        assert_eq!(t.faults, ["there are two `<panic>` of this model"]);
    }
}
