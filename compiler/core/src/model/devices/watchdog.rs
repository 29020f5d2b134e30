//! `<watchdog>`.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::{AliasStem, BusSlot, Can, Device, DeviceElement, Info, Live, common};
use crate::model::elements::os::MachineFamily;
use crate::model::slot::PCI_DEVICE;
use crate::qemu::{ArgSection, Opts, Props, QemuOptions, rules};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Models of watchdogs.
    pub enum Model { Itco = "itco", I6300esb = "i6300esb", Ib700 = "ib700", Diag288 = "diag288" }
}

words! {
    /// What happens when the guest lets the time run out.
    pub enum Action {
        Reset = "reset", Shutdown = "shutdown", Poweroff = "poweroff", Pause = "pause", None = "none", Dump = "dump",
        InjectNmi = "inject-nmi",
    }
}

/// `<watchdog>`.
#[derive(Debug, Clone)]
pub struct Watchdog {
    /// The model; the `itco` one is part of the Q35 chipset.
    pub model: Spanned<Model>,
    /// What happens when the time runs out.
    pub action: Opt<Action>,
    /// What every device has.
    pub info: Info,
    origin: Origin,
}

static ACTION: DefaultRule =
    DefaultRule { name: "watchdog-action", text: "a watchdog that has no action of its own resets the guest" };

impl Watchdog {
    /// The chipset's own watchdog, which `rule` adds; it acts as the watchdogs that are there already.
    pub fn itco(others: &[Self], origin: Origin) -> Self {
        let action = others.first().and_then(|w| w.action.get()).unwrap_or(Action::Reset);
        Self {
            model: Spanned::new(Model::Itco, origin),
            action: Some(Spanned::new(action, origin)),
            info: Info::default(),
            origin,
        }
    }

    /// Whether it is the chipset's own.
    pub fn is_itco(&self) -> bool {
        self.model.value == Model::Itco
    }
}

impl DeviceElement for Watchdog {
    const ELEMENT: &'static str = "watchdog";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let (model, action) = (f.attr("model"), f.attr("action"));
        Some(Self { action, info: Info::lower(f), origin: f.origin(), model: model? })
    }

    fn matches_description(&self, other: &Self) -> bool {
        let same_address = other.info.address.as_ref().is_none_or(|a| self.info.address.is(&a.value));
        self.model == other.model && same_address && other.action.is_none_or(|a| self.action.is(&a.value))
    }
}

impl Device for Watchdog {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("watchdog").attr("model", self.model.word()).opt("action", &self.action);
        tag.children(|w| self.info.write(w));
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        self.action.get_or_insert(Spanned::rule(Action::Reset, &ACTION, self.origin));
        let fault = match self.model.value {
            Model::Diag288 => Some("watchdog `diag288` exists on s390x only"),
            Model::Itco if defaults.family != MachineFamily::Q35 => Some("watchdog `itco` needs machine type `q35`"),
            Model::Ib700 if defaults.family != MachineFamily::I440fx => {
                Some("watchdog `ib700` needs the ISA bus of machine type `pc`")
            }
            Model::Itco | Model::Ib700 if self.info.address.is_some() => Some("this watchdog has no address"),
            Model::Itco | Model::Ib700 | Model::I6300esb => None,
        };
        if let Some(fault) = fault {
            let span = self.model.origin.span();
            defaults.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, fault).help("use `i6300esb`"));
        }
    }

    /// QEMU knows one action for all watchdogs (`qemuValidateDomainWatchdogDef` in libvirt's `src/qemu/qemu_validate.c`).
    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        let itco = domain.devices.watchdogs.iter().find(|w| w.is_itco());
        if self.is_itco() && itco.is_some_and(|itco| !std::ptr::eq(itco, self)) {
            let span = self.origin.span();
            faults.push(
                Diagnostic::at(&codes::CONFLICT, span, "a guest has at most one watchdog of model `itco`")
                    .help("remove one of the two"),
            );
        }
        let first = domain.devices.watchdogs.first().and_then(|w| w.action);
        let (Some(first), Some(own)) = (first, self.action) else { return };
        if own != first {
            let message =
                format!("action `{}` differs from that of the first watchdog, `{}`", own.word(), first.word());
            let fault = Diagnostic::at(&codes::CONFLICT, own.origin, message);
            faults.push(fault.help("give all watchdogs the same `action`"));
        }
    }

    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        match self.model.value {
            Model::I6300esb => BusSlot::Pci(PCI_DEVICE),
            Model::Itco | Model::Ib700 | Model::Diag288 => BusSlot::Nothing,
        }
    }

    fn live(&self) -> Live {
        let on_pci = self.model.value == Model::I6300esb;
        Live::plug(Can::when(on_pci, || "a watchdog that is part of the machine".to_owned()))
    }

    fn already_there(&self, running: &Domain) -> Option<String> {
        running.devices.watchdogs.first().map(|_| "a watchdog".to_owned())
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("watchdog")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let all = &cx.domain.devices.watchdogs;
        if !self.is_itco() {
            let props = Props::new().with("driver", self.model.word()).with("id", self.info.alias());
            out.device(ArgSection::Watchdogs, props.and(cx.pci_address(&self.info.address)), self.origin);
        }
        // What is said once for all watchdogs comes after the last of them.
        if !all.last().is_some_and(|last| std::ptr::eq(last, self)) {
            return;
        }
        if all.iter().any(Self::is_itco) {
            let opts = Opts::new().with("ICH9-LPC.noreboot", "off");
            out.opts(ArgSection::Watchdogs, "global", opts, self.origin.with_rule(&rules::WATCHDOG_REBOOT));
        }
        // QEMU writes no dump: it pauses the guest, and the dump is made from outside.
        let action = match self.action.get().unwrap_or(Action::Reset) {
            Action::Dump => Action::Pause,
            action @ (Action::Reset
            | Action::Shutdown
            | Action::Poweroff
            | Action::Pause
            | Action::None
            | Action::InjectNmi) => action,
        };
        out.word(ArgSection::Watchdogs, "watchdog-action", action.word(), self.action.origin_or(self.origin));
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn the_chipset_has_one() {
        let faults =
            trial("<watchdog model='itco' action='reset'/><watchdog model='itco' action='reset'/>", &[]).faults;
        assert!(faults.contains(&"a guest has at most one watchdog of model `itco`".to_owned()), "{faults:?}");
    }

    #[test]
    fn the_action_is_one_for_all() {
        let t = trial("<watchdog model='i6300esb'/><watchdog model='ib700' action='reset'/>", &["watchdog"]);
        assert_eq!(t.faults, Vec::<String>::new());
        let first = r#"-device {"driver":"i6300esb","id":"watchdog0","bus":"pci.0","addr":"0x2"}"#;
        let second = r#"-device {"driver":"ib700","id":"watchdog1"}"#;
        assert_eq!(t.argv, [first, second, "-watchdog-action reset"]);
        let t = trial("<watchdog model='i6300esb'/><watchdog model='ib700' action='pause'/>", &[]);
        assert_eq!(t.faults, ["action `pause` differs from that of the first watchdog, `reset`"]);
    }

    #[test]
    fn the_chipset_has_its_own() {
        let t = trial("<watchdog model='itco'/>", &[]);
        assert_eq!(t.faults, ["watchdog `itco` needs machine type `q35`"]);
        let t = trial("<watchdog model='diag288'/>", &[]);
        assert_eq!(t.faults, ["watchdog `diag288` exists on s390x only"]);
    }
}
