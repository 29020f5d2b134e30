//! `<cpu>`.

mod emit;
mod features;
mod names;
mod vectors;

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::Arch;
use crate::ir::{DefaultRule, Leaf, Opt, OptExt, Origin, Spanned, Switch, words};
use crate::model::Domain;
use crate::model::Element;
use crate::model::EmitContext;
use crate::model::elements::numa::Numa;
use crate::model::elements::physical::Physical;
use crate::qemu::QemuOptions;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Where the CPU's features come from.
    pub enum CpuMode { Custom = "custom", HostModel = "host-model", HostPassthrough = "host-passthrough", Maximum = "maximum" }
}

words! {
    /// How closely the guest's CPU must match the definition.
    pub enum CpuMatch { Minimum = "minimum", Exact = "exact", Strict = "strict" }
}

words! {
    /// How the CPU is checked when the guest starts.
    pub enum CpuCheck { None = "none", Partial = "partial", Full = "full" }
}

words! {
    /// Whether a model that the host cannot provide may be replaced by another one.
    pub enum Fallback { Allow = "allow", Forbid = "forbid" }
}

words! {
    /// The policy for a CPU feature.
    pub enum FeaturePolicy { Force = "force", Require = "require", Optional = "optional", Disable = "disable", Forbid = "forbid" }
}

/// `<topology>`.
#[derive(Debug, Clone)]
pub struct Topology {
    /// Sockets of the machine, at least 1.
    pub sockets: u32,
    /// Dies of a socket, at least 1.
    pub dies: u32,
    /// Clusters of a die, at least 1.
    pub clusters: u32,
    /// Cores of a cluster, at least 1.
    pub cores: u32,
    /// Threads of a core, at least 1.
    pub threads: u32,
    /// Its place in the XML.
    pub origin: Origin,
}

/// `<feature>`.
#[derive(Debug, Clone)]
pub struct Feature {
    /// libvirt's name of the feature.
    pub name: Opt<String>,
    /// Its policy.
    pub policy: Opt<FeaturePolicy>,
}

/// `<cpu>`.
#[derive(Debug, Clone)]
pub struct Cpu {
    /// Where the features come from.
    pub mode: Opt<CpuMode>,
    /// How closely the guest's CPU must match.
    pub matching: Opt<CpuMatch>,
    /// How the CPU is checked at the start.
    pub check: Opt<CpuCheck>,
    /// Whether features that block migration are left out.
    pub migratable: Opt<Switch>,
    /// The model.
    pub model: Opt<String>,
    /// Whether the model may be replaced.
    pub fallback: Opt<Fallback>,
    /// The vendor that the guest sees, 12 characters.
    pub vendor_id: Opt<String>,
    /// Whether deprecated features are left out; s390x only.
    pub deprecated_features: Opt<Switch>,
    /// The vendor the host must have.
    pub vendor: Opt<String>,
    /// Sockets, dies, clusters, cores and threads.
    pub topology: Option<Topology>,
    /// Caches and physical address bits.
    pub physical: Physical,
    /// The NUMA cells.
    pub numa: Option<Numa>,
    /// Features that are added to the model's or removed from them.
    pub features: Vec<Feature>,
    /// Its place in the XML.
    pub origin: Origin,
}

static DEFAULT_CPU: DefaultRule = DefaultRule {
    name: "default-cpu",
    text: "without a model the guest gets the default CPU of its machine type, which is written out so that it stays the same",
};
static CPU_DEFAULTS: DefaultRule =
    DefaultRule { name: "cpu-defaults", text: "attributes of `<cpu>` that follow from its `mode`" };

/// A value that follows from `mode`.
fn by_rule<T>(value: T, origin: Origin) -> Spanned<T> {
    Spanned::rule(value, &CPU_DEFAULTS, origin)
}

