//! Values of datatypes: as they are in documents, and numbers near limits.

use std::collections::BTreeSet;

use virtc_rng::Part;

use super::super::corpus::Case;
use super::super::random::Random;
use super::super::vocabulary::Vocabulary;

/// Numbers near the limits that libvirt, QEMU and buses have.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    "10",
    "15",
    "16",
    "17",
    "31",
    "32",
    "33",
    "63",
    "64",
    "100",
    "127",
    "128",
    "255",
    "256",
    "512",
    "1000",
    "1023",
    "1024",
    "4095",
    "4096",
    "16384",
    "65535",
    "65536",
    "1048576",
    "2097152",
    "4294967295",
    "4294967296",
    "-1",
    "0x0",
    "0x1",
    "0x2",
    "0x1f",
    "0xff",
    "0x1000",
    "0.5",
    "1.0",
    "4.2",
];

/// Texts of many forms, for a datatype that no document has a value of under the name that is asked for.
const TEXTS: &[&str] = &[
    "a",
    "text",
    "a b",
    "virtc",
    "/a",
    "/dev/null",
    "/var/lib/libvirt/images/a.img",
    "org.example.a",
    "ua-a",
    "52:54:00:11:22:33",
    "0x5000c500a1b2c3d4",
    "5000c500a1b2c3d4",
    "127.0.0.1",
    "192.168.122.7",
    "::1",
    "fe80::1",
    "example.org",
    "2026-01-31T12:00:00",
    "01/31/2026",
    "0-3",
    "0-3,^2",
    "1,3",
    "KiB",
    "MiB",
    "G",
    "eth0",
    "br0",
    "vda",
    "sda",
    "hda",
    "5cd3bf02-0da7-11ec-82a8-0242ac130003",
    "s0:c1,c2",
    "+0:+0",
    "107:107",
    "0123456789abcdef",
    "AAAA",
    "0x0001",
    "1-1",
    "1-1.2",
    "fc_host1",
    "scsi_host3",
    "C",
    "en-us",
    "host",
    "[ds] a.vmdk",
    "C:\\a.img",
    "a=b",
    "iqn.2026-01.org.example:a",
];

/// What values are drawn from.
pub struct Values {
    words: Vocabulary,
    all: Vec<String>,
}

impl Values {
    /// Values as they are in `cases`.
    pub fn of(cases: &[Case]) -> Self {
        let words = Vocabulary::of(cases);
        let all: BTreeSet<String> = words.values.values().chain(words.texts.values()).flatten().cloned().collect();
        Self { words, all: all.into_iter().collect() }
    }

    /// A value of datatype `part`, for an attribute or element called `name`; it needs no escapes.
    pub fn draw(&self, part: Part<'_>, name: &str, random: &mut Random) -> Option<String> {
        let own = || self.words.values.get(name).or_else(|| self.words.texts.get(name)).map_or(&[][..], Vec::as_slice);
        let fits = |text: &str| part.takes(text) && !text.contains(['&', '<', '>', '\'', '"']);
        let (least, most) = part.limits();
        let limits: Vec<&str> = least.into_iter().chain(most).collect();
        // Each is asked for some of its values, in random order; the last ones take what the others leave.
        for source in [random.below(10), 0, 4, 7, 9] {
            for _ in 0..40 {
                let drawn = match source {
                    0..=3 => random.pick(own()).map(String::as_str),
                    4..=6 if random.once_in(6) => random.pick(&limits).copied(),
                    4..=6 => random.pick(NUMBERS).copied(),
                    7..=8 => random.pick(TEXTS).copied(),
                    _ => random.pick(&self.all).map(String::as_str),
                };
                if let Some(drawn) = drawn.filter(|drawn| fits(drawn)) {
                    return Some(drawn.to_owned());
                }
            }
        }
        None
    }
}
