//! `<source>` of an interface.

use virtc_diag::{Diagnostic, Span};

use crate::codes;
use crate::define::Defaults;
use crate::devices::host_source::HostSource;
use crate::devices::interface::InterfaceType;
use crate::ir::Opt;
use crate::lower::Fields;
use crate::write::XmlWriter;

/// What an interface refers to.
#[derive(Debug, Clone)]
pub enum Source {
    /// Nothing: QEMU's own network, or an interface of the host without a master.
    Nothing,
    /// A bridge of the host.
    Bridge(Opt<String>),
    /// A network of libvirt's, and one of its port groups.
    Network {
        /// Its name.
        name: Opt<String>,
        /// The port group.
        portgroup: Opt<String>,
    },
    /// A device of the host.
    Host(Opt<HostSource>),
}

impl Source {
    /// Reads `<source>` of the interface `f`.
    pub fn lower(f: &Fields<'_, '_>, kind: InterfaceType) -> Self {
        match kind {
            InterfaceType::User | InterfaceType::Ethernet => Self::Nothing,
            InterfaceType::Bridge => Self::Bridge(f.child_attr("source", "bridge")),
            InterfaceType::Network => {
                let source = f.child("source");
                let portgroup = source.as_ref().and_then(|s| s.attr("portgroup"));
                Self::Network { name: source.and_then(|s| s.attr("network")), portgroup }
            }
            InterfaceType::Hostdev => Self::Host(f.child("source").and_then(|s| HostSource::lower(&s, None))),
        }
    }

    /// Writes `<source>`.
    pub fn write(&self, w: &mut XmlWriter) {
        match self {
            Self::Nothing => {}
            Self::Bridge(bridge) => w.tag("source").opt("bridge", bridge).end(),
            Self::Network { name, portgroup } => w.tag("source").opt("network", name).opt("portgroup", portgroup).end(),
            Self::Host(source) => w.tag("source").children(|w| {
                if let Some(source) = source {
                    source.value.write(true, w);
                }
            }),
        }
    }

    /// What is missing.
    pub fn check(&self, kind: InterfaceType, span: Span, defaults: &mut Defaults<'_>) {
        let missing = match self {
            Self::Nothing => false,
            Self::Bridge(name) | Self::Network { name, .. } => name.is_none(),
            Self::Host(source) => source.is_none(),
        };
        if missing {
            let message = format!("an interface of type `{}` has no source", kind.word());
            defaults.report(Diagnostic::new(&codes::MISSING, span, message));
        }
    }
}
