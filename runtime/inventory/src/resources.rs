//! What has been defined on a host beside its domains.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a network reaches the outside (`<forward mode=…>`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forward {
    /// Not at all: an isolated network on a bridge of its own.
    #[default]
    None,
    /// Address translation, on a bridge of its own.
    Nat,
    /// Routing, on a bridge of its own.
    Route,
    /// Routing without firewall rules, on a bridge of its own.
    Open,
    /// A bridge that is there already, or macvtap in bridge mode.
    Bridge,
    /// Macvtap in private mode.
    Private,
    /// Macvtap in VEPA mode.
    Vepa,
    /// Macvtap in passthrough mode.
    Passthrough,
    /// A pool of VFs.
    Hostdev,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// How it reaches the outside.
    #[serde(default)]
    pub forward: Forward,
    /// The bridge that its guests are attached to, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
}

/// What domains refer to by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// The render node that QEMU draws on unless a definition names another, such as `/dev/dri/renderD128`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub render_node: Option<String>,
    /// Networks by name.
    #[serde(default)]
    pub networks: BTreeMap<String, Network>,
}
