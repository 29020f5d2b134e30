//! Properties of a network interface (link), one at a time.

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::host::linux::{LinuxHost, net, read};
use crate::host::resources::InterfaceNamed;
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Set a property of a network interface, if the interface exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetLink {
    /// The interface.
    pub interface: String,
    /// The property.
    pub set: LinkSetting,
}

/// A property of a network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkSetting {
    /// Its MAC address.
    Mac(String),
    /// Its MTU in bytes.
    Mtu(u32),
    /// The bridge that it is a port of, if any.
    Bridge(Option<String>),
    /// Whether it is up.
    Up(bool),
}

impl Operation for SetLink {
    fn describe(&self) -> String {
        let interface = &self.interface;
        match &self.set {
            LinkSetting::Mac(mac) => format!("set the MAC address of {interface} to {mac}"),
            LinkSetting::Mtu(mtu) => format!("set the MTU of {interface} to {mtu}"),
            LinkSetting::Bridge(Some(bridge)) => format!("add {interface} to bridge {bridge}"),
            LinkSetting::Bridge(None) => format!("remove {interface} from its bridge"),
            LinkSetting::Up(up) => format!("set {interface} {}", if *up { "up" } else { "down" }),
        }
    }

    fn apply(&self, _host: &mut LinuxHost) -> Result<()> {
        match read::interface(&self.interface)? {
            Some(now) => net::set(&self.interface, &self.set, &now),
            None => Ok(()),
        }
    }

    fn verify(&self, host: &dyn Host, is_revert: bool) -> Result<bool> {
        Ok(host.read().interface(&self.interface)?.map_or(is_revert, |now| match &self.set {
            LinkSetting::Mac(mac) => now.mac.eq_ignore_ascii_case(mac),
            LinkSetting::Mtu(mtu) => now.mtu == *mtu,
            LinkSetting::Bridge(bridge) => now.bridge == *bridge,
            LinkSetting::Up(up) => now.up == *up,
        }))
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        host.update(&InterfaceNamed(&self.interface), |now| match &self.set {
            LinkSetting::Mac(mac) => now.mac.clone_from(mac),
            LinkSetting::Mtu(mtu) => now.mtu = *mtu,
            LinkSetting::Bridge(bridge) => now.bridge.clone_from(bridge),
            LinkSetting::Up(up) => now.up = *up,
        })
    }
}
