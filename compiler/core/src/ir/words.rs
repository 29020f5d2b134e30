//! Leaves: strings with a finite set of values become enums, numbers become numbers.

use std::fmt::Write as _;

/// A type of values in the XML: read from text, and written as libvirt writes it.
pub trait Leaf: Sized {
    /// The value of `text`; `None` where it is not valid.
    fn read(text: &str) -> Option<Self>;
    /// The text as libvirt writes it.
    fn show(&self) -> String;
    /// What a text has to be, with its article, for messages.
    const EXPECTED: &str = "a value of the kind that is needed here";
    /// Whether white space around the text belongs to the value.
    const VERBATIM: bool = false;
    /// The valid words, where there is a finite set of them.
    fn words() -> &'static [&'static str] {
        &[]
    }
}

/// An enum with one word for each value, as the XML spells it.
macro_rules! words {
    ($(#[$doc:meta])* $vis:vis enum $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name { $($(#[$vdoc])* #[doc = concat!("`", $word, "`")] $variant),+ }
        impl $name {
            /// The word in the XML.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl $crate::ir::Leaf for $name {
            fn read(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)+ _ => None }
            }
            fn show(&self) -> String {
                self.word().to_owned()
            }
            fn words() -> &'static [&'static str] {
                &[$($word),+]
            }
        }
    };
}
pub(crate) use words;

words! {
    /// `on` or `off`.
    pub enum Switch { On = "on", Off = "off" }
}

words! {
    /// `yes` or `no`.
    pub enum YesNo { Yes = "yes", No = "no" }
}

words! {
    /// `on`, `off`, or QEMU's choice.
    pub enum SwitchAuto { On = "on", Off = "off", Auto = "auto" }
}

impl Switch {
    /// Whether it is on.
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

impl YesNo {
    /// Whether it is yes.
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

impl Leaf for String {
    const VERBATIM: bool = true;
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn show(&self) -> String {
        self.clone()
    }
}

/// Decimal, or hexadecimal after `0x`. White space may precede it, as for C's `strtoull`, but not follow it
/// (`virStrToLong_ull` in libvirt's `src/util/virstring.c`).
fn number(text: &str) -> Option<u64> {
    let text = text.trim_start();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.strip_prefix('+').unwrap_or(text).parse().ok(),
    }
}

/// A number that is read in hexadecimal, with or without `0x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hex(pub u64);

impl Leaf for Hex {
    const EXPECTED: &str = "a hexadecimal number of 64 bits";
    fn read(text: &str) -> Option<Self> {
        let text = text.trim_start();
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        u64::from_str_radix(digits, 16).ok().map(Self)
    }

    fn show(&self) -> String {
        format!("{:#x}", self.0)
    }
}

/// A number that is read as C's `strtoul` reads it with base 0, as libvirt reads the parts of a PCI address:
/// hexadecimal after `0x`, octal after another `0`, else decimal (`virXMLPropUInt` with base 0 in its
/// `src/util/virxml.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CNumber(pub u32);

impl Leaf for CNumber {
    const EXPECTED: &str = "a number up to 0xffffffff, such as `10` or `0x0a`";

    fn read(text: &str) -> Option<Self> {
        let digits = text.trim_start();
        let octal = digits
            .strip_prefix('+')
            .unwrap_or(digits)
            .strip_prefix('0')
            .filter(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
        match octal {
            Some(rest) if !rest.is_empty() => u32::from_str_radix(rest, 8).ok().map(Self),
            _ => u32::try_from(number(text)?).ok().map(Self),
        }
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

macro_rules! unsigned {
    ($($t:ty = $expected:literal),+) => { $(
        impl Leaf for $t {
            const EXPECTED: &str = $expected;
            fn read(text: &str) -> Option<Self> {
                number(text).and_then(|n| n.try_into().ok())
            }
            fn show(&self) -> String {
                self.to_string()
            }
        }
    )+ };
}
unsigned!(
    u8 = "a number from 0 to 255",
    u16 = "a number from 0 to 65535",
    u32 = "a number from 0 to 4294967295",
    u64 = "a number from 0 to 18446744073709551615"
);

macro_rules! signed {
    ($($t:ty = $expected:literal),+) => { $(
        impl Leaf for $t {
            const EXPECTED: &str = $expected;
            fn read(text: &str) -> Option<Self> {
                text.trim_start().parse().ok()
            }
            fn show(&self) -> String {
                self.to_string()
            }
        }
    )+ };
}
signed!(i32 = "a number of 32 bits", i64 = "a number of 64 bits");

/// A uuid, as its 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Leaf for Uuid {
    const EXPECTED: &str = "a UUID such as `c7a5fdbd-edaf-9455-926a-d65c16db1809`";
    fn read(text: &str) -> Option<Self> {
        uuid::Uuid::parse_str(text.trim()).ok().map(|u| Self(u.into_bytes()))
    }
    fn show(&self) -> String {
        uuid::Uuid::from_bytes(self.0).hyphenated().to_string()
    }
}

/// A MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Leaf for Mac {
    const EXPECTED: &str = "a MAC address such as `52:54:00:6d:90:02`";
    fn read(text: &str) -> Option<Self> {
        let mut bytes = [0; 6];
        let mut parts = text.trim().split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|p| (1..=2).contains(&p.len()))?;
            *byte = u8::from_str_radix(part, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(bytes))
    }
    fn show(&self) -> String {
        let mut out = String::with_capacity(17);
        for byte in self.0 {
            let colon = if out.is_empty() { "" } else { ":" };
            let _ = write!(out, "{colon}{byte:02x}");
        }
        out
    }
}

/// The number of bytes in a unit of the format, such as `KiB`.
pub fn unit_bytes(unit: &str) -> Option<u64> {
    if ["", "b", "byte", "bytes"].iter().any(|word| unit.eq_ignore_ascii_case(word)) {
        return Some(1);
    }
    let mut letters = unit.chars();
    let power = match letters.next()?.to_ascii_lowercase() {
        'k' => 1,
        'm' => 2,
        'g' => 3,
        't' => 4,
        'p' => 5,
        'e' => 6,
        _ => return None,
    };
    match letters.as_str() {
        rest if rest.is_empty() || rest.eq_ignore_ascii_case("ib") => Some(1024_u64.pow(power)),
        rest if rest.eq_ignore_ascii_case("b") => Some(1000_u64.pow(power)),
        _ => None,
    }
}
