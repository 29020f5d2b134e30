//! What a network of libvirt's is on the host: the bridge, the interface, or the device from its pool that a guest gets
//! (`networkAllocatePort` in libvirt's `src/network/bridge_driver.c`).

use std::collections::BTreeMap;

use virtc_diag::Diagnostic;
use virtc_inventory::{Forward, Network};

use crate::codes;
use crate::ir::{Origin, Spanned, YesNo};
use crate::model::Facts;
use crate::model::devices::host_function::HostFunction;
use crate::model::devices::interface::{Interface, InterfaceType, MacvtapMode, Source};

/// Where the port of a network leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolvedNetwork {
    /// To a bridge.
    Bridge {
        /// Its name.
        name: String,
        /// Whether it is one of Open vSwitch.
        openvswitch: bool,
    },
    /// To a macvtap on an interface of the host.
    Direct {
        /// The interface.
        dev: String,
        /// How it reaches others of that interface.
        mode: MacvtapMode,
    },
    /// To a function of the host.
    Function(HostFunction),
}

/// Finds the resolved of every interface that is in a network, as far as the host file knows it. The interfaces take the devices of a network's pool
/// in their order.
pub fn networks(interfaces: &mut [Interface], facts: Facts<'_>, report: &mut dyn FnMut(Diagnostic)) {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for interface in interfaces {
        let Source::Network { name: Some(name), .. } = &interface.source else { continue };
        let Some(network) = facts.network(&name.value) else { continue };
        let place = taken.entry(name.value.clone()).or_default();
        interface.resolved = plug(network, *place, interface.kind.origin);
        *place += 1;
        if interface.resolved.is_none() && !is_bridged(network) {
            let message = format!("network `{}` has no device left for this interface", name.value);
            let span = name.origin.span();
            report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message));
        }
    }
}

/// Whether guests of the network are on a bridge.
fn is_bridged(network: &Network) -> bool {
    match network.forward {
        Forward::None | Forward::Nat | Forward::Route | Forward::Open => true,
        Forward::Bridge => network.devices.is_empty(),
        Forward::Private | Forward::Vepa | Forward::Passthrough | Forward::Hostdev => false,
    }
}

fn plug(network: &Network, place: usize, origin: Origin) -> Option<ResolvedNetwork> {
    let bridge = || {
        let name = network.bridge.clone()?;
        Some(ResolvedNetwork::Bridge { name, openvswitch: network.openvswitch })
    };
    let direct = |mode: MacvtapMode| {
        // One interface of the host serves many macvtaps, except in mode `passthrough`.
        let place = if mode == MacvtapMode::Passthrough { place } else { place % network.devices.len().max(1) };
        Some(ResolvedNetwork::Direct { dev: network.devices.get(place)?.clone(), mode })
    };
    match network.forward {
        Forward::None | Forward::Nat | Forward::Route | Forward::Open => bridge(),
        Forward::Bridge if network.bridge.is_some() => bridge(),
        Forward::Bridge => direct(MacvtapMode::Bridge),
        Forward::Private => direct(MacvtapMode::Private),
        Forward::Vepa => direct(MacvtapMode::Vepa),
        Forward::Passthrough => direct(MacvtapMode::Passthrough),
        Forward::Hostdev => {
            let address = Spanned::new(*network.functions.get(place)?, origin);
            let managed = Some(Spanned::new(if network.managed { YesNo::Yes } else { YesNo::No }, origin));
            Some(ResolvedNetwork::Function(HostFunction { address, managed, conventional: false, driver: None }))
        }
    }
}

impl Interface {
    /// What the interface is on the host: its type, or what its network leads to.
    pub fn actual(&self) -> InterfaceType {
        match &self.resolved {
            Some(ResolvedNetwork::Direct { .. }) => InterfaceType::Direct,
            Some(ResolvedNetwork::Function(_)) => InterfaceType::Hostdev,
            Some(ResolvedNetwork::Bridge { .. }) | None => self.kind.value,
        }
    }

    /// Whether it is on a bridge of Open vSwitch.
    pub fn is_openvswitch(&self) -> bool {
        matches!(&self.resolved, Some(ResolvedNetwork::Bridge { openvswitch: true, .. }))
            || self.virtualport.as_ref().is_some_and(super::VirtualPort::is_openvswitch)
    }
}

#[cfg(test)]
mod tests {
    use virtc_diag::Span;

    use super::*;

    fn plug_at(network: &Network, place: usize) -> Option<ResolvedNetwork> {
        plug(network, place, Origin::Xml(Span::new(0..0)))
    }

    fn network(forward: Forward) -> Network {
        let functions = vec!["0000:03:10.0".parse().unwrap()];
        Network { forward, devices: vec!["a".into(), "b".into()], functions, ..Network::default() }
    }

    #[test]
    fn a_pool_is_used_up_and_macvtaps_share() {
        let direct = |dev: &str, mode| Some(ResolvedNetwork::Direct { dev: dev.into(), mode });
        assert_eq!(plug_at(&network(Forward::Vepa), 3), direct("b", MacvtapMode::Vepa));
        assert_eq!(plug_at(&network(Forward::Passthrough), 1), direct("b", MacvtapMode::Passthrough));
        assert_eq!(plug_at(&network(Forward::Passthrough), 2), None);
        assert!(plug_at(&network(Forward::Hostdev), 0).is_some());
        assert_eq!(plug_at(&network(Forward::Hostdev), 1), None);
        assert_eq!(plug_at(&network(Forward::Bridge), 0), direct("a", MacvtapMode::Bridge));
    }
}
