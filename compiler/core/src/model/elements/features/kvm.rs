//! `<kvm>` and `<tcg>`: settings of the accelerator.

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::{Opt, OptExt, Switch};
use crate::model::elements::memory::scaled;
use crate::qemu::Opts;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `<kvm>`.
#[derive(Debug, Clone, Default)]
pub struct Kvm {
    /// The guest does not see that it runs under KVM.
    pub hidden: Opt<Switch>,
    /// A hint to the guest that its vCPUs have host CPUs of their own.
    pub hint_dedicated: Opt<Switch>,
    /// The guest can switch off the host's polling for idle vCPUs.
    pub poll_control: Opt<Switch>,
    /// Paravirtualised inter-processor interrupts.
    pub pv_ipi: Opt<Switch>,
    /// Dirty pages are tracked in a ring.
    pub dirty_ring: Opt<Switch>,
    /// The number of pages that the ring holds: a power of two, 1024–65536.
    pub ring_size: Opt<u32>,
}

impl Kvm {
    /// Reads `<kvm>` from `<features>`.
    pub fn lower(features: &Fields<'_, '_>) -> Option<Self> {
        let f = features.child("kvm")?;
        let state = |name: &str| f.child_attr(name, "state");
        let ring = f.child("dirty-ring");
        Some(Self {
            hidden: state("hidden"),
            hint_dedicated: state("hint-dedicated"),
            poll_control: state("poll-control"),
            pv_ipi: state("pv-ipi"),
            dirty_ring: ring.as_ref().and_then(|r| r.attr("state")),
            ring_size: ring.and_then(|r| r.attr("size")),
        })
    }

    fn states(&self) -> [(&'static str, &Opt<Switch>); 4] {
        [
            ("hidden", &self.hidden),
            ("hint-dedicated", &self.hint_dedicated),
            ("poll-control", &self.poll_control),
            ("pv-ipi", &self.pv_ipi),
        ]
    }

    /// What libvirt refuses.
    pub fn check(&self, faults: &mut Diagnostics) {
        if let Some(ring) = self.dirty_ring.filter(|r| r.value == Switch::On) {
            let fits = |size: u32| size.is_power_of_two() && (1024..=65536).contains(&size);
            if !self.ring_size.get().is_some_and(fits) {
                let message = "`size` of `<dirty-ring>` must be a power of two between 1024 and 65536";
                faults.conflict(self.ring_size.origin_or(ring.origin), message);
            }
        }
    }

    /// Writes `<kvm>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("kvm").children(|w| {
            for (name, state) in self.states() {
                if state.is_some() {
                    w.tag(name).opt("state", state).end();
                }
            }
            if self.dirty_ring.is_some() {
                let size = self.ring_size.filter(|s| s.value > 0 && self.dirty_ring.is(&Switch::On));
                w.tag("dirty-ring").opt("state", &self.dirty_ring).opt("size", &size).end();
            }
        });
    }

    /// The flags of `-cpu`.
    pub fn cpu_opts(&self, mut opts: Opts) -> Opts {
        let on = |state: &Opt<Switch>| state.is(&Switch::On);
        if on(&self.hidden) {
            opts = opts.switch("kvm", false);
        }
        if on(&self.hint_dedicated) {
            opts = opts.switch("kvm-hint-dedicated", true);
        }
        if on(&self.poll_control) {
            opts = opts.switch("kvm-poll-control", true);
        }
        // On is QEMU's default.
        if self.pv_ipi.is(&Switch::Off) {
            opts = opts.switch("kvm-pv-ipi", false);
        }
        opts
    }

    /// The number of pages of the dirty ring, where it is on.
    pub fn ring(&self) -> Option<u32> {
        self.ring_size.get().filter(|_| self.dirty_ring.is(&Switch::On))
    }
}

/// `<tcg>`.
#[derive(Debug, Clone, Default)]
pub struct Tcg {
    /// The size of the cache of translated code (`<tb-cache>`), in KiB; whole MiB.
    pub cache: Opt<u64>,
}

impl Tcg {
    /// Reads `<tcg>` from `<features>`.
    pub fn lower(features: &Fields<'_, '_>) -> Option<Self> {
        let cache = features.child("tcg")?.child("tb-cache").as_ref().and_then(scaled).filter(|cache| cache.value > 0);
        Some(Self { cache }).filter(|tcg| tcg.cache.is_some())
    }

    /// Writes `<tcg>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("tcg").children(|w| {
            if let Some(cache) = self.cache {
                w.tag("tb-cache").attr("unit", "KiB").text(&cache.value.to_string());
            }
        });
    }
}
