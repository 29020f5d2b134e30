//! `<hyperv>`: Hyper-V enlightenments, which Windows guests use.

use virtc_diag::{Diagnostic, Diagnostics, Safety};

use crate::codes::{self, Report as _};
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, Switch, words};
use crate::qemu::Opts;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Where the enlightenments come from.
    pub enum Mode { Custom = "custom", Passthrough = "passthrough" }
}

words! {
    /// An enlightenment, in libvirt's order.
    pub enum Kind {
        Relaxed = "relaxed", Vapic = "vapic", Spinlocks = "spinlocks", Vpindex = "vpindex", Runtime = "runtime", Synic = "synic",
        Stimer = "stimer", Reset = "reset", VendorId = "vendor_id", Frequencies = "frequencies", Reenlightenment = "reenlightenment",
        Tlbflush = "tlbflush", Ipi = "ipi", Evmcs = "evmcs", Avic = "avic", EmsrBitmap = "emsr_bitmap", XmmInput = "xmm_input",
    }
}

const KINDS: [Kind; 17] = [
    Kind::Relaxed,
    Kind::Vapic,
    Kind::Spinlocks,
    Kind::Vpindex,
    Kind::Runtime,
    Kind::Synic,
    Kind::Stimer,
    Kind::Reset,
    Kind::VendorId,
    Kind::Frequencies,
    Kind::Reenlightenment,
    Kind::Tlbflush,
    Kind::Ipi,
    Kind::Evmcs,
    Kind::Avic,
    Kind::EmsrBitmap,
    Kind::XmmInput,
];

/// One enlightenment.
#[derive(Debug, Clone)]
pub struct Enlightenment {
    /// Which one.
    pub kind: Kind,
    /// Whether it is on.
    pub state: Opt<Switch>,
    /// Retries of `spinlocks`, at least 4095.
    pub retries: Opt<u32>,
    /// The vendor of `vendor_id`.
    pub value: Opt<String>,
    /// `<direct>` of `stimer` and `tlbflush`.
    pub direct: Opt<Switch>,
    /// `<extended>` of `tlbflush`.
    pub extended: Opt<Switch>,
    origin: Origin,
}

/// `<hyperv>`.
#[derive(Debug, Clone)]
pub struct Hyperv {
    /// Where the enlightenments come from.
    pub mode: Opt<Mode>,
    /// Those that are named, in libvirt's order.
    pub list: Vec<Enlightenment>,
}

static CUSTOM: DefaultRule =
    DefaultRule { name: "hyperv-mode", text: "the Hyper-V enlightenments are those that the definition lists" };

impl Hyperv {
    /// Its place in the XML: the first enlightenment, or `mode`.
    pub(super) fn origin(&self) -> Option<Origin> {
        let named = self.list.iter().find_map(|e| e.state.map(|s| s.origin));
        named.or(self.mode.map(|mode| mode.origin))
    }

    /// Reads `<hyperv>` from `<features>`.
    pub fn lower(features: &Fields<'_, '_>) -> Option<Self> {
        let f = features.child("hyperv")?;
        let one = |kind: Kind| {
            let child = f.child(kind.word())?;
            Some(Enlightenment {
                kind,
                state: child.attr("state"),
                retries: if kind == Kind::Spinlocks { child.attr("retries") } else { None },
                value: if kind == Kind::VendorId { child.attr("value") } else { None },
                direct: child.child_attr("direct", "state"),
                extended: child.child_attr("extended", "state"),
                origin: child.origin(),
            })
        };
        Some(Self { mode: f.attr("mode"), list: KINDS.into_iter().filter_map(one).collect() })
    }

    /// Fills in the mode, and says what libvirt refuses.
    pub fn define(&mut self, origin: Origin, faults: &mut Diagnostics) {
        let mode = *self.mode.get_or_insert(Spanned::rule(Mode::Custom, &CUSTOM, origin));
        for one in &self.list {
            let on = one.state.is(&Switch::On);
            if mode.value == Mode::Passthrough {
                let message = "`mode='passthrough'` takes the enlightenments of the host: none can be listed";
                faults.conflict_with(one.origin, message, "remove it, or write `mode='custom'`");
            }
            if one.state.is_none() {
                let message = format!("`<{}>` needs the attribute `state`", one.kind.word());
                faults.conflict_with(one.origin, message, "write `state='on'` or `state='off'`");
            }
            if let (Kind::Spinlocks, true) = (one.kind, on) {
                match one.retries {
                    Some(retries) if retries.value < 0xfff => {
                        let message = format!("`retries` of `<spinlocks>` is at least 4095, not {}", retries.value);
                        let fault = Diagnostic::at(&codes::CONFLICT, retries.origin, message);
                        let fault = fault.help("write `retries='4095'` or more; Windows guests mostly get 8191");
                        faults.push(fault.fix(Safety::Unsafe, "write `4095`", retries.origin.span(), "4095"));
                    }
                    Some(_) => {}
                    None => {
                        let message = "`<spinlocks>` needs the attribute `retries`";
                        faults.conflict_with(one.origin, message, "write `retries='8191'`");
                    }
                }
            }
            if let (Kind::VendorId, true, None) = (one.kind, on, &one.value) {
                let message = "`<vendor_id>` needs the attribute `value`";
                faults.conflict_with(one.origin, message, "write `value='…'` with at most 12 characters");
            }
        }
    }

    /// Writes `<hyperv>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("hyperv").opt("mode", &self.mode).children(|w| {
            for one in &self.list {
                let on = one.state.is(&Switch::On);
                let tag = w.tag(one.kind.word()).opt("state", &one.state);
                let tag = tag.opt("retries", &one.retries.filter(|_| on));
                let tag = if on { tag.opt("value", &one.value) } else { tag };
                tag.children(|w| {
                    for (name, state) in [("direct", &one.direct), ("extended", &one.extended)] {
                        if on && state.is(&Switch::On) {
                            w.tag(name).opt("state", state).end();
                        }
                    }
                });
            }
        });
    }

    /// The flags of `-cpu`.
    pub fn cpu_opts(&self, mut opts: Opts) -> Opts {
        if self.mode.is(&Mode::Passthrough) {
            opts = opts.switch("hv-passthrough", true);
        }
        for one in self.list.iter().filter(|one| one.state.is(&Switch::On)) {
            let name = format!("hv-{}", one.kind.word().replace('_', "-"));
            match one.kind {
                Kind::Spinlocks => opts = opts.opt(&name, one.retries.map(|r| format!("{:#x}", r.value))),
                Kind::VendorId => opts = opts.opt(&name, one.value.as_ref().map(|v| v.value.as_str())),
                Kind::Relaxed
                | Kind::Vapic
                | Kind::Vpindex
                | Kind::Runtime
                | Kind::Synic
                | Kind::Stimer
                | Kind::Reset
                | Kind::Frequencies
                | Kind::Reenlightenment
                | Kind::Tlbflush
                | Kind::Ipi
                | Kind::Evmcs
                | Kind::Avic
                | Kind::EmsrBitmap
                | Kind::XmmInput => opts = opts.switch(&name, true),
            }
            if one.direct.is(&Switch::On) {
                opts = opts.switch(format!("{name}-direct"), true);
            }
            if one.extended.is(&Switch::On) {
                opts = opts.switch(format!("{name}-ext"), true);
            }
        }
        opts
    }
}
