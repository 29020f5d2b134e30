//! Volumes of storage pools: where they are, the host file says.

use std::borrow::Cow;

use virtc_diag::Diagnostic;
use virtc_inventory::{Pool, PoolKind, VolumeKind};

use crate::codes;
use crate::ir::{OptExt, Origin, Spanned};
use crate::model::Facts;
use crate::model::storage::{Host, Location, Network, PoolMode, Protocol, StorageSource};

/// Who logs in at a server, and where that is said.
pub(super) struct Login<'s> {
    /// The user.
    pub user: &'s str,
    /// Where the secret is named.
    pub origin: Origin,
}

impl StorageSource {
    /// The place that QEMU opens: that of the volume, where the source is one.
    ///
    /// # Errors
    /// The pool or the volume is not known, or QEMU cannot get to it.
    pub fn actual(&self, facts: Facts<'_>) -> Result<Cow<'_, Location>, Box<Diagnostic>> {
        let Location::Volume { pool: name, volume, mode } = &self.location else {
            return Ok(Cow::Borrowed(&self.location));
        };
        let unknown = |at: &Spanned<String>, message: String| {
            Box::new(
                Diagnostic::at(&codes::HOST_FACT_NEEDED, at.origin, message)
                    .help("name it in the host file, under `resources.pools`"),
            )
        };
        let pool =
            facts.pool(name).ok_or_else(|| unknown(name, format!("the storage pool `{}` is not known", name.value)))?;
        if let Some(mode) = mode.filter(|_| pool.kind != PoolKind::Iscsi) {
            let message = "only a volume of an iSCSI pool has a mode";
            return Err(Box::new(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, mode.origin, message)));
        }
        let direct = mode.is(&PoolMode::Direct) || pool.kind == PoolKind::IscsiDirect;
        if direct {
            return Ok(Cow::Owned(iscsi(pool, volume)?));
        }
        match pool.kind {
            PoolKind::Rbd | PoolKind::Sheepdog | PoolKind::Gluster | PoolKind::Mpath => {
                let message = format!("a disk cannot be a volume of a pool of type `{}`", pool.kind.word());
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
        let message = || format!("the pool `{}` has no volume `{}`", name.value, volume.value);
        let known = pool.volumes.get(&volume.value).ok_or_else(|| unknown(volume, message()))?;
        let path = Spanned { value: known.path.clone(), origin: volume.origin };
        let is_file = known.kind == VolumeKind::File && pool.kind != PoolKind::Iscsi;
        if let Some(policy) = self.startup_policy.filter(|_| !is_file) {
            let message = "only a volume that is a file has a startup policy";
            return Err(Box::new(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, policy.origin, message)));
        }
        Ok(Cow::Owned(match known.kind {
            VolumeKind::File => Location::File(path, None),
            VolumeKind::Block => Location::Block(path),
            VolumeKind::Dir => Location::Dir(path),
        }))
    }

    /// Who logs in: a volume of a pool has the pool's login.
    pub(super) fn login<'s>(&'s self, facts: Facts<'s>) -> Option<Login<'s>> {
        let Location::Volume { pool, .. } = &self.location else {
            return self.auth.as_ref().map(|a| Login { user: &a.username, origin: a.secret.origin });
        };
        let auth = facts.pool(pool)?.auth.as_ref()?;
        Some(Login { user: &auth.username, origin: pool.origin })
    }
}

/// A volume of an iSCSI pool, as QEMU itself gets to it: the last number of its name is the LUN.
fn iscsi(pool: &Pool, volume: &Spanned<String>) -> Result<Location, Box<Diagnostic>> {
    let lun = volume.strip_prefix("unit:").and_then(|units| units.split(':').nth(2)?.parse::<u32>().ok());
    let Some(lun) = lun else {
        return Err(Box::new(Diagnostic::at(
            &codes::BAD_VALUE,
            volume.origin,
            format!("`{}` is no name of an iSCSI volume, which are `unit:0:0:LUN`", volume.value),
        )));
    };
    let at = |value: &str| Spanned { value: value.to_owned(), origin: volume.origin };
    let (Some(host), Some(device)) = (&pool.host, &pool.device) else {
        return Err(Box::new(Diagnostic::at(
            &codes::HOST_FACT_NEEDED,
            volume.origin,
            "the host file does not say where the pool's target is",
        )));
    };
    let port = Spanned { value: u32::from(host.port.unwrap_or(3260)), origin: volume.origin };
    let host = Host { transport: None, name: Some(at(&host.name)), port: Some(port), socket: None };
    let protocol = Spanned { value: Protocol::Iscsi, origin: volume.origin };
    let mut network = Network::new(protocol, at(&format!("{device}/{lun}")), vec![host]);
    network.initiator = pool.initiator.as_deref().map(at);
    Ok(Location::Network(Box::new(network)))
}
