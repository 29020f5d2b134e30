//! What a host has, as one versioned file.
//!
//! [`HostFile`] is what `--host FILE` reads and `virtc host snapshot` writes: the [`Hardware`], the [`Config`] and the
//! [`Resources`] of a host, each optional. [`read`] fills the hardware part from sysfs and procfs; nothing here writes.

mod config;
mod config_space;
mod cpu;
mod firmware;
mod hardware;
mod host;
mod ids;
mod net;
mod pci;
mod read;
mod resources;
mod smbios;
mod storage;
mod system;
mod usb;

pub use config::Config;
pub use cpu::{CpuFacts, CpuMap, decode};
pub use firmware::{Firmware, FirmwareImage, FirmwareInterface, FirmwareMapping, FirmwareTarget, FlashMode};
pub use hardware::{GroupMember, Hardware};
pub use host::{FORMAT, HostFile, HostFileError};
pub use net::{NetDevice, NetParent, OperState};
pub use pci::{BusKind, Mdev, PciFunction, Sriov};
pub use read::{Problem, read, read_firmware};
pub use resources::{Forward, HostClock, HostModel, Network, Resources, Sev, VhostUser};
pub use smbios::Smbios;
pub use storage::{BackingInfo, ImageInfo, Pool, PoolAuth, PoolHost, PoolKind, Volume, VolumeKind};
pub use system::{Cpu, CpuModel, HugePages, Iommu, Kvm, Limits, Memory, NumaNode};
pub use usb::{UsbDevice, UsbInterface};
pub use virtc_address::{MacAddress, ParseAddressError, PciAddress};
