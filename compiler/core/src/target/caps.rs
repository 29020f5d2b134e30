//! A capability file: what one QEMU binary supports.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::target::sorted;

/// The format that this virtc reads and writes.
pub const FORMAT: u32 = 1;

/// A machine type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineType {
    /// Its alias, such as `q35` for the newest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The maximum number of virtual CPUs.
    pub cpus: u32,
    /// Whether it is deprecated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// Whether it is QEMU's default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// Whether virtual CPUs can be hot-plugged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hotpluggable_cpus: bool,
    /// The default CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_cpu: Option<String>,
    /// The id of its memory, which a memory backend of that id can provide; absent where the machine allocates its
    /// memory itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ram_id: Option<String>,
    /// Its properties: a key of [`Capabilities::machine_properties`]. Absent where they were not queried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<String>,
}

/// The CPUs under one accelerator.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpus {
    /// The models, each with the features that it lacks here.
    #[serde(default)]
    pub models: BTreeMap<String, String>,
    /// Deprecated models.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub deprecated: String,
    /// The features of the best CPU here, by QEMU's names.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub has: String,
    /// The features that it does not have.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lacks: String,
    /// Its other properties, such as `vendor` and `family`, as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

/// What one QEMU supports. Lists are words in one text, sorted and separated by spaces.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// [`FORMAT`].
    pub format: u32,
    /// Major, minor, micro.
    pub version: (u32, u32, u32),
    /// The version of the distribution's package.
    #[serde(default)]
    pub package: String,
    /// The architecture of its guests.
    pub arch: String,
    /// The devices with their properties (`device-list-properties`); `None` where these were not queried.
    pub devices: BTreeMap<String, Option<String>>,
    /// The machine types (`query-machines`).
    pub machines: BTreeMap<String, MachineType>,
    /// Properties that machine types share.
    #[serde(default)]
    pub machine_properties: BTreeMap<String, String>,
    /// The properties of a CPU; absent where these were not queried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_properties: Option<String>,
    /// The CPUs under KVM, where it is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kvm: Option<Cpus>,
    /// The CPUs under TCG.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcg: Option<Cpus>,
    /// The parameters of options of the command line (`query-command-line-options`).
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// The models and backends of a TPM.
    #[serde(default)]
    pub tpm: String,
    /// The QMP commands with the type of their arguments (`query-qmp-schema`).
    pub commands: BTreeMap<String, String>,
    /// The types of those arguments; see [`crate::target::qapi`].
    pub types: BTreeMap<String, String>,
}

impl Capabilities {
    /// The CPU models, under any accelerator.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.kvm.iter().chain(&self.tcg).flat_map(|cpus| cpus.models.keys()).map(String::as_str)
    }

    /// The capabilities in a file.
    ///
    /// # Errors
    /// A message, when it is not a capability file, or has another format.
    pub fn from_json(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let parse = serde_json::from_str::<Self>(text);
        match parse {
            Ok(caps) if caps.format == FORMAT => Ok(caps),
            Ok(caps) => {
                Err(format!("the file has format {}, but this version of virtc reads format {FORMAT}", caps.format))
            }
            Err(error) => Err(match serde_json::from_str::<Head>(text) {
                Ok(head) if head.format != FORMAT => {
                    format!("the file has format {}, but this version of virtc reads format {FORMAT}", head.format)
                }
                Ok(_) | Err(_) => error.to_string(),
            }),
        }
    }

    /// The text of the file.
    ///
    /// # Errors
    /// None that are known: all of it can be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// The machine type of this name or alias, with its name.
    pub fn machine(&self, name: &str) -> Option<(&str, &MachineType)> {
        let by_name = self.machines.get_key_value(name);
        let found = by_name.or_else(|| self.machines.iter().find(|(_, m)| m.alias.as_deref() == Some(name)));
        found.map(|(name, machine)| (name.as_str(), machine))
    }

    /// Whether a machine type has this property; `None` where that is not known.
    pub fn machine_property(&self, machine: &MachineType, property: &str) -> Option<bool> {
        let all = self.machine_properties.get(machine.properties.as_deref()?)?;
        Some(sorted::find(all, property).is_some())
    }

    /// Whether a device has this property; `None` where that is not known, or there is no such device.
    pub fn device_property(&self, device: &str, property: &str) -> Option<bool> {
        let all = self.devices.get(device)?.as_deref()?;
        Some(sorted::find(all, property).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_format_is_refused_by_name() {
        let fault = Capabilities::from_json(r#"{"format": 7, "what": []}"#);
        assert_eq!(fault, Err("the file has format 7, but this version of virtc reads format 1".to_owned()));
        assert!(Capabilities::from_json("{").is_err());
        assert!(Capabilities::from_json(r#"{"format": 1}"#).is_err_and(|e| e.contains("version")));
    }
}
