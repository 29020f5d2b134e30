//! What the host's maker wrote into its SMBIOS tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Fields of SMBIOS tables by name, in libvirt's words (`<entry name=…>` of `<sysinfo>`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Smbios {
    /// Table 0: `vendor`, `version`, `date`, `release`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bios: BTreeMap<String, String>,
    /// Table 1: `manufacturer`, `product`, `version`, `serial`, `uuid`, `sku`, `family`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub system: BTreeMap<String, String>,
    /// Table 2, one for each board: `manufacturer`, `product`, `version`, `serial`, `asset`, `location`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub base_board: Vec<BTreeMap<String, String>>,
    /// Table 3: `manufacturer`, `version`, `serial`, `asset`, `sku`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub chassis: BTreeMap<String, String>,
    /// Table 11.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub oem_strings: Vec<String>,
}
