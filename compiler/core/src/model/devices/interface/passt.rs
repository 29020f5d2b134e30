//! passt: a process of the host that moves the frames, in place of QEMU's own user network; and the ports that it forwards.

use crate::ir::{Opt, Origin, YesNo, words};
use crate::model::EmitContext;
use crate::qemu::{Props, Text, state};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

use super::ip::Ip;

/// How often QEMU tries to reach passt again (`qemuBuildHostNetProps` in libvirt's `src/qemu/qemu_command.c`).
pub const RECONNECT_MS: u32 = 5000;

words! {
    /// A protocol whose ports are forwarded.
    pub enum Proto { Tcp = "tcp", Udp = "udp" }
}

/// `<portForward>`.
#[derive(Debug, Clone)]
pub struct PortForward {
    /// The protocol.
    pub proto: Opt<Proto>,
    /// The host's address on which passt listens.
    pub address: Opt<Ip>,
    /// The host's interface on which passt listens.
    pub dev: Opt<String>,
    /// The ports; all where there is none.
    pub ranges: Vec<Range>,
    /// Its place in the XML.
    pub origin: Origin,
}

/// `<range>`.
#[derive(Debug, Clone)]
pub struct Range {
    /// The first port of the host.
    pub start: Opt<i32>,
    /// The last one.
    pub end: Opt<i32>,
    /// The first port of the guest.
    pub to: Opt<i32>,
    /// Whether these ports are left out.
    pub exclude: Opt<YesNo>,
}

impl PortForward {
    /// Reads the element.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let range = |r: &Fields<'_, '_>| Range {
            start: r.attr("start"),
            end: r.attr("end"),
            to: r.attr("to"),
            exclude: r.attr("exclude"),
        };
        Self {
            proto: f.attr("proto"),
            address: f.attr("address"),
            dev: f.attr("dev"),
            ranges: f.children("range").iter().map(range).collect(),
            origin: f.origin(),
        }
    }

    /// Writes the element.
    pub fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("portForward").opt("proto", &self.proto).opt("address", &self.address).opt("dev", &self.dev);
        tag.children(|w| {
            for range in &self.ranges {
                let tag = w.tag("range").opt("start", &range.start).opt("end", &range.end);
                tag.opt("to", &range.to).opt("exclude", &range.exclude).end();
            }
        });
    }
}

/// The socket between QEMU and the passt of the interface `alias`.
pub fn socket(cx: &EmitContext<'_>, alias: &str) -> Text {
    match cx.facts.config() {
        Some(config) => Text::from(format!("{}/{}-{alias}.socket", config.passt_dir, cx.short_name())),
        None => state(&format!("/passt-{alias}.socket")),
    }
}

/// QEMU's end of a socket to passt. QEMU connects again since 8.0, and counts in milliseconds since 9.2.
pub fn stream(cx: &EmitContext<'_>, alias: &str) -> Props {
    let addr = Props::new().with("type", "unix").with("path", socket(cx, alias));
    let props = Props::new().with("type", "stream").with("addr", addr).with("server", false);
    if cx.target.at_least(9, 2) {
        props.with("reconnect-ms", RECONNECT_MS)
    } else if cx.target.at_least(8, 0) {
        props.with("reconnect", RECONNECT_MS / 1000)
    } else {
        props
    }
}