impl Cpu {
    /// Reads `<cpu>` from `<domain>`.
    fn read(domain: &Fields<'_, '_>) -> Option<Self> {
        let f = domain.child("cpu")?;
        let model = f.child("model");
        let fallback = model.as_ref().and_then(|m| m.attr("fallback"));
        let vendor_id = model.as_ref().and_then(|m| m.attr("vendor_id"));
        let topology = f.child("topology").map(|t| {
            let number = |name: &str| t.attr::<u32>(name).map_or(1, |n| n.value);
            Topology {
                sockets: number("sockets"),
                dies: number("dies"),
                clusters: number("clusters"),
                cores: number("cores"),
                threads: number("threads"),
                origin: t.origin(),
            }
        });
        let features =
            f.children("feature").iter().map(|c| Feature { name: c.attr("name"), policy: c.attr("policy") }).collect();
        Some(Self {
            mode: f.attr("mode"),
            matching: f.attr("match"),
            check: f.attr("check"),
            migratable: f.attr("migratable"),
            model: model.and_then(|m| m.text()),
            fallback,
            vendor_id,
            deprecated_features: f.attr("deprecated_features"),
            vendor: f.child_text("vendor"),
            numa: Numa::lower(&f),
            physical: Physical::lower(&f),
            topology,
            features,
            origin: f.origin(),
        })
    }

    /// The CPU of a definition without `<cpu>`.
    pub fn implicit(origin: Origin) -> Self {
        Self {
            mode: None,
            matching: None,
            check: None,
            migratable: None,
            model: None,
            fallback: None,
            vendor_id: None,
            deprecated_features: None,
            vendor: None,
            numa: None,
            physical: Physical::default(),
            topology: None,
            features: Vec::new(),
            origin: origin.with_rule(&DEFAULT_CPU),
        }
    }

    /// Sets `migratable='off'` for `host-passthrough` in a QEMU that does not know `migratable`.
    pub fn without_migration(&mut self) {
        if self.mode.is(&CpuMode::HostPassthrough) {
            self.migratable.get_or_insert(by_rule(Switch::Off, self.origin));
        }
    }

    /// Fills in what is absent; `default` is the default CPU of the machine type, where it can be used.
    pub fn define(
        &mut self,
        default: Option<String>,
        (arch, kvm): (Arch, bool),
        max_vcpus: Option<u32>,
        faults: &mut Diagnostics,
    ) {
        vectors::define(self, faults);
        let mode = self.mode.get_or_insert(by_rule(CpuMode::Custom, self.origin)).value;
        match mode {
            // Only a topology is given: QEMU chooses the model.
            CpuMode::Custom if self.model.is_none() && default.is_none() => {
                (self.mode, self.matching, self.check) = (None, None, None);
            }
            CpuMode::Custom => {
                if let (None, Some(default)) = (&self.model, default) {
                    self.model = Some(Spanned::rule(default, &DEFAULT_CPU, self.origin));
                    self.fallback = Some(Spanned::rule(Fallback::Forbid, &DEFAULT_CPU, self.origin));
                    self.check = Some(Spanned::rule(CpuCheck::None, &DEFAULT_CPU, self.origin));
                    self.matching = Some(Spanned::rule(CpuMatch::Exact, &DEFAULT_CPU, self.origin));
                }
                self.matching.get_or_insert(by_rule(CpuMatch::Exact, self.origin));
                // Without KVM the guest's CPU does not depend on the host's: nothing is checked.
                self.check.get_or_insert(by_rule(if kvm { CpuCheck::Partial } else { CpuCheck::None }, self.origin));
                self.fallback.get_or_insert(by_rule(Fallback::Allow, self.origin));
            }
            CpuMode::HostModel => {
                self.check.get_or_insert(by_rule(CpuCheck::Partial, self.origin));
                self.fallback = self.fallback.filter(|_| self.model.is_some());
                if self.model.is_some() {
                    self.fallback.get_or_insert(by_rule(Fallback::Allow, self.origin));
                }
            }
            CpuMode::HostPassthrough => {
                self.check.get_or_insert(by_rule(CpuCheck::None, self.origin));
                if arch.is_x86() {
                    self.migratable.get_or_insert(by_rule(Switch::On, self.origin));
                }
                self.fallback = None;
            }
            CpuMode::Maximum => {
                self.check.get_or_insert(by_rule(CpuCheck::None, self.origin));
                self.fallback = None;
            }
        }
        if mode != CpuMode::Custom {
            self.matching = None;
        }
        for feature in &mut self.features {
            feature.policy.get_or_insert(by_rule(FeaturePolicy::Require, self.origin));
        }
        if let Some(numa) = &mut self.numa {
            numa.define(max_vcpus.unwrap_or(1), faults);
        }
        if let (Some(t), Some(max)) = (&self.topology, max_vcpus) {
            let count =
                [t.sockets, t.dies, t.clusters, t.cores, t.threads].iter().try_fold(1u32, |a, b| a.checked_mul(*b));
            if count != Some(max) {
                let count = count.map_or("too many".to_owned(), |c| c.to_string());
                let message = format!("`<topology>` has {count} CPUs, `<vcpu>` has {max}");
                faults.conflict_with(
                    t.origin,
                    message,
                    "make sockets × dies × clusters × cores × threads equal to `<vcpu>`",
                );
            }
        }
    }

