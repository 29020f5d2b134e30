//! `<cache>` and `<maxphysaddr>` of `<cpu>`.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::Arch;
use crate::ir::{Leaf, Opt, OptExt, Origin, words};
use crate::model::elements::cpu::CpuMode;
use crate::qemu::Opts;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Which caches the guest sees.
    pub enum CacheMode { Emulate = "emulate", Passthrough = "passthrough", Disable = "disable" }
}

words! {
    /// Where the width of addresses comes from.
    pub enum AddressMode { Emulate = "emulate", Passthrough = "passthrough" }
}

/// What the guest sees of the CPU's caches and address lines.
#[derive(Debug, Clone, Default)]
pub struct Physical {
    /// `<cache mode>`.
    pub cache: Opt<CacheMode>,
    /// `<cache level>`.
    pub level: Opt<u32>,
    /// `<maxphysaddr mode>`.
    pub address: Opt<AddressMode>,
    /// Address lines.
    pub bits: Opt<u32>,
    /// Address lines at most.
    pub limit: Opt<u32>,
}

fn is_host(mode: Option<CpuMode>) -> bool {
    matches!(mode, Some(CpuMode::HostPassthrough | CpuMode::Maximum))
}

impl Physical {
    /// Reads both elements from `<cpu>`.
    pub fn lower(cpu: &Fields<'_, '_>) -> Self {
        let cache = cpu.child("cache");
        let address = cpu.child("maxphysaddr");
        Self {
            cache: cache.as_ref().and_then(|c| c.attr("mode")),
            level: cache.and_then(|c| c.attr("level")),
            address: address.as_ref().and_then(|a| a.attr("mode")),
            bits: address.as_ref().and_then(|a| a.attr("bits")),
            limit: address.and_then(|a| a.attr("limit")),
        }
    }

    /// What libvirt refuses (`qemuValidateDomainDefCpu` in its `src/qemu/qemu_validate.c`).
    pub fn check(&self, mode: Option<CpuMode>, arch: Arch, report: &mut dyn FnMut(Diagnostic)) {
        if let Some(cache) =
            self.cache.filter(|c| c.value == CacheMode::Passthrough && !is_host(mode) && !arch.is_arm())
        {
            let message = "`<cache mode='passthrough'/>` needs a CPU of mode `host-passthrough` or `maximum`";
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, cache.origin, message);
            report(fault.help("write `<cpu mode='host-passthrough'>`, or `<cache mode='emulate' level='3'/>`"));
        }
        let mut fault = |origin: Origin, message: &str| {
            report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message));
        };
        if arch.is_arm() {
            let set = self.cache.map(|c| (c.origin, "caches"));
            if let Some((origin, what)) = set.or(self.address.map(|a| (a.origin, "address lines"))) {
                fault(origin, &format!("the {what} of a CPU can be set on x86 machines alone"));
            }
            return;
        }
        if let Some(cache) = self.cache {
            let origin = self.level.origin_or(cache.origin);
            match (cache.value, self.level.get()) {
                (CacheMode::Emulate, level) if level != Some(3) => fault(origin, "only a cache of level 3 is emulated"),
                // That is said above.
                (CacheMode::Passthrough, _) if !is_host(mode) => {}
                (CacheMode::Passthrough, Some(_)) => {
                    fault(origin, "the host's caches are given to the guest as a whole");
                }
                (CacheMode::Disable, Some(_)) => fault(origin, "caches are switched off as a whole"),
                (CacheMode::Emulate | CacheMode::Passthrough | CacheMode::Disable, _) => {}
            }
        }
        for count in [self.bits, self.limit].into_iter().flatten().filter(|n| i32::try_from(n.value).is_err()) {
            fault(count.origin, "more address lines than can be counted");
        }
        if let Some(limit) = self.limit.filter(|limit| limit.value == 0) {
            fault(limit.origin, "a guest without address lines");
        }
        match (self.address, self.bits, self.limit) {
            (Some(address), Some(bits), _) if address.value == AddressMode::Passthrough => {
                fault(bits.origin, "the number of address lines is given, but they are those of the host");
            }
            (Some(address), _, Some(limit)) if address.value == AddressMode::Emulate => {
                fault(limit.origin, "a limit on address lines whose number is given");
            }
            (Some(_) | None, _, _) => {}
        }
    }

    /// Writes both elements.
    pub fn write(&self, w: &mut XmlWriter) {
        if self.cache.is_some() {
            w.tag("cache").opt("level", &self.level).opt("mode", &self.cache).end();
        }
        if self.address.is_some() {
            let tag = w.tag("maxphysaddr").opt("mode", &self.address).opt("bits", &self.bits);
            tag.opt("limit", &self.limit).end();
        }
    }

    /// QEMU's flags of the CPU.
    pub fn cpu_opts(&self, mode: Option<CpuMode>, mut opts: Opts) -> Opts {
        let host = is_host(mode);
        match self.cache.get() {
            Some(CacheMode::Emulate) => {
                opts = opts.switch("l3-cache", true);
                if host {
                    opts = opts.switch("host-cache-info", false);
                }
            }
            Some(CacheMode::Passthrough) => opts = opts.switch("host-cache-info", true).switch("l3-cache", false),
            Some(CacheMode::Disable) => {
                if host {
                    opts = opts.switch("host-cache-info", false);
                }
                opts = opts.switch("l3-cache", false);
            }
            None => {}
        }
        match self.address.get() {
            Some(AddressMode::Passthrough) => {
                opts = opts.switch("host-phys-bits", true);
                opts.opt("host-phys-bits-limit", self.limit.map(|l| l.show()))
            }
            Some(AddressMode::Emulate) => match self.bits.get() {
                // QEMU's own number, which is not the host's.
                None | Some(0) => opts.switch("host-phys-bits", false),
                Some(bits) => opts.with("phys-bits", bits.show()),
            },
            None => opts,
        }
    }
}
