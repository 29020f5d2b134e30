//! Finds an `<interface type='hostdev'>` whose source is a USB device.
//!
//! The grammar allows it, and libvirt stores such a definition without a warning. But the QEMU driver sets the MAC
//! address and the VLAN of such an interface through the physical function of an SR-IOV card, which a USB device does
//! not have: the guest does not start, or the settings are not made. libvirt's message is `Actual interface '…' hostdev
//! was not a PCI device`.
//!
//! To assign a USB network adapter, use `<hostdev mode='subsystem' type='usb'>`. The guest then sees the adapter with
//! its own MAC address.
//!
//! The fix writes this element. `--fix` does not apply it, since the MAC address, VLAN and model of the interface are
//! lost.
//!
//! ```xml fires
//! <interface type='hostdev'>
//!   <mac address='52:54:00:6d:90:02'/>
//!   <source>
//!     <address type='usb' bus='1' device='4'/>
//!   </source>
//! </interface>
//! ```
//!
//! ```xml fires
//! <interface type='hostdev'>
//!   <source>
//!     <vendor id='0x0b95'/>
//!     <product id='0x1790'/>
//!   </source>
//! </interface>
//! ```
//!
//! ```xml silent
//! <hostdev mode='subsystem' type='usb'>
//!   <source>
//!     <vendor id='0x0b95'/>
//!     <product id='0x1790'/>
//!   </source>
//! </hostdev>
//! ```

use virtc_compiler::devices::host_source::NetSource;
use virtc_compiler::devices::interface::Source;
use virtc_diag::{Code, Diagnostic, Diagnostics, Safety, Severity, SourceFile, Span};
use virtc_xml::Element;

use crate::{Context, Lint};

/// The lint.
pub static LINT: Lint = Lint { code: &CODE, check };

static CODE: Code =
    Code { name: "hostdev-net-usb", severity: Severity::Error, explanation: include_str!("hostdev_net_usb.rs") };

fn check(cx: &Context<'_>, found: &mut Diagnostics) {
    for interface in cx.interfaces() {
        let Source::Host(Some(NetSource::Usb(source))) = &interface.source else { continue };
        let place = source.origin;
        let Some(element) = cx.element(interface.origin.span()) else { continue };
        let Some(source) = element.child("source") else { continue };
        let message = "`<interface type='hostdev'>` supports PCI devices only, but the source is a USB device";
        found.push(
            Diagnostic::at(&CODE, place, message)
                .help("assign the adapter with `<hostdev mode='subsystem' type='usb'>`")
                .fix(
                    Safety::Unsafe,
                    "replace the interface with a USB `<hostdev>`",
                    element.span(),
                    hostdev(cx.document.source(), element, source),
                ),
        );
    }
}

/// The same device as a `<hostdev>`, with its boot order, alias and USB address in the guest.
fn hostdev(file: &SourceFile, interface: Element<'_>, source: Element<'_>) -> String {
    let indent = indent(file, interface.span());
    let mut lines = vec!["<hostdev mode='subsystem' type='usb'>".to_owned(), "  <source>".to_owned()];
    for child in source.children() {
        let mut text = file.slice(child.span()).to_owned();
        if let Some(kind) = child.attribute("type").filter(|_| child.is("address")) {
            let before = usize::try_from(child.span().start).unwrap_or_default();
            let range = kind.span().range();
            // Removes the attribute, with the space after it.
            let (from, to) = (range.start - before, range.end - before);
            let rest = text.get(to..).unwrap_or_default().trim_start();
            text = format!("{}{rest}", text.get(..from).unwrap_or_default());
        }
        lines.push(format!("    {text}"));
    }
    lines.push("  </source>".to_owned());
    for child in interface.children() {
        let on_usb = child.attribute("type").is_some_and(|kind| kind.value() == "usb");
        if child.is("boot") || child.is("alias") || (child.is("address") && on_usb) {
            lines.push(format!("  {}", file.slice(child.span())));
        }
    }
    lines.push("</hostdev>".to_owned());
    lines.join(&format!("\n{indent}"))
}

/// The white space before an element that begins its line.
fn indent(file: &SourceFile, span: Span) -> &str {
    let before = file.text().get(..span.range().start).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    if line.trim().is_empty() { line } else { "" }
}