    /// What cannot be compiled.
    pub fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        self.physical.check(self.mode.get(), domain.os.arch(), faults);
        features::check(self, domain.os.arch(), faults);
        let Some(mode) = self.mode else { return };
        match mode.value {
            CpuMode::HostPassthrough if domain.has_32_bits() && self.migratable.is(&Switch::On) => {
                let place = self.migratable.origin_or(mode.origin);
                faults.refuse(place, "`migratable='on'` is not supported by `qemu-system-i386`");
            }
            CpuMode::HostPassthrough if !domain.general.is_kvm() => faults.refuse_with(
                mode.origin,
                "`mode='host-passthrough'` needs KVM, but the domain is of type `qemu`",
                "use `<domain type='kvm'>`, or `mode='custom'` with a `<model>`",
            ),
            CpuMode::HostPassthrough | CpuMode::HostModel | CpuMode::Custom | CpuMode::Maximum => {}
        }
    }

    /// Writes `<cpu>`.
    fn write_own(&self, w: &mut XmlWriter) {
        let tag = w.tag("cpu").opt("mode", &self.mode).opt("match", &self.matching).opt("check", &self.check);
        let tag = tag.opt("migratable", &self.migratable).opt("deprecated_features", &self.deprecated_features);
        tag.children(|w| {
            let is_whole = matches!(self.mode.get(), Some(CpuMode::HostPassthrough | CpuMode::Maximum));
            if let Some(model) = self.model.as_ref().filter(|_| !is_whole) {
                w.tag("model").opt("fallback", &self.fallback).opt("vendor_id", &self.vendor_id).text(model);
            } else if self.fallback.is_some() || self.vendor_id.is_some() {
                w.tag("model").opt("fallback", &self.fallback).opt("vendor_id", &self.vendor_id).end();
            }
            if !is_whole {
                w.opt_text("vendor", &self.vendor);
            }
            if let Some(t) = &self.topology {
                w.tag("topology")
                    .attr("sockets", &t.sockets.show())
                    .attr("dies", &t.dies.show())
                    .attr("clusters", &t.clusters.show())
                    .attr("cores", &t.cores.show())
                    .attr("threads", &t.threads.show())
                    .end();
            }
            self.physical.write(w);
            for feature in &self.features {
                w.tag("feature").opt("policy", &feature.policy).opt("name", &feature.name).end();
            }
            if let Some(numa) = &self.numa {
                numa.write(w);
            }
        });
    }
}

impl Element for Option<Cpu> {
    fn lower(f: &Fields<'_, '_>) -> Self {
        Cpu::read(f)
    }

    fn write(&self, w: &mut XmlWriter) {
        if let Some(cpu) = self {
            cpu.write_own(w);
        }
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let Some(cpu) = self else { return };
        if let Some(numa) = &cpu.numa {
            numa.options(cx, out);
        }
        cpu.options_of(cx, out);
    }
}
