//! The location of a source: its attributes and children, and its host requirements.

use crate::ir::{OptExt, Origin, Spanned, YesNo};
use crate::model::devices::address::{read_pci, write_pci};
use crate::model::devices::chardev::Reconnect;
use crate::model::storage::{Location, Network, StorageType};
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::{Tag, XmlWriter};

impl Location {
    /// Reads the location in `<source>`.
    pub(super) fn lower(kind: StorageType, f: &Fields<'_, '_>) -> Self {
        let path = |name: &str| f.attr::<String>(name).filter(|p| !p.is_empty());
        let place = match kind {
            StorageType::File => path("file").map(|p| Self::File(p, f.attr("fdgroup"))),
            StorageType::Block => path("dev").map(Self::Block),
            StorageType::Dir => path("dir").map(Self::Dir),
            StorageType::Network => Network::lower(f).map(|n| Self::Network(Box::new(n))),
            StorageType::Volume => path("pool").zip(path("volume")).map(|(pool, volume)| Self::Volume {
                pool,
                volume,
                mode: f.attr("mode"),
            }),
            StorageType::Nvme => {
                let _pci = f.attr::<String>("type");
                let address = f.child("address").map(|a| {
                    a.without_effect(&["multifunction"], &["zpci"], "device of the host");
                    Spanned { value: read_pci(&a), origin: a.origin() }
                });
                let namespace = f.attr("namespace");
                address.zip(namespace).map(|(address, namespace)| Self::Nvme {
                    address,
                    namespace,
                    managed: f.attr("managed"),
                })
            }
            StorageType::VhostUser => {
                let _unix = f.attr::<String>("type");
                path("path").map(|p| Self::VhostUser(p, Reconnect::lower(f)))
            }
            StorageType::VhostVdpa => path("dev").map(Self::VhostVdpa),
        };
        place.unwrap_or(Self::Empty)
    }

    /// The attributes of `<source>`.
    pub(super) fn write_attributes<'w>(&self, tag: Tag<'w>) -> Tag<'w> {
        match self {
            Self::Empty => tag,
            Self::File(path, group) => tag.attr("file", path).opt("fdgroup", group),
            Self::Block(path) | Self::VhostVdpa(path) => tag.attr("dev", path),
            Self::Dir(path) => tag.attr("dir", path),
            Self::Network(network) => network.write_attributes(tag),
            Self::Volume { pool, volume, mode } => tag.attr("pool", pool).attr("volume", volume).opt("mode", mode),
            Self::Nvme { namespace, managed, .. } => {
                tag.attr("type", "pci").opt("managed", managed).attr("namespace", &namespace.value.to_string())
            }
            Self::VhostUser(path, _) => tag.attr("type", "unix").attr("path", path),
        }
    }

    /// The children of `<source>` that belong to the location.
    pub(super) fn write_children(&self, w: &mut XmlWriter) {
        match self {
            Self::Network(network) => network.write_children(w),
            Self::Nvme { address, .. } => write_pci(address.value, w.tag("address")).end(),
            Self::VhostUser(_, reconnect) => Reconnect::write(reconnect.as_ref(), w),
            Self::Empty | Self::File(..) | Self::Block(_) | Self::Dir(_) | Self::Volume { .. } | Self::VhostVdpa(_) => {
            }
        }
    }

    /// The origin of the path; `None` for locations without one.
    pub(super) fn origin(&self) -> Option<Origin> {
        match self {
            Self::File(path, _)
            | Self::Block(path)
            | Self::Dir(path)
            | Self::VhostVdpa(path)
            | Self::VhostUser(path, _) => Some(path.origin),
            Self::Empty | Self::Network(_) | Self::Volume { .. } | Self::Nvme { .. } => None,
        }
    }

    /// What the host must do so that QEMU can open it. Its files are chowned to QEMU's user, unless they keep their
    /// owner.
    pub(super) fn host(&self, readonly: bool, keeps_owner: bool, out: &mut RequirementsOf<'_>) {
        match self {
            Self::File(path, _) if !keeps_owner => out.file(&path.value, path.origin),
            Self::Empty | Self::File(..) => {}
            Self::Block(path) => {
                out.block(&path.value, readonly);
                if !keeps_owner {
                    out.file(&path.value, path.origin);
                }
            }
            Self::Dir(path) => out.refuse("`<disk type='dir'>`", path.origin),
            Self::Network(network) => network.host(out),
            Self::Volume { volume, .. } => {
                out.refuse("volumes of storage pools (`<disk type='volume'>`)", volume.origin);
            }
            Self::Nvme { address, managed, .. } => out.vfio(address.value, !managed.is(&YesNo::No), address.origin),
            Self::VhostUser(path, _) => out.own(virtc_plan::Node::Path(path.value.clone()), path.origin),
            Self::VhostVdpa(path) => out.refuse("vDPA block devices (`<disk type='vhostvdpa'>`)", path.origin),
        }
    }
}
