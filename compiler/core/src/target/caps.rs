//! A capability file: what one QEMU binary says it can do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::target::sorted;

/// The format that this virtc reads and writes.
pub const FORMAT: u32 = 1;

/// A machine type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineType {
    /// Its other name, such as `q35` of the newest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// How many virtual CPUs it takes.
    pub cpus: u32,
    /// Whether QEMU advises against it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// Whether it is QEMU's default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// Whether virtual CPUs can be plugged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hotpluggable_cpus: bool,
    /// The model of a CPU that nobody names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_cpu: Option<String>,
    /// The name of its memory, which an object of that name can be in place of; absent where the machine makes its memory itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ram_id: Option<String>,
    /// Its properties: a key of [`Capabilities::machine_properties`]. MissingDevice where they were not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<String>,
}

/// The CPUs under one accelerator.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpus {
    /// The models; the features that keep each from being used here, where there are any.
    #[serde(default)]
    pub models: BTreeMap<String, String>,
    /// Models that QEMU advises against.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub deprecated: String,
    /// The features that the best CPU has here, in QEMU's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub has: String,
    /// The features that it lacks.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lacks: String,
    /// Its other properties that say what CPU it is, such as `vendor` and `family`, as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

/// What one QEMU can do. Lists are words in one text, sorted and separated by spaces.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// [`FORMAT`].
    pub format: u32,
    /// Major, minor, micro.
    pub version: (u32, u32, u32),
    /// What the distribution calls it.
    #[serde(default)]
    pub package: String,
    /// The architecture of its guests.
    pub arch: String,
    /// The devices with their properties (`device-list-properties`); absent where these were not asked for.
    pub devices: BTreeMap<String, Option<String>>,
    /// The machine types (`query-machines`).
    pub machines: BTreeMap<String, MachineType>,
    /// Properties that machine types share.
    #[serde(default)]
    pub machine_properties: BTreeMap<String, String>,
    /// The properties of a CPU; absent where these were not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_properties: Option<String>,
    /// The CPUs under KVM, where it could be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kvm: Option<Cpus>,
    /// The CPUs without KVM.
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
    /// The types that those need; see [`crate::target::qapi`].
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
    /// In words, when it is no such file, or has another format.
    pub fn from_json(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let parse = serde_json::from_str::<Self>(text);
        match parse {
            Ok(caps) if caps.format == FORMAT => Ok(caps),
            Ok(caps) => Err(format!("the file has format {}, this virtc reads {FORMAT}", caps.format)),
            Err(error) => Err(match serde_json::from_str::<Head>(text) {
                Ok(head) if head.format != FORMAT => {
                    format!("the file has format {}, this virtc reads {FORMAT}", head.format)
                }
                Ok(_) | Err(_) => error.to_string(),
            }),
        }
    }

    /// The file's text.
    ///
    /// # Errors
    /// None that are known: all that is in it can be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// The machine type of this name or alias, with its name.
    pub fn machine(&self, name: &str) -> Option<(&str, &MachineType)> {
        let by_name = self.machines.get_key_value(name);
        let found = by_name.or_else(|| self.machines.iter().find(|(_, m)| m.alias.as_deref() == Some(name)));
        found.map(|(name, machine)| (name.as_str(), machine))
    }

    /// Whether a machine type has this property; absent where that is not known.
    pub fn machine_property(&self, machine: &MachineType, property: &str) -> Option<bool> {
        let all = self.machine_properties.get(machine.properties.as_deref()?)?;
        Some(sorted::find(all, property).is_some())
    }

    /// Whether a device has this property; absent where that is not known, and where there is no such device.
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
        assert_eq!(fault, Err("the file has format 7, this virtc reads 1".to_owned()));
        assert!(Capabilities::from_json("{").is_err());
        assert!(Capabilities::from_json(r#"{"format": 1}"#).is_err_and(|e| e.contains("version")));
    }
}
