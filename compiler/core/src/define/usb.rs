//! The ports of a USB bus and of the hubs on it.

use crate::devices::hub;

/// How many ports a path has at most: USB allows no more hubs in a row.
const DEPTH: usize = 4;

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
    /// How many are free here and behind the hubs.
    free: u32,
}

/// Why a port cannot be taken.
enum Fault {
    NoPort,
    /// There is no hub after so many steps.
    NoHub(usize),
    InUse,
}

impl Ports {
    /// So many free ports.
    pub fn new(count: u32) -> Self {
        Self { list: (0..count).map(|_| Port::Free).collect(), free: count }
    }

    /// Takes the port of this path on bus `bus`, for a hub or for another device.
    pub fn take(&mut self, bus: u32, path: &str, hub: bool) -> Result<(), String> {
        let steps: Vec<usize> = path.split('.').map(|step| step.parse().unwrap_or(0)).collect();
        self.enter(&steps, hub, 0).map(drop).map_err(|fault| match fault {
            Fault::NoPort => format!("USB bus {bus} has no port {path}"),
            Fault::InUse => format!("port {path} of USB bus {bus} is in use already"),
            Fault::NoHub(depth) => {
                let above: Vec<&str> = path.split('.').take(depth).collect();
                format!("there is no hub at port {} of USB bus {bus}", above.join("."))
            }
        })
    }

    /// Takes the port behind these steps; how many ports there are more than before, and how many less.
    fn enter(&mut self, steps: &[usize], hub: bool, depth: usize) -> Result<(u32, u32), Fault> {
        let [number, behind @ ..] = steps else { return Err(Fault::NoPort) };
        let port = number.checked_sub(1).and_then(|at| self.list.get_mut(at)).ok_or(Fault::NoPort)?;
        let (more, less) = match (behind, port) {
            ([], port @ Port::Free) if hub => {
                *port = Port::Hub(Self::new(hub::PORTS));
                (hub::PORTS, 1)
            }
            ([], port @ Port::Free) => {
                *port = Port::Taken;
                (0, 1)
            }
            ([], Port::Taken | Port::Hub(_)) => return Err(Fault::InUse),
            (behind, Port::Hub(ports)) => ports.enter(behind, hub, depth + 1)?,
            (_, Port::Free | Port::Taken) => return Err(Fault::NoHub(depth + 1)),
        };
        self.free = self.free.saturating_add(more).saturating_sub(less);
        Ok((more, less))
    }

    /// The path of the first free port: own ports come before those of hubs (`virDomainUSBAddressFindFreePort` in libvirt's
    /// `src/conf/domain_addr.c`).
    pub fn first_free(&self) -> Option<String> {
        self.search(1)
    }

    fn search(&self, depth: usize) -> Option<String> {
        if self.free == 0 {
            return None;
        }
        if let Some(at) = self.list.iter().position(|p| matches!(p, Port::Free)) {
            return Some((at + 1).to_string());
        }
        if depth == DEPTH {
            return None;
        }
        self.list.iter().enumerate().find_map(|(at, port)| match port {
            Port::Hub(ports) => Some(format!("{}.{}", at + 1, ports.search(depth + 1)?)),
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
        assert_eq!(ports.first_free().as_deref(), Some("2"));
        assert_eq!(ports.take(0, "2", false), Ok(()));
        assert_eq!(ports.first_free().as_deref(), Some("1.1"));
        assert_eq!(ports.take(0, "1.1", true), Ok(()));
        for port in 2..=8 {
            assert_eq!(ports.take(0, &format!("1.{port}"), false), Ok(()));
        }
        assert_eq!(ports.first_free().as_deref(), Some("1.1.1"));
    }

    #[test]
    fn what_cannot_be_taken() {
        let mut ports = Ports::new(2);
        assert_eq!(ports.take(0, "3", false), Err("USB bus 0 has no port 3".to_owned()));
        assert_eq!(ports.take(0, "1.2.3", false), Err("there is no hub at port 1 of USB bus 0".to_owned()));
        assert_eq!(ports.take(0, "1", false), Ok(()));
        assert_eq!(ports.take(0, "1", false), Err("port 1 of USB bus 0 is in use already".to_owned()));
    }
}
