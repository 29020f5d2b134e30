//! Ports that the definition leaves open.

use crate::devices::graphics::{Server, fixed};
use crate::domain::Domain;
use crate::ir::Opt;

/// The first port of VNC displays; QEMU counts displays from it.
pub const VNC: i32 = 5900;
/// The first port for SPICE; VNC's first one is left to VNC.
const SPICE: i32 = 5901;
/// The first port of VNC over WebSocket.
const WEBSOCKET: i32 = 5700;
const LAST: i32 = 65535;

/// The ports of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    /// The port of the protocol itself.
    pub main: Option<i32>,
    /// The port of VNC over WebSocket.
    pub websocket: Option<i32>,
}

/// The ports of all servers in the order of `<graphics>`: those that are given, and for each open one the first that no other has.
pub fn assign(domain: &Domain) -> Vec<Ports> {
    let mut taken: Vec<i32> = Vec::new();
    for graphics in &domain.devices.graphics {
        let given = match &graphics.server {
            Server::Vnc(vnc) => [&vnc.port, &vnc.websocket],
            Server::Spice(spice) => [&spice.port, &spice.tls_port],
            Server::Sdl(_) | Server::Dbus(_) | Server::EglHeadless(_) => continue,
        };
        taken.extend(given.into_iter().filter_map(fixed).map(|p| p.value));
    }
    let mut pick = |given: &Opt<i32>, open: bool, first: i32| {
        let free = (first..=LAST).find(|p| !taken.contains(p)).filter(|_| open);
        taken.extend(free);
        fixed(given).map(|p| p.value).or(free)
    };
    let servers = domain.devices.graphics.iter().map(|g| match &g.server {
        Server::Vnc(vnc) => Ports {
            main: pick(&vnc.port, vnc.is_auto(), VNC),
            websocket: pick(&vnc.websocket, vnc.websocket.is_some_and(|p| p.value == -1), WEBSOCKET),
        },
        Server::Spice(spice) => Ports { main: pick(&spice.port, spice.is_auto(), SPICE), websocket: None },
        Server::Sdl(_) | Server::Dbus(_) | Server::EglHeadless(_) => Ports::default(),
    });
    servers.collect()
}
