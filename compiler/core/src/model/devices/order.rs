//! The orders in which devices get PCI addresses and USB ports, from the numbers in the list of kinds.

use crate::model::devices::Kind;

impl Kind {
    /// The kinds that may be on PCI, in the order in which their devices get addresses.
    pub fn in_pci_order() -> &'static [Self] {
        const ORDER: [Kind; Kind::numbered(&Kind::PCI)] = Kind::in_order(&Kind::PCI);
        &ORDER
    }

    /// The kinds that may be on USB, in the order in which their devices get ports.
    pub fn in_usb_order() -> &'static [Self] {
        const ORDER: [Kind; Kind::numbered(&Kind::USB)] = Kind::in_order(&Kind::USB);
        &ORDER
    }

    /// How many kinds have a number.
    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index that is too high")]
    const fn numbered(orders: &[Option<u8>; Self::ALL.len()]) -> usize {
        let (mut count, mut at) = (0, 0);
        while at < orders.len() {
            count += orders[at].is_some() as usize;
            at += 1;
        }
        count
    }

    /// The kinds that have a number, in the order of the numbers, which are those from 1 on.
    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index that is too high")]
    const fn in_order<const N: usize>(orders: &[Option<u8>; Self::ALL.len()]) -> [Self; N] {
        let mut out = [Self::ALL[0]; N];
        let mut at = 0;
        while at < orders.len() {
            if let Some(number) = orders[at] {
                out[number as usize - 1] = Self::ALL[at];
            }
            at += 1;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn the_numbers_of_an_order_are_those_from_1_on() {
        for order in [Kind::pci_order, Kind::usb_order] {
            let mut numbers: Vec<u8> = Kind::ALL.iter().filter_map(|kind| order(*kind)).collect();
            numbers.sort_unstable();
            assert!((1..).zip(&numbers).all(|(number, order)| number == *order), "{numbers:?}");
        }
    }
}
