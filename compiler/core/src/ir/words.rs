//! Leaves: strings with a finite set of values become enums, numbers become numbers.

/// A type that a text of the format can be read as, and that is written back as libvirt writes it.
pub trait Leaf: Sized {
    /// The value of `text`, `None` where it has none.
    fn read(text: &str) -> Option<Self>;
    /// The text as libvirt writes it.
    fn show(&self) -> String;
    /// The words that are taken, where there is a finite set of them.
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
    /// A switch.
    pub enum Switch { On = "on", Off = "off" }
}

words! {
    /// Yes or no.
    pub enum YesNo { Yes = "yes", No = "no" }
}

words! {
    /// A switch that can also be left to QEMU.
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
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn show(&self) -> String {
        self.clone()
    }
}

/// Decimal, or hexadecimal behind `0x`.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.strip_prefix('+').unwrap_or(text).parse().ok(),
    }
}

macro_rules! unsigned {
    ($($t:ty),+) => { $(
        impl Leaf for $t {
            fn read(text: &str) -> Option<Self> {
                number(text).and_then(|n| n.try_into().ok())
            }
            fn show(&self) -> String {
                self.to_string()
            }
        }
    )+ };
}
unsigned!(u8, u16, u32, u64);

impl Leaf for i32 {
    fn read(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

/// A uuid, kept as its 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Leaf for Uuid {
    fn read(text: &str) -> Option<Self> {
        uuid::Uuid::parse_str(text.trim()).ok().map(|u| Self(u.into_bytes()))
    }
    fn show(&self) -> String {
        uuid::Uuid::from_bytes(self.0).hyphenated().to_string()
    }
}

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Leaf for Mac {
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
        self.0.map(|byte| format!("{byte:02x}")).join(":")
    }
}

/// How many bytes a unit of the format stands for.
pub fn unit_bytes(unit: &str) -> Option<u64> {
    Some(match unit {
        "b" | "byte" | "bytes" => 1,
        "KB" => 1_000,
        "k" | "K" | "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "M" | "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "G" | "GiB" => 1 << 30,
        "TB" => 1_000_000_000_000,
        "T" | "TiB" => 1 << 40,
        "PB" => 1_000_000_000_000_000,
        "P" | "PiB" => 1 << 50,
        "EB" => 1_000_000_000_000_000_000,
        "E" | "EiB" => 1 << 60,
        _ => return None,
    })
}

/// A set of host CPUs as the format writes it: numbers, ranges and exclusions, such as `0-3,^2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuSet(String);

impl Leaf for CpuSet {
    fn read(text: &str) -> Option<Self> {
        const LIMIT: u32 = 16_384;
        let number = |n: &str| n.parse::<u32>().ok().filter(|n| *n < LIMIT);
        let part = |part: &str| match part.split_once('-') {
            Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
            None => number(part.strip_prefix('^').unwrap_or(part)).is_some(),
        };
        let text = text.trim();
        (!text.is_empty() && text.split(',').all(|p| part(p.trim()))).then(|| Self(text.to_owned()))
    }
    fn show(&self) -> String {
        self.0.clone()
    }
}
