//! Facts from the PCI configuration space that sysfs does not show.
//!
//! Offsets are those of the PCI Local Bus and PCI Express specifications. An ordinary user sees the first 64 bytes only.

const CAPABILITIES: usize = 0x34;
const STATUS: usize = 0x06;
const STATUS_CAPABILITIES: u8 = 0x10;
const CAPABILITY_EXPRESS: u8 = 0x10;
const EXTENDED: usize = 0x100;
const EXTENDED_SERIAL: u32 = 0x0003;
/// More capabilities than fit, so that a loop in the list ends.
const MOST: usize = 1024;

/// Whether the list of capabilities names PCI Express; absent when there are too few bytes.
pub(crate) fn is_express(space: &[u8]) -> Option<bool> {
    if space.get(STATUS)? & STATUS_CAPABILITIES == 0 {
        return Some(false);
    }
    let mut at = usize::from(*space.get(CAPABILITIES)? & 0xfc);
    for _ in 0..MOST {
        if at == 0 {
            return Some(false);
        }
        if *space.get(at)? == CAPABILITY_EXPRESS {
            return Some(true);
        }
        at = usize::from(*space.get(at + 1)? & 0xfc);
    }
    None
}

fn word(space: &[u8], at: usize) -> Option<u32> {
    let bytes = space.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// The serial number of a PCI Express device, if it has one and the bytes reach far enough.
pub(crate) fn serial(space: &[u8]) -> Option<String> {
    let mut at = EXTENDED;
    for _ in 0..MOST {
        let header = word(space, at)?;
        if header & 0xffff == EXTENDED_SERIAL {
            let (low, high) = (word(space, at + 4)?, word(space, at + 8)?);
            let bytes: Vec<String> =
                [high, low].iter().flat_map(|half| half.to_be_bytes()).map(|b| format!("{b:02x}")).collect();
            return Some(bytes.join("-"));
        }
        at = usize::try_from(header >> 20).ok()?;
        if at < EXTENDED {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(len: usize) -> Vec<u8> {
        let mut space = vec![0; len];
        space[STATUS] = STATUS_CAPABILITIES;
        space[CAPABILITIES] = 0x40;
        space
    }

    #[test]
    fn express_is_found_along_the_list() {
        let mut bytes = space(256);
        bytes[0x40..0x42].copy_from_slice(&[0x01, 0x50]);
        bytes[0x50..0x52].copy_from_slice(&[0x10, 0x00]);
        assert_eq!(is_express(&bytes), Some(true));
        bytes[0x50] = 0x05;
        assert_eq!(is_express(&bytes), Some(false));
        assert_eq!(is_express(&bytes[..64]), None);
        assert_eq!(is_express(&[]), None);
        assert_eq!(is_express(&[0; 64]), Some(false));
    }

    #[test]
    fn a_list_that_bites_its_tail_ends() {
        let mut bytes = space(256);
        bytes[0x40..0x42].copy_from_slice(&[0x01, 0x40]);
        assert_eq!(is_express(&bytes), None);
        let mut bytes = space(4096);
        bytes[0x100..0x104].copy_from_slice(&0x1000_0001_u32.to_le_bytes());
        assert_eq!(serial(&bytes), None);
    }

    #[test]
    fn the_serial_number_reads_from_its_upper_byte() {
        let mut bytes = space(4096);
        bytes[0x100..0x104].copy_from_slice(&0x1400_0001_u32.to_le_bytes());
        bytes[0x140..0x144].copy_from_slice(&0x0001_0003_u32.to_le_bytes());
        bytes[0x144..0x14c].copy_from_slice(&[8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(serial(&bytes).as_deref(), Some("01-02-03-04-05-06-07-08"));
        assert_eq!(serial(&bytes[..256]), None);
    }
}
