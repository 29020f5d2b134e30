//! What the host does with the frames of an interface: limits, filters, gathering, isolation.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, YesNo};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `<inbound>` or `<outbound>`: rates in KiB each second, a burst in KiB.
#[derive(Debug, Clone)]
pub struct Rate {
    /// What it has on average.
    pub average: Opt<u64>,
    /// What it has at most.
    pub peak: Opt<u64>,
    /// What it has at least.
    pub floor: Opt<u64>,
    /// How much may come at once at the peak rate.
    pub burst: Opt<u64>,
    /// Its place in the XML.
    pub origin: Origin,
}

/// `<bandwidth>`.
#[derive(Debug, Clone, Default)]
pub struct Bandwidth {
    /// To the guest.
    pub inbound: Option<Rate>,
    /// From the guest.
    pub outbound: Option<Rate>,
}

impl Rate {
    /// Reads the child `name` of `f`. A rate of 0 is none (`virNetDevBandwidthParseRate` in libvirt's `src/conf/netdev_bandwidth_conf.c`).
    fn lower(f: &Fields<'_, '_>, name: &str) -> Option<Self> {
        let r = f.child(name)?;
        let rate = |name| r.attr::<u64>(name).filter(|rate| rate.value > 0);
        let this = Self {
            average: rate("average"),
            peak: rate("peak"),
            floor: rate("floor"),
            burst: rate("burst"),
            origin: r.origin(),
        };
        let span = r.element().span();
        if this.average.is_none() && this.floor.is_none() {
            r.report(
                Diagnostic::at(&codes::MISSING, span, format!("`<{name}>` has no `average`"))
                    .help("write `average='1000'`, in KiB/s"),
            );
        } else if let Some(more) = this.peak.as_ref().or(this.burst.as_ref()).filter(|_| this.average.is_none()) {
            let message = "`peak` and `burst` need `average`";
            r.report(Diagnostic::at(&codes::MISSING, more.origin, message).help("write `average='1000'`, in KiB/s"));
        }
        if let Some(floor) = this.floor.filter(|_| name == "outbound") {
            let message = "`floor` is for `<inbound>` only";
            r.report(Diagnostic::at(&codes::CONFLICT, floor.origin, message).help("remove `floor`"));
        }
        Some(this)
    }

    fn write(&self, name: &'static str, w: &mut XmlWriter) {
        let tag = w.tag(name).opt("average", &self.average).opt("peak", &self.peak);
        tag.opt("floor", &self.floor).opt("burst", &self.burst).end();
    }
}

impl Bandwidth {
    /// Reads `<bandwidth>` of the interface `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let b = f.child("bandwidth")?;
        if let Some(class) = b.attr::<u32>("classID") {
            let message = "the class of a bandwidth is the network's to choose";
            let span = class.origin.span();
            b.report(Diagnostic::at(&codes::CONFLICT, span, message).help("remove `classID`"));
        }
        let this = Self { inbound: Rate::lower(&b, "inbound"), outbound: Rate::lower(&b, "outbound") };
        (this.inbound.is_some() || this.outbound.is_some()).then_some(this)
    }

    /// The place of the first of its rates.
    pub fn origin(&self) -> Option<Origin> {
        self.inbound.as_ref().or(self.outbound.as_ref()).map(|rate| rate.origin)
    }

    /// Writes `<bandwidth>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("bandwidth").children(|w| {
            if let Some(rate) = &self.inbound {
                rate.write("inbound", w);
            }
            if let Some(rate) = &self.outbound {
                rate.write("outbound", w);
            }
        });
    }
}

/// `<filterref>`: a network filter and the values of its variables.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The filter.
    pub name: Opt<String>,
    /// The variables by name; one with several values is there several times.
    pub parameters: Vec<(Opt<String>, Opt<String>)>,
    /// Its place in the XML.
    pub origin: Origin,
}

impl Filter {
    /// Reads `<filterref>` of the interface `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let r = f.child("filterref")?;
        let name = |p: &Opt<String>| p.as_ref().map(|p| p.value.clone());
        let mut parameters: Vec<(Opt<String>, Opt<String>)> =
            r.children("parameter").iter().map(|p| (p.attr("name"), p.attr("value"))).collect();
        // libvirt keeps them sorted by name (`virNWFilterFormatParamAttributes` in its `src/conf/nwfilter_params.c`).
        parameters.sort_by_key(|(p, _)| name(p));
        Some(Self { name: r.attr("filter"), parameters, origin: r.origin() })
    }

    /// Writes `<filterref>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("filterref").opt("filter", &self.name).children(|w| {
            for (name, value) in &self.parameters {
                w.tag("parameter").opt("name", name).opt("value", value).end();
            }
        });
    }
}

/// What else the host does with the frames.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The most that may flow.
    pub bandwidth: Option<Bandwidth>,
    /// The filter.
    pub filter: Option<Filter>,
    /// `<port isolated=…>`: whether other isolated ports of the bridge are out of reach.
    pub isolated: Opt<YesNo>,
    /// How many frames the tap gathers before it interrupts the guest; more than 0.
    pub coalesce: Opt<u32>,
    /// The send buffer of the tap, in bytes.
    pub sndbuf: Opt<u64>,
}

impl Options {
    /// Reads the children of the interface `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let frames =
            f.child("coalesce").and_then(|c| c.child("rx")).and_then(|rx| rx.child_attr::<u32>("frames", "max"));
        Self {
            bandwidth: Bandwidth::lower(f),
            filter: Filter::lower(f),
            isolated: f.child_attr("port", "isolated"),
            coalesce: frames,
            sndbuf: f.child("tune").and_then(|t| t.child_text("sndbuf")),
        }
    }

    /// Writes what comes after `<source>`.
    pub fn write_first(&self, w: &mut XmlWriter) {
        if let Some(bandwidth) = &self.bandwidth {
            bandwidth.write(w);
        }
        if self.isolated.is_some() {
            w.tag("port").opt("isolated", &self.isolated).end();
        }
    }

    /// Writes what is at the end.
    pub fn write_last(&self, w: &mut XmlWriter) {
        if self.sndbuf.is_some() {
            w.tag("tune").children(|w| w.opt_text("sndbuf", &self.sndbuf));
        }
        if self.coalesce.is_some_and(|frames| frames.value > 0) {
            let frames = |w: &mut XmlWriter| w.tag("frames").opt("max", &self.coalesce).end();
            w.tag("coalesce").children(|w| w.tag("rx").children(frames));
        }
    }

    /// Whether the port is isolated.
    pub fn is_isolated(&self) -> bool {
        self.isolated.is(&YesNo::Yes)
    }
}
