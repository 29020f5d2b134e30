//! Finds an `<interface type='hostdev'>` whose PCI device is not a virtual function (VF) of an SR-IOV network card.
//!
//! The MAC address and the VLAN of such an interface are set by the physical function on behalf of one of its VFs. Any
//! other device has no physical function: the settings would be lost in the reset before the guest gets it. libvirt
//! refuses to start the guest: `Interface type hostdev is currently supported on SR-IOV Virtual Functions only`.
//!
//! To assign the whole card, use a plain `<hostdev>`: the MAC address is then the card's own, and the guest sets up
//! VLANs. To keep the interface, name a VF: the host creates them when their number is written to `sriov_numvfs` of the
//! physical function.
//!
//! This lint needs the host file (`--host FILE`). It does not report devices that are not in the host file.
//!
//! ```xml fires
//! <interface type='hostdev' managed='yes'>
//!   <mac address='52:54:00:6d:90:02'/>
//!   <source>
//!     <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
//!   </source>
//! </interface>
//! ```
//!
//! ```xml silent
//! <interface type='hostdev' managed='yes'>
//!   <mac address='52:54:00:6d:90:02'/>
//!   <source>
//!     <address type='pci' domain='0x0000' bus='0x03' slot='0x10' function='0x0'/>
//!   </source>
//! </interface>
//! ```
//!
//! The host of these examples has an ordinary card at 0000:04:00.0, and a card with one VF:
//!
//! ```json host
//! {"format": 1, "hardware": {"pci": {
//!   "0000:03:00.0": {"vendor": "0x8086", "device": "0x1521", "class": "0x020000", "bus": "express",
//!     "sriov": {"pf": {"total_vfs": 7, "num_vfs": 1, "vfs": {"0": "0000:03:10.0"}}}},
//!   "0000:03:10.0": {"vendor": "0x8086", "device": "0x1520", "class": "0x020000", "bus": "express",
//!     "sriov": {"vf": {"pf": "0000:03:00.0", "index": 0}}},
//!   "0000:04:00.0": {"vendor": "0x8086", "device": "0x10d3", "class": "0x020000", "bus": "express"}
//! }}}
//! ```

use virtc_compiler::ir::Spanned;
use virtc_diag::{Code, Diagnostic, Diagnostics, Severity};
use virtc_inventory::Sriov;

use crate::{Context, Lint};

/// The lint.
pub static LINT: Lint = Lint { code: &CODE, check };

static CODE: Code =
    Code { name: "hostdev-net-not-vf", severity: Severity::Error, explanation: include_str!("hostdev_net_not_vf.rs") };

fn check(cx: &Context<'_>, found: &mut Diagnostics) {
    for interface in cx.interfaces() {
        let Some(Spanned { value: address, origin }) = interface.host_function().map(|own| own.address) else {
            continue;
        };
        let Some(hardware) = cx.hardware() else { return };
        let Some(function) = hardware.function(address) else { continue };
        let (what, vf) = match &function.sriov {
            Some(Sriov::Vf { .. }) => continue,
            Some(Sriov::Pf { vfs, .. }) => ("a physical function", vfs.values().next()),
            None => ("not a VF", None),
        };
        let vf = vf.map(|vf| format!("use one of its VFs, such as {vf}, or ")).unwrap_or_default();
        let driver = function.driver.as_ref().map(|driver| format!(" (driver {driver})")).unwrap_or_default();
        let message = format!(
            "`<interface type='hostdev'>` needs an SR-IOV virtual function (VF), but {address}{driver} is {what}"
        );
        let help = format!("{vf}assign the whole card with `<hostdev mode='subsystem' type='pci'>`");
        found.push(Diagnostic::at(&CODE, origin, message).help(help));
    }
}
