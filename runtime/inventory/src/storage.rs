//! Storage pools and disk images.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $(#[doc = concat!("`", $word, "`")] #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// The word in a host file.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

kinds! {
    /// The type of a pool, as libvirt names it.
    PoolKind {
        Dir = "dir", Fs = "fs", Netfs = "netfs", Logical = "logical", Disk = "disk", Iscsi = "iscsi", IscsiDirect = "iscsi-direct",
        Scsi = "scsi", Mpath = "mpath", Rbd = "rbd", Sheepdog = "sheepdog", Gluster = "gluster", Zfs = "zfs", Vstorage = "vstorage",
    }
}

kinds! {
    /// What a volume is on the host.
    VolumeKind { File = "file", Block = "block", Dir = "dir" }
}

/// A server of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolHost {
    /// Its name or address.
    pub name: String,
    /// Its TCP port, 1 to 65535; absent: the default of the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// The login of a pool at its server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolAuth {
    /// The user.
    pub username: String,
    /// The secret of the password, by its uuid.
    pub secret: String,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// What it is on the host.
    pub kind: VolumeKind,
    /// Its absolute path.
    pub path: String,
}

/// A storage pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Its type.
    pub kind: PoolKind,
    /// Its server, for pools of the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<PoolHost>,
    /// What it is made of at its server: the target of an iSCSI pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The name of the iSCSI initiator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<String>,
    /// The login at its server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<PoolAuth>,
    /// Its volumes by name.
    #[serde(default)]
    pub volumes: BTreeMap<String, Volume>,
}

/// The backing image that the header of a disk image names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackingInfo {
    /// Its absolute path.
    pub path: String,
    /// Its format, such as `qcow2`.
    pub format: String,
    /// Whether it is a block device.
    #[serde(default)]
    pub block: bool,
}

/// A disk image.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageInfo {
    /// The backing image; absent: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backing: Option<BackingInfo>,
}
