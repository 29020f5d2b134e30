//! The operations: everything that is written to a host. One file holds an operation and the one that reverts it.
//!
//! A file has the data as it is in the journal, its text, how it is made on Linux (through `host::linux`, the only place that writes),
//! how it is read back, and its effect on a host that is kept as data: the one that a dry run predicts and the one of the tests.

mod cgroup;
mod copy_file;
mod device_acl;
mod directory;
mod driver;
mod driver_override;
mod link;
mod listen;
mod make_file;
mod memlock;
mod monitor;
mod open;
mod owner;
mod qmp;
mod spawn;
mod tap;

use serde::{Deserialize, Serialize};

pub use link::LinkSetting;

use super::linux::LinuxHost;
use super::states::Model;
use super::{Host, Result};
use crate::acl::AclTable;
use crate::group::Group;

/// One kind of write to the host.
pub(crate) trait Operation {
    /// The write in a few words, for messages.
    fn describe(&self) -> String;

    /// Makes it on Linux. Where nothing has to change, nothing is written.
    ///
    /// # Errors
    /// The system, QEMU or the guest refuses.
    fn apply(&self, host: &mut LinuxHost) -> Result<()>;

    /// Whether the host shows what this does. `is_revert`: it reverts another, for which a thing that is gone altogether is also right.
    ///
    /// # Errors
    /// The host cannot be read.
    fn verify(&self, host: &dyn Host, is_revert: bool) -> Result<bool>;

    /// Lays its effect over a host that is kept as data, for a dry run and for the tests.
    ///
    /// # Errors
    /// Linux would refuse it, or the underlying host cannot be read.
    fn effect(&self, host: &mut dyn Model) -> Result<()>;

    /// Makes it on the host in memory; for an operation where the kernel or QEMU does more than the effect.
    #[cfg(test)]
    fn fake(&self, host: &mut super::fake::Fake) -> Result<()> {
        self.effect(host)
    }

    /// The error of a host in memory that refuses it.
    #[cfg(test)]
    fn refusal(&self, why: &str) -> crate::error::HostError {
        crate::error::HostError::System { what: "write".into(), why: why.into() }
    }

    /// Whether it ends QEMU, and thus comes first when everything is reverted.
    fn ends_qemu(&self) -> bool {
        false
    }

    /// The property that it sets, where several devices may ask for the same property of the same thing.
    fn shared_property(&self) -> Option<String> {
        None
    }

    /// Whether a detach of its device settles it, so that it is not reverted then.
    fn is_settled_by_detach(&self) -> bool {
        false
    }

    /// The device ACL that is in force after it.
    fn device_acl(&self) -> Option<(&Group, &AclTable)> {
        None
    }

    /// How the processes that it starts are found.
    fn process_group(&self) -> Option<&Group> {
        None
    }
}

/// The enum of all operations, from a list of their modules and structures: a variant and its structure have one name.
macro_rules! operations {
    ($($(#[$doc:meta])* $module:ident::$name:ident,)*) => {
        $(pub use $module::$name;)*

        /// One write to the host.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum HostOp {
            $($(#[$doc])* $name($name),)*
        }

        impl HostOp {
            /// What it does.
            pub(crate) fn operation(&self) -> &dyn Operation {
                match self {
                    $(Self::$name(operation) => operation,)*
                }
            }
        }

        $(impl From<$name> for HostOp {
            fn from(operation: $name) -> Self {
                Self::$name(operation)
            }
        })*
    };
}

operations! {
    /// Make a directory.
    directory::MakeDirectory,
    /// Remove a directory of the VM.
    directory::RemoveDirectory,
    /// Set the owner of a node or file.
    owner::SetOwner,
    /// Bind a PCI function to a driver, or unbind it.
    driver::BindDriver,
    /// Set or clear a PCI function's `driver_override`.
    driver_override::SetDriverOverride,
    /// Make a control group.
    cgroup::MakeCgroup,
    /// Remove an empty control group.
    cgroup::RemoveCgroup,
    /// Replace the device ACL of a control group.
    device_acl::SetDeviceAcl,
    /// Open a file as a descriptor.
    open::Open,
    /// Close descriptors.
    open::Close,
    /// Make an empty file.
    make_file::MakeFile,
    /// Remove a file that is empty.
    make_file::RemoveEmpty,
    /// Copy a file.
    copy_file::CopyFile,
    /// Remove what is left of a copy that was not finished.
    copy_file::RemovePartial,
    /// Make a listening UNIX socket as a descriptor.
    listen::Listen,
    /// Close a listening UNIX socket, and remove it.
    listen::StopListening,
    /// Make a tap interface as descriptors.
    tap::MakeTap,
    /// Set a property of a network interface.
    link::SetLink,
    /// Start QEMU.
    spawn::Spawn,
    /// Kill QEMU's processes.
    spawn::Kill,
    /// Connect to QEMU's monitor.
    monitor::Connect,
    /// Drop the connection to QEMU's monitor.
    monitor::Disconnect,
    /// Execute a QMP command.
    qmp::QmpExecute,
    /// Execute a QMP command that reverts another.
    qmp::QmpRevert,
    /// Set the limit on locked memory of QEMU.
    memlock::SetMemlock,
}

impl HostOp {
    /// The write in a few words, for messages.
    pub fn describe(&self) -> String {
        self.operation().describe()
    }
}
