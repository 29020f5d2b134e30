//! The ports of a USB bus and of the hubs on it.

use crate::model::devices::hub;

/// The largest number of steps in a path: USB allows no more hubs in a row.
const DEPTH: usize = 4;

/// A limit on the ports of a bus, so that a typing error does not fill the memory.
const MOST: u32 = 255;

/// What is at a port.
#[derive(Debug)]
enum Port {
    Free,
    Taken,
    Hub(Ports),
}

/// The ports of a bus or of a hub.
#[derive(Debug)]
pub struct Ports {
    list: Vec<Port>,
    /// How many ports are free here, on the hubs here, on the hubs on those, and so on.
    free: [u32; DEPTH],
}

/// Why a port cannot be taken.
enum Fault {
    NoPort,
    /// There is no hub after this many steps.
    NoHub(usize),
    InUse,
}

impl Ports {
    /// This many free ports.
    pub fn new(count: u32) -> Self {
        let count = count.min(MOST);
        let mut free = [0; DEPTH];
        if let Some(own) = free.first_mut() {
            *own = count;
        }
        Self { list: (0..count).map(|_| Port::Free).collect(), free }
    }

    /// Takes the port at this path of bus `bus`, for a hub or another device.
    pub fn take(&mut self, bus: u32, path: &str, hub: bool) -> Result<(), String> {
        let steps: Vec<usize> = path.split('.').map(|step| step.parse().unwrap_or(0)).collect();
        self.enter(&steps, hub, 0).map_err(|fault| match fault {
            Fault::NoPort => format!("USB bus {bus} has no port {path}"),
            Fault::InUse => format!("port {path} of USB bus {bus} is in use"),
            Fault::NoHub(depth) => {
                let above: Vec<&str> = path.split('.').take(depth).collect();
                format!("there is no hub at port {} of USB bus {bus}", above.join("."))
            }
        })
    }

    /// Takes the port at the end of these steps.
    fn enter(&mut self, steps: &[usize], hub: bool, depth: usize) -> Result<(), Fault> {
        let [number, rest @ ..] = steps else { return Err(Fault::NoPort) };
        let port = number.checked_sub(1).and_then(|at| self.list.get_mut(at)).ok_or(Fault::NoPort)?;
        match (rest, port) {
            ([], port @ Port::Free) => *port = if hub { Port::Hub(Self::new(hub::PORTS)) } else { Port::Taken },
            ([], Port::Taken | Port::Hub(_)) => return Err(Fault::InUse),
            (rest, Port::Hub(ports)) => ports.enter(rest, hub, depth + 1)?,
            (_, Port::Free | Port::Taken) => return Err(Fault::NoHub(depth + 1)),
        }
        if let Some(free) = self.free.get_mut(rest.len()) {
            *free = free.saturating_sub(1);
        }
        if let Some(free) = self.free.get_mut(rest.len() + 1).filter(|_| hub) {
            *free += hub::PORTS;
        }
        Ok(())
    }

    /// The path of the first free port: own ports come before those of hubs, and all ports of one hub, with hubs on it,
    /// before those of the next hub (`virDomainUSBAddressFindFreePort` in libvirt's `src/conf/domain_addr.c`). With
    /// `broad`, shorter paths come first.
    pub fn first_free(&self, broad: bool) -> Option<String> {
        if broad { (0..DEPTH).find_map(|down| self.at_depth(down)) } else { self.search(DEPTH) }
    }

    /// The first free port whose path has at most `steps` steps.
    fn search(&self, steps: usize) -> Option<String> {
        if self.free.iter().take(steps).all(|free| *free == 0) {
            return None;
        }
        self.at_depth(0).or_else(|| self.on_hubs(|ports| ports.search(steps.saturating_sub(1))))
    }

    /// The first free port after `down` hubs.
    fn at_depth(&self, down: usize) -> Option<String> {
        if self.free.get(down).is_none_or(|free| *free == 0) {
            return None;
        }
        match down.checked_sub(1) {
            None => self.list.iter().position(|p| matches!(p, Port::Free)).map(|at| (at + 1).to_string()),
            Some(down) => self.on_hubs(|ports| ports.at_depth(down)),
        }
    }

    /// The first path that `find` finds on a hub.
    fn on_hubs(&self, find: impl Fn(&Self) -> Option<String>) -> Option<String> {
        self.list.iter().enumerate().find_map(|(at, port)| match port {
            Port::Hub(ports) => Some(format!("{}.{}", at + 1, find(ports)?)),
            Port::Free | Port::Taken => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hubs_are_filled_when_the_bus_is() {
        let mut ports = Ports::new(2);
        assert_eq!(ports.take(0, "1", true), Ok(()));
        assert_eq!(ports.first_free(false).as_deref(), Some("2"));
        assert_eq!(ports.take(0, "2", false), Ok(()));
        assert_eq!(ports.first_free(false).as_deref(), Some("1.1"));
        assert_eq!(ports.take(0, "1.1", true), Ok(()));
        for port in 2..=8 {
            assert_eq!(ports.take(0, &format!("1.{port}"), false), Ok(()));
        }
        assert_eq!(ports.first_free(false).as_deref(), Some("1.1.1"));
    }

    #[test]
    fn a_path_has_four_steps() {
        let mut ports = Ports::new(1);
        for path in ["1", "1.1", "1.1.1"] {
            assert_eq!(ports.take(0, path, true), Ok(()));
        }
        for number in 1..=8 {
            assert_eq!(ports.take(0, &format!("1.1.1.{number}"), true), Ok(()));
        }
        assert_eq!(ports.first_free(true).as_deref(), Some("1.2"));
        for path in ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8"] {
            assert_eq!(ports.take(0, path, false), Ok(()));
        }
        assert_eq!(ports.first_free(true).as_deref(), Some("1.1.2"));
        for number in 2..=8 {
            assert_eq!(ports.take(0, &format!("1.1.{number}"), false), Ok(()));
        }
        assert_eq!((ports.first_free(false), ports.first_free(true)), (None, None));
    }

    #[test]
    fn what_cannot_be_taken() {
        let mut ports = Ports::new(2);
        assert_eq!(ports.take(0, "3", false), Err("USB bus 0 has no port 3".to_owned()));
        assert_eq!(ports.take(0, "1.2.3", false), Err("there is no hub at port 1 of USB bus 0".to_owned()));
        assert_eq!(ports.take(0, "1", false), Ok(()));
        assert_eq!(ports.take(0, "1", false), Err("port 1 of USB bus 0 is in use".to_owned()));
    }
}
