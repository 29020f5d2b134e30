//! Addresses that are text in files and numbers in memory.
//!
//! Everything that speaks of a PCI function uses [`PciAddress`]: the definition, the host file, the plan, the runtime.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text that is not an address of the kind that was wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}")]
pub struct ParseAddressError {
    text: String,
    wanted: &'static str,
}

/// The address of a PCI function, of the host or of a guest, written `0000:01:00.0`.
///
/// It sorts by domain, bus, slot and function. The default is `0000:00:00.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PciAddress {
    domain: u32,
    bus: u8,
    slot: u8,
    function: u8,
}

impl PciAddress {
    /// The highest slot of a bus (`PCI_SLOT` in Linux's `include/uapi/linux/pci.h` has five bits).
    pub const LAST_SLOT: u8 = 31;

    /// The highest function of a slot (`PCI_FUNC` in `include/uapi/linux/pci.h` has three bits).
    pub const LAST_FUNCTION: u8 = 7;

    /// The address, if `slot` is at most 31 and `function` at most 7.
    pub const fn new(domain: u32, bus: u8, slot: u8, function: u8) -> Option<Self> {
        if slot <= Self::LAST_SLOT && function <= Self::LAST_FUNCTION {
            Some(Self { domain, bus, slot, function })
        } else {
            None
        }
    }

    /// The address in domain 0 that these constants say. One that is out of range does not compile:
    ///
    /// ```
    /// use virtc_address::PciAddress;
    /// const IDE: PciAddress = PciAddress::fixed::<0, 1, 1>();
    /// assert_eq!(IDE.to_string(), "0000:00:01.1");
    /// ```
    ///
    /// ```compile_fail
    /// virtc_address::PciAddress::fixed::<0, 32, 0>();
    /// ```
    pub const fn fixed<const BUS: u8, const SLOT: u8, const FUNCTION: u8>() -> Self {
        const {
            assert!(SLOT <= Self::LAST_SLOT, "a bus has the slots 0 to 31");
            assert!(FUNCTION <= Self::LAST_FUNCTION, "a slot has the functions 0 to 7");
        }
        Self { domain: 0, bus: BUS, slot: SLOT, function: FUNCTION }
    }

    /// The PCI domain (segment), 0 to 0xffffffff: firmware gives 0 to 0xffff, Linux also larger ones (Intel VMD).
    pub const fn domain(self) -> u32 {
        self.domain
    }

    /// The bus, 0 to 255.
    pub const fn bus(self) -> u8 {
        self.bus
    }

    /// The slot, 0 to 31.
    pub const fn slot(self) -> u8 {
        self.slot
    }

    /// The function, 0 to 7.
    pub const fn function(self) -> u8 {
        self.function
    }

    /// The same slot and function on another bus.
    #[must_use]
    pub const fn with_bus(self, bus: u8) -> Self {
        Self { bus, ..self }
    }

    /// The same slot with another function, if `function` is at most 7.
    pub const fn with_function(self, function: u8) -> Option<Self> {
        Self::new(self.domain, self.bus, self.slot, function)
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{:x}", self.domain, self.bus, self.slot, self.function)
    }
}

/// A hexadecimal number of `least` to `most` digits, without sign or prefix.
fn hex(text: &str, least: usize, most: usize) -> Option<u32> {
    let fits = (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

impl FromStr for PciAddress {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (domain, rest) = text.split_once(':')?;
            let (bus, rest) = rest.split_once(':')?;
            let (slot, function) = rest.split_once('.')?;
            let byte = |text, digits| hex(text, digits, digits).and_then(|n| u8::try_from(n).ok());
            Self::new(hex(domain, 4, 8)?, byte(bus, 2)?, byte(slot, 2)?, byte(function, 1)?)
        };
        parse().ok_or_else(|| ParseAddressError {
            text: text.to_owned(),
            wanted: "a PCI address of the form `0000:01:00.0`",
        })
    }
}

/// An Ethernet (MAC) address: six bytes, in the order in which they are written; in lower case with colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, byte) in self.0.iter().enumerate() {
            let colon = if n == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for MacAddress {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes: Option<Vec<u8>> =
            text.split(':').map(|part| hex(part, 2, 2).and_then(|n| u8::try_from(n).ok())).collect();
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(|| ParseAddressError {
            text: text.to_owned(),
            wanted: "a MAC address of the form `52:54:00:12:34:56`",
        })
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

as_text!(PciAddress, MacAddress);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pci_addresses_survive_the_round_trip() {
        for text in ["0000:01:00.0", "ffff:ff:1f.7", "10000:e1:00.0"] {
            assert_eq!(text.parse::<PciAddress>().unwrap().to_string(), text);
        }
        assert_eq!("0000:0A:1F.3".parse::<PciAddress>().unwrap().to_string(), "0000:0a:1f.3");
    }

    #[test]
    fn pci_addresses_are_in_range_and_sorted() {
        assert!(PciAddress::new(u32::MAX, 255, 31, 7).is_some());
        assert!(PciAddress::new(0, 0, 32, 0).is_none() && PciAddress::new(0, 0, 0, 8).is_none());
        let address = PciAddress::fixed::<2, 3, 0>();
        assert_eq!((address.domain(), address.bus(), address.slot(), address.function()), (0, 2, 3, 0));
        assert_eq!(address.with_bus(9).to_string(), "0000:09:03.0");
        assert_eq!(address.with_function(4).map(|a| a.to_string()).as_deref(), Some("0000:02:03.4"));
        assert!(address < PciAddress::new(1, 0, 0, 0).unwrap() && address > PciAddress::default());
    }

    #[test]
    fn odd_pci_addresses_are_refused() {
        for text in [
            "",
            "01:00.0",
            "0000:01:20.0",
            "0000:01:00.8",
            "0000:1:00.0",
            "0000:01:00",
            "+000:01:00.0",
            "../:00:00.0",
            "0000:01:00.0\n",
            "é",
        ] {
            assert!(text.parse::<PciAddress>().is_err(), "{text}");
        }
        let message = "01:00.0".parse::<PciAddress>().unwrap_err().to_string();
        assert_eq!(message, "`01:00.0` is not a PCI address of the form `0000:01:00.0`");
    }

    #[test]
    fn mac_addresses() {
        assert_eq!("52:54:00:AB:cd:01".parse::<MacAddress>().unwrap().to_string(), "52:54:00:ab:cd:01");
        for text in ["", "52:54:00:ab:cd", "52:54:00:ab:cd:01:02", "52-54-00-ab-cd-01", "5:54:00:ab:cd:01"] {
            assert!(text.parse::<MacAddress>().is_err(), "{text}");
        }
    }
}
