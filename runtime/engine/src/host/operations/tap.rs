//! A tap interface, which exists as long as its descriptors.

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::host::linux::{LinuxHost, net};
use crate::host::resources::{Interface, InterfaceNamed};
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Make a tap interface as named descriptors, one for each queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeTap {
    /// The descriptors' names in the plan.
    pub fds: Vec<String>,
    /// The interface's name, at most 15 bytes; the kernel replaces a `%d`.
    pub name: String,
    /// Whether frames carry a virtio header (`IFF_VNET_HDR`).
    pub vnet_hdr: bool,
}

impl MakeTap {
    fn make(&self, host: &mut dyn Model, name: &str, mac: &str) -> Result<()> {
        let tap = Interface { mac: mac.to_owned(), mtu: 1500, bridge: None, up: false };
        host.set(&InterfaceNamed(name), Some(&tap))?;
        self.fds.iter().try_for_each(|fd| host.open(fd, Some(name)))
    }
}

impl Operation for MakeTap {
    fn describe(&self) -> String {
        format!("make tap interface {} as descriptors {}", self.name, self.fds.join(", "))
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        let (queues, interface) = net::make_tap(&self.name, self.fds.len(), self.vnet_hdr)?;
        for (fd, queue) in self.fds.iter().zip(queues) {
            host.read.descriptors.keep(fd, queue, Some(interface.clone()));
        }
        Ok(())
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        for fd in &self.fds {
            if host.read().fd(fd)?.is_none_or(|info| info.interface.is_none()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        let name = if self.name.contains("%d") { format!("{{{}}}", self.name) } else { self.name.clone() };
        self.make(host, &name, "{chosen by the kernel}")
    }

    #[cfg(test)]
    fn fake(&self, host: &mut crate::host::fake::Fake) -> Result<()> {
        self.make(host, &self.name.replace("%d", "0"), "fe:00:00:00:00:01")
    }
}
