//! Firmware that is installed on a host, as its descriptors say (`docs/interop/firmware.json` of QEMU).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What firmware is to the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirmwareInterface {
    /// A PC BIOS.
    Bios,
    /// Open Firmware.
    OpenFirmware,
    /// U-Boot.
    UBoot,
    /// UEFI.
    Uefi,
}

/// An image and its format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareImage {
    /// The path.
    pub filename: String,
    /// The format, such as `raw` or `qcow2`.
    pub format: String,
}

/// How an image in flash and its variables go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlashMode {
    /// The variables are an image of their own, made from a template.
    #[default]
    Split,
    /// The variables are in the same image, which each guest needs a copy of.
    Combined,
    /// There are no variables.
    Stateless,
}

/// How firmware gets into the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "device", rename_all = "lowercase")]
pub enum FirmwareMapping {
    /// As flash.
    Flash {
        /// Where the variables are.
        #[serde(default)]
        mode: FlashMode,
        /// The image.
        executable: FirmwareImage,
        /// What the guest's variables are made from.
        #[serde(default, rename = "nvram-template", skip_serializing_if = "Option::is_none")]
        nvram_template: Option<FirmwareImage>,
    },
    /// As a kernel that is booted directly.
    Kernel {
        /// The image.
        filename: String,
    },
    /// In memory, as a ROM.
    Memory {
        /// The image.
        filename: String,
    },
}

/// Machines that firmware runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareTarget {
    /// QEMU's name of the architecture.
    pub architecture: String,
    /// Patterns of machine types, in which `*` matches any text and `?` one character.
    pub machines: Vec<String>,
}

/// One firmware. Names that a later version of the format adds are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Firmware {
    /// The file name of the descriptor, which decides its place.
    #[serde(default)]
    pub name: String,
    /// What it is to the operating system.
    pub interface_types: Vec<FirmwareInterface>,
    /// How it gets into the guest.
    pub mapping: FirmwareMapping,
    /// What it runs on.
    pub targets: Vec<FirmwareTarget>,
    /// What it can do, such as `secure-boot`, `enrolled-keys` or `requires-smm`.
    #[serde(default)]
    pub features: Vec<String>,
}

impl Firmware {
    /// Whether it has a feature.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|f| f == feature)
    }

    /// Whether it runs on this architecture and this machine type, which is not an alias.
    pub fn runs_on(&self, architecture: &str, machine: &str) -> bool {
        let fits =
            |t: &FirmwareTarget| t.machines.iter().any(|pattern| matches(pattern.as_bytes(), machine.as_bytes()));
        self.targets.iter().any(|t| t.architecture == architecture && fits(t))
    }

    /// The descriptors among `files`, a list for each directory from the least to the most important: name and content. A file hides those
    /// of the same name in less important directories, an empty one takes them away. The order is that of names, which is that of preference.
    /// A file that is not a descriptor is returned with the reason.
    pub fn gather(directories: Vec<Vec<(String, Vec<u8>)>>) -> (Vec<Self>, Vec<(String, String)>) {
        let files: BTreeMap<String, Vec<u8>> = directories.into_iter().flatten().collect();
        let mut problems = Vec::new();
        let mut found = Vec::new();
        for (name, content) in files.into_iter().filter(|(_, content)| !content.is_empty()) {
            match serde_json::from_slice::<Self>(&content) {
                Ok(firmware) => found.push(Self { name, ..firmware }),
                Err(error) => problems.push((name, error.to_string())),
            }
        }
        (found, problems)
    }
}

/// Whether `pattern` matches `text`; time is at most the product of both lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(place) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, place));
                at += 1;
            }
            Some(b'?') => (at, place) = (at + 1, place + 1),
            Some(wanted) if wanted == byte => (at, place) = (at + 1, place + 1),
            Some(_) | None => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                (at, place) = (after, from + 1);
            }
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_machines() {
        for (pattern, text, fits) in [
            ("pc-q35-*", "pc-q35-9.2", true),
            ("pc-q35-*", "pc-q35-", true),
            ("pc-q35-*", "pc-i440fx-9.2", false),
            ("*", "", true),
            ("virt", "virt-9.2", false),
            ("a*b?c", "axxbbxc", true),
            ("a*b?c", "abc", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn later_directories_hide_earlier_ones() {
        let file = |name: &str, image: &str| {
            let text = format!(
                r#"{{"description": "x", "interface-types": ["bios"], "mapping": {{"device": "memory", "filename": "{image}"}},
                "targets": [{{"architecture": "x86_64", "machines": ["pc-q35-*"]}}], "features": ["acpi-s3"], "tags": []}}"#
            );
            (name.to_owned(), text.into_bytes())
        };
        let system = vec![
            file("50-a.json", "/a"),
            file("20-b.json", "/b"),
            file("30-c.json", "/c"),
            ("9.json".into(), b"[]".to_vec()),
        ];
        let local = vec![file("50-a.json", "/other"), ("30-c.json".into(), Vec::new())];
        let (found, problems) = Firmware::gather(vec![system, local]);
        let shown: Vec<_> = found.iter().map(|f| (f.name.as_str(), &f.mapping)).collect();
        let memory = |path: &str| FirmwareMapping::Memory { filename: path.into() };
        assert_eq!(shown, [("20-b.json", &memory("/b")), ("50-a.json", &memory("/other"))]);
        assert_eq!(problems.len(), 1);
        assert!(
            found
                .iter()
                .all(|f| f.has("acpi-s3") && f.runs_on("x86_64", "pc-q35-8.0") && !f.runs_on("i386", "pc-q35-8.0"))
        );
    }
}
