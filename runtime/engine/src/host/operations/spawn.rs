//! QEMU is started, and killed.

use std::os::fd::AsRawFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use virtc_plan::Limit;

use super::Operation;
use crate::group::Group;
use crate::host::linux::{LinuxHost, group, launch};
use crate::host::resources::{MemlockOf, ProcessesOf, User};
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Start QEMU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spawn {
    /// The command line, with all placeholders replaced.
    pub argv: Vec<String>,
    /// The whole environment: name and value.
    pub env: Vec<(String, String)>,
    /// The descriptors that it inherits, by their names in the plan.
    pub fds: Vec<String>,
    /// The user that it runs as; absent: the caller.
    pub user: Option<User>,
    /// The limit on locked memory; absent: as the caller's.
    pub memlock: Option<Limit>,
    /// Where its processes are put.
    pub group: Group,
    /// The file for its standard output and error.
    pub log: PathBuf,
}

impl Operation for Spawn {
    fn describe(&self) -> String {
        format!("start {}", self.argv.join(" "))
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        let descriptors = &mut host.read.descriptors;
        let inherited = self.fds.iter().map(|name| Ok(descriptors.borrow(name)?.as_raw_fd()));
        host.qemu.child = Some(launch::start(self, &inherited.collect::<Result<Vec<_>>>()?)?);
        // QEMU has them now; a copy here would keep a tap alive, or a dead QEMU's socket open.
        descriptors.close(&self.fds);
        Ok(())
    }

    /// QEMU may exit by itself at once; the connection to its monitor, made next, reports that with QEMU's own words.
    fn verify(&self, _host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(true)
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        host.set(&MemlockOf(&self.group), Some(&self.memlock.unwrap_or(Limit::Unlimited)))
    }

    #[cfg(test)]
    fn fake(&self, host: &mut crate::host::fake::Fake) -> Result<()> {
        self.effect(host)?;
        host.put(&ProcessesOf(&self.group), Some(&vec![crate::host::fake::PID]));
        for fd in &self.fds {
            host.world.inherited.extend(Model::read(host).fd(fd)?.and_then(|info| info.interface));
        }
        host.close(&self.fds)
    }

    fn process_group(&self) -> Option<&Group> {
        Some(&self.group)
    }
}

/// Kill every process of the group, and wait for their end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// Which group.
    pub group: Group,
}

impl Operation for Kill {
    fn describe(&self) -> String {
        format!("kill all processes in {}", self.group)
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        host.qemu.disconnect();
        group::kill(&self.group, || host.qemu.reap())
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(host.read().processes(&self.group)?.is_empty())
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        host.set(&ProcessesOf(&self.group), None)?;
        host.set(&MemlockOf(&self.group), None)
    }

    #[cfg(test)]
    fn fake(&self, host: &mut crate::host::fake::Fake) -> Result<()> {
        self.effect(host)?;
        host.qemu_ends();
        Ok(())
    }

    fn ends_qemu(&self) -> bool {
        true
    }
}
