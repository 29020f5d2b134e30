//! Addresses of host devices, as XML writes them.

use virtc_inventory::PciAddress;
use virtc_xml::Element;

/// A number as libvirt reads it: decimal, or hexadecimal after `0x`.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The host function that `<address type='pci' …>` names: a part that is left out is 0. `None` where a part cannot be read.
pub(crate) fn address(element: Element<'_>) -> Option<PciAddress> {
    let part = |name| element.attribute(name).map_or(Some(0), |attribute| number(attribute.value()));
    let small = |name| part(name).and_then(|part| u8::try_from(part).ok());
    PciAddress::new(part("domain")?, small("bus")?, small("slot")?, small("function")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use virtc_diag::SourceFile;

    #[test]
    fn parts_may_be_decimal_hexadecimal_or_absent() {
        let read = |text: &str| {
            let (document, _) = virtc_xml::parse(&SourceFile::new("f", text));
            address(document.root().unwrap()).map(|address| address.to_string())
        };
        assert_eq!(read("<address domain='0x0000' bus='0x03' slot='16' function='0X2'/>").unwrap(), "0000:03:10.2");
        assert_eq!(read("<address bus='1'/>").unwrap(), "0000:01:00.0");
        for bad in ["<address bus='0x100'/>", "<address slot='32'/>", "<address function='8'/>", "<address bus=''/>"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
