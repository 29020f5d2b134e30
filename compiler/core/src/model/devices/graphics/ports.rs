//! Ports that the definition leaves open.

use virtc_inventory::Config;

use crate::ir::Opt;
use crate::model::devices::graphics::{Graphics, Server, Spice, Vnc, fixed};

/// The port of the first VNC display; QEMU counts displays from it.
pub const VNC: i32 = 5900;

/// The ports of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    /// The port of the protocol itself.
    pub main: Option<i32>,
    /// The port of VNC over WebSocket.
    pub websocket: Option<i32>,
    /// The port of SPICE over TLS.
    pub tls: Option<i32>,
}

/// Hands out ports: each that is given, and for each open one the first that no other has.
struct Assigner<'c> {
    taken: Vec<i32>,
    config: &'c Config,
}

impl Assigner<'_> {
    fn pick(&mut self, given: Opt<i32>, open: bool, first: i32, last: u16) -> Option<i32> {
        if let Some(given) = fixed(given) {
            return Some(given.value);
        }
        let free = (first..=i32::from(last)).find(|p| !self.taken.contains(p)).filter(|_| open)?;
        self.taken.push(free);
        Some(free)
    }

    fn vnc(&mut self, vnc: &Vnc) -> Ports {
        let c = self.config;
        let main = self.pick(vnc.port, vnc.is_auto(), c.display_port_min.into(), c.display_port_max);
        let open = vnc.websocket.is_some_and(|p| p.value == -1);
        let websocket = self.pick(vnc.websocket, open, c.websocket_port_min.into(), c.websocket_port_max);
        Ports { main, websocket, tls: None }
    }

    fn spice(&mut self, spice: &Spice) -> Ports {
        // The first port is left to VNC.
        let (first, last) = (i32::from(self.config.display_port_min) + 1, self.config.display_port_max);
        let (plain, tls) = spice.open_ports(self.config.spice_tls);
        let main = self.pick(spice.port, plain, first, last);
        // The port for TLS is the next one, also where there is no other.
        Ports { main, websocket: None, tls: self.pick(spice.tls_port, tls, first + 1, last) }
    }
}

/// The ports of all servers, in the order of `<graphics>`.
fn assign(list: &[Graphics], config: &Config) -> Vec<Ports> {
    let mut assigner = Assigner { taken: Vec::new(), config };
    for graphics in list {
        let given = match &graphics.server {
            Server::Vnc(vnc) => [vnc.port, vnc.websocket],
            Server::Spice(spice) => [spice.port, spice.tls_port],
            Server::Sdl(_) | Server::Dbus(_) | Server::EglHeadless(_) | Server::Rdp(_) => continue,
        };
        assigner.taken.extend(given.into_iter().filter_map(fixed).map(|p| p.value));
    }
    let ports = list.iter().map(|g| match &g.server {
        Server::Vnc(vnc) => assigner.vnc(vnc),
        Server::Spice(spice) => assigner.spice(spice),
        Server::Sdl(_) | Server::Dbus(_) | Server::EglHeadless(_) | Server::Rdp(_) => Ports::default(),
    });
    ports.collect()
}

/// The ports of one server of the list.
pub fn of(graphics: &Graphics, list: &[Graphics], config: &Config) -> Ports {
    let at = list.iter().position(|g| std::ptr::eq(g, graphics));
    at.and_then(|at| assign(list, config).get(at).copied()).unwrap_or_default()
}
