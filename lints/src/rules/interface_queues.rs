//! Finds a network interface with more queue pairs than the guest has virtual CPUs.
//!
//! A guest's driver uses at most one queue pair for each of its CPUs. Each of the others costs the host a thread, and
//! the guest memory and interrupt vectors, without any use. libvirt and QEMU do not warn.
//!
//! ```xml fires
//! <interface type='bridge'>
//!   <source bridge='br0'/>
//!   <model type='virtio'/>
//!   <driver name='vhost' queues='64'/>
//! </interface>
//! ```
//!
//! ```xml silent
//! <interface type='bridge'>
//!   <source bridge='br0'/>
//!   <model type='virtio'/>
//!   <driver name='vhost' queues='1'/>
//! </interface>
//! ```

use virtc_compiler::ir::OptExt;
use virtc_diag::{Code, Diagnostic, Diagnostics, Severity};

use crate::{Context, Lint};

/// The lint.
pub static LINT: Lint = Lint { code: &CODE, check };

static CODE: Code =
    Code { name: "interface-queues", severity: Severity::Warning, explanation: include_str!("interface_queues.rs") };

fn check(cx: &Context<'_>, found: &mut Diagnostics) {
    let Some(domain) = cx.domain else { return };
    let cpus = domain.vcpus.max.get().unwrap_or(1);
    for interface in cx.interfaces() {
        let Some(queues) = interface.driver.as_ref().and_then(|d| d.queues) else { continue };
        if queues.value <= cpus {
            continue;
        }
        let message = format!("`queues` is {}, but the guest has {cpus} vCPUs", queues.value);
        let help = format!("set `queues='{cpus}'`, or remove it: a guest uses at most one queue pair for each vCPU");
        found.push(Diagnostic::at(&CODE, queues.origin, message).help(help));
    }
}
