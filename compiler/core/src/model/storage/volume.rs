//! Volumes of storage pools, looked up in the host file.

use std::borrow::Cow;

use virtc_diag::Diagnostic;
use virtc_inventory::{Pool, PoolKind, VolumeKind};

use crate::codes;
use crate::ir::{OptExt, Origin, Spanned};
use crate::model::Facts;
use crate::model::storage::{Host, Location, Network, PoolMode, Protocol, StorageSource};

/// A login at a server.
pub(super) struct Login<'s> {
    /// The user.
    pub user: &'s str,
    /// The place of the secret in the XML.
    pub origin: Origin,
}

impl StorageSource {
    /// The location that QEMU opens: for a volume, that of the volume.
    ///
    /// # Errors
    /// The pool or the volume is not known, or QEMU cannot access it.
    pub fn actual(&self, facts: Facts<'_>) -> Result<Cow<'_, Location>, Box<Diagnostic>> {
        let Location::Volume { pool: name, volume, mode } = &self.location else {
            return Ok(Cow::Borrowed(&self.location));
        };
        let unknown = |at: &Spanned<String>, message: String| {
            Box::new(
                Diagnostic::at(&codes::HOST_FACT_NEEDED, at.origin, message)
                    .help("add it to the host file, under `resources.pools`"),
            )
        };
        let pool =
            facts.pool(name).ok_or_else(|| unknown(name, format!("storage pool `{}` is not known", name.value)))?;
        if let Some(mode) = mode.filter(|_| pool.kind != PoolKind::Iscsi) {
            let message = "`mode` is supported for volumes of iSCSI pools only";
            return Err(Box::new(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, mode.origin, message)));
        }
        let direct = mode.is(&PoolMode::Direct) || pool.kind == PoolKind::IscsiDirect;
        if direct {
            return Ok(Cow::Owned(iscsi(pool, volume)?));
        }
        match pool.kind {
            PoolKind::Rbd | PoolKind::Sheepdog | PoolKind::Gluster | PoolKind::Mpath => {
                let message =
                    format!("volumes of storage pools of type `{}` are not supported for disks", pool.kind.word());
                return Err(Box::new(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, volume.origin, message)));
            }
            PoolKind::Dir
            | PoolKind::Fs
            | PoolKind::Netfs
            | PoolKind::Logical
            | PoolKind::Disk
            | PoolKind::Iscsi
            | PoolKind::IscsiDirect
            | PoolKind::Scsi
            | PoolKind::Zfs
            | PoolKind::Vstorage => {}
        }
        let message = || format!("storage pool `{}` has no volume `{}`", name.value, volume.value);
        let known = pool.volumes.get(&volume.value).ok_or_else(|| unknown(volume, message()))?;
        let path = Spanned { value: known.path.clone(), origin: volume.origin };
        let is_file = known.kind == VolumeKind::File && pool.kind != PoolKind::Iscsi;
        if let Some(policy) = self.startup_policy.filter(|_| !is_file) {
            let message = "`startupPolicy` is supported for volumes of type `file` only";
            return Err(Box::new(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, policy.origin, message)));
        }
        Ok(Cow::Owned(match known.kind {
            VolumeKind::File => Location::File(path, None),
            VolumeKind::Block => Location::Block(path),
            VolumeKind::Dir => Location::Dir(path),
        }))
    }

    /// The login; a volume has that of its pool.
    pub(super) fn login<'s>(&'s self, facts: Facts<'s>) -> Option<Login<'s>> {
        let Location::Volume { pool, .. } = &self.location else {
            return self.auth.as_ref().map(|a| Login { user: &a.username, origin: a.secret.origin });
        };
        let auth = facts.pool(pool)?.auth.as_ref()?;
        Some(Login { user: &auth.username, origin: pool.origin })
    }
}

/// The location of a volume of an iSCSI pool for direct access: the last number of its name is the LUN.
fn iscsi(pool: &Pool, volume: &Spanned<String>) -> Result<Location, Box<Diagnostic>> {
    let lun = volume.strip_prefix("unit:").and_then(|units| units.split(':').nth(2)?.parse::<u32>().ok());
    let Some(lun) = lun else {
        return Err(Box::new(Diagnostic::at(
            &codes::BAD_VALUE,
            volume.origin,
            format!("the name of an iSCSI volume has the form `unit:0:0:LUN`, not `{}`", volume.value),
        )));
    };
    let at = |value: &str| Spanned { value: value.to_owned(), origin: volume.origin };
    let (Some(host), Some(device)) = (&pool.host, &pool.device) else {
        return Err(Box::new(Diagnostic::at(
            &codes::HOST_FACT_NEEDED,
            volume.origin,
            "the storage pool has no host and device in the host file",
        )));
    };
    let port = Spanned { value: u32::from(host.port.unwrap_or(3260)), origin: volume.origin };
    let host = Host { transport: None, name: Some(at(&host.name)), port: Some(port), socket: None };
    let protocol = Spanned { value: Protocol::Iscsi, origin: volume.origin };
    let mut network = Network::new(protocol, at(&format!("{device}/{lun}")), vec![host]);
    network.initiator = pool.initiator.as_deref().map(at);
    Ok(Location::Network(Box::new(network)))
}
