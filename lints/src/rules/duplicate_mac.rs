//! Finds two interfaces of one domain with the same MAC address.
//!
//! libvirt and QEMU accept such a definition. If both interfaces are on one network, each receives frames for the
//! other, or none at all: a switch forwards a frame to the port where it last saw the address. The usual cause is a
//! copied element.
//!
//! The two devices of a `<teaming>` pair have the same address on purpose, and so may interfaces that the guest bonds
//! itself. To allow it, write `<!-- virtc: allow(duplicate-mac) -->`.
//!
//! ```xml fires
//! <interface type='bridge'>
//!   <mac address='52:54:00:6d:90:02'/>
//!   <source bridge='br0'/>
//! </interface>
//! <interface type='bridge'>
//!   <mac address='52:54:00:6D:90:02'/>
//!   <source bridge='br1'/>
//! </interface>
//! ```
//!
//! ```xml silent
//! <interface type='bridge'>
//!   <mac address='52:54:00:6d:90:02'/>
//!   <source bridge='br0'/>
//!   <model type='virtio'/>
//!   <teaming type='persistent'/>
//!   <alias name='ua-stays'/>
//! </interface>
//! <interface type='hostdev' managed='yes'>
//!   <mac address='52:54:00:6d:90:02'/>
//!   <source>
//!     <address type='pci' domain='0x0000' bus='0x03' slot='0x10' function='0x0'/>
//!   </source>
//!   <teaming type='transient' persistent='ua-stays'/>
//! </interface>
//! ```

use virtc_compiler::ir::{Leaf, Mac};
use virtc_diag::{Code, Diagnostic, Diagnostics, Severity, Span};

use crate::{Context, Lint};

/// The lint.
pub static LINT: Lint = Lint { code: &CODE, check };

static CODE: Code =
    Code { name: "duplicate-mac", severity: Severity::Warning, explanation: include_str!("duplicate_mac.rs") };

fn check(cx: &Context<'_>, found: &mut Diagnostics) {
    let mut seen: Vec<(Mac, Span)> = Vec::new();
    for interface in cx.interfaces().filter(|interface| interface.teaming.is_none()) {
        let Some(mac) = interface.mac else { continue };
        match seen.iter().find(|(known, _)| *known == mac.value) {
            Some((_, first)) => {
                let message = format!("two interfaces have MAC address {}", mac.value.show());
                let help = "change one of the addresses, or remove its `<mac>` to have one generated";
                found.push(Diagnostic::at(&CODE, mac.origin, message).label(*first, "the other interface").help(help));
            }
            None => seen.push((mac.value, mac.origin.span())),
        }
    }
}
