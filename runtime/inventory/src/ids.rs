//! Numbers that people know in hexadecimal: in files they are text such as `0x8086`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// The number after an optional `0x`.
pub(crate) fn parse(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let fits = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

fn parsed<'de, D: Deserializer<'de>, T: TryFrom<u32>>(text: &str, digits: usize) -> Result<T, D::Error> {
    let number = text.strip_prefix("0x").and_then(parse).and_then(|n| T::try_from(n).ok());
    number.ok_or_else(|| D::Error::custom(format!("`{text}` is not `0x` and {digits} hexadecimal digits at most")))
}

macro_rules! hex_module {
    ($name:ident, $type:ty, $digits:literal) => {
        pub(crate) mod $name {
            use super::{Deserialize, Deserializer, Serializer};

            pub(crate) fn serialize<S: Serializer>(value: &$type, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&format_args!("0x{value:0width$x}", width = $digits))
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                super::parsed::<D, $type>(&String::deserialize(deserializer)?, $digits)
            }
        }
    };
}

hex_module!(hex8, u8, 2);
hex_module!(hex16, u16, 4);
hex_module!(hex24, u32, 6);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_with_and_without_prefix() {
        assert_eq!(parse("0x8086"), Some(0x8086));
        assert_eq!(parse("8086"), Some(0x8086));
        for text in ["", "0x", "+1", "0x123456789", "g"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
