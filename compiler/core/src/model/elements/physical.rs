//! `<cache>` and `<maxphysaddr>` of `<cpu>`.

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::Arch;
use crate::ir::{Leaf, Opt, OptExt, words};
use crate::model::elements::cpu::CpuMode;
use crate::qemu::Opts;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Which caches the guest sees.
    pub enum CacheMode { Emulate = "emulate", Passthrough = "passthrough", Disable = "disable" }
}

words! {
    /// Where the number of physical address bits comes from.
    pub enum AddressMode { Emulate = "emulate", Passthrough = "passthrough" }
}

/// The CPU's caches and physical address bits as the guest sees them.
#[derive(Debug, Clone, Default)]
pub struct Physical {
    /// `<cache mode>`.
    pub cache: Opt<CacheMode>,
    /// `<cache level>`: 1–3.
    pub level: Opt<u32>,
    /// `<maxphysaddr mode>`.
    pub address: Opt<AddressMode>,
    /// `<maxphysaddr bits>`: the number of physical address bits.
    pub bits: Opt<u32>,
    /// `<maxphysaddr limit>`: the largest number of physical address bits, at least 1.
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
    pub fn check(&self, mode: Option<CpuMode>, arch: Arch, faults: &mut Diagnostics) {
        if let Some(cache) =
            self.cache.filter(|c| c.value == CacheMode::Passthrough && !is_host(mode) && !arch.is_arm())
        {
            let message = "`<cache mode='passthrough'/>` needs a CPU of mode `host-passthrough` or `maximum`";
            let help = "write `<cpu mode='host-passthrough'>`, or `<cache mode='emulate' level='3'/>`";
            faults.refuse_with(cache.origin, message, help);
        }
        if arch.is_arm() {
            let set = self.cache.map(|c| (c.origin, "cache"));
            if let Some((origin, what)) = set.or(self.address.map(|a| (a.origin, "maxphysaddr"))) {
                faults.refuse(origin, format!("`<{what}>` of `<cpu>` is supported on x86 only"));
            }
            return;
        }
        if let Some(cache) = self.cache {
            let origin = self.level.origin_or(cache.origin);
            match (cache.value, self.level.get()) {
                (CacheMode::Emulate, level) if level != Some(3) => {
                    let message = "`<cache mode='emulate'>` is supported with `level='3'` only";
                    faults.refuse_with(origin, message, "write `level='3'`");
                }
                // That is said above.
                (CacheMode::Passthrough, _) if !is_host(mode) => {}
                (CacheMode::Passthrough, Some(_)) => {
                    faults.refuse(origin, "`<cache mode='passthrough'>` takes no `level`");
                }
                (CacheMode::Disable, Some(_)) => faults.refuse(origin, "`<cache mode='disable'>` takes no `level`"),
                (CacheMode::Emulate | CacheMode::Passthrough | CacheMode::Disable, _) => {}
            }
        }
        for count in [self.bits, self.limit].into_iter().flatten().filter(|n| i32::try_from(n.value).is_err()) {
            faults.refuse(count.origin, "`<maxphysaddr>` is at most 2147483647 bits");
        }
        if let Some(limit) = self.limit.filter(|limit| limit.value == 0) {
            faults.refuse(limit.origin, "`limit` of `<maxphysaddr>` must be at least 1");
        }
        match (self.address, self.bits, self.limit) {
            (Some(address), Some(bits), _) if address.value == AddressMode::Passthrough => {
                faults.refuse(bits.origin, "`<maxphysaddr mode='passthrough'>` takes no `bits`");
            }
            (Some(address), _, Some(limit)) if address.value == AddressMode::Emulate => {
                faults.refuse(limit.origin, "`<maxphysaddr mode='emulate'>` takes no `limit`");
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

    /// The flags of `-cpu`.
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
                // QEMU's default, which is not the host's number.
                None | Some(0) => opts.switch("host-phys-bits", false),
                Some(bits) => opts.with("phys-bits", bits.show()),
            },
            None => opts,
        }
    }
}
