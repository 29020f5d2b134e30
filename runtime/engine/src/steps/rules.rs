//! Rules of a plan become rules with numbers.

use std::path::Path;

use virtc_plan::{Access, DeviceKind, DeviceRule, Node};

use super::Context;
use crate::acl::AclRule;
use crate::error::HostError;
use crate::host::Result;
use crate::host::resources::Kind;

/// The nodes that every QEMU may use, as libvirt's default `cgroup_device_acl` has them (src/qemu/qemu.conf.in), as far as the host has them.
const DEFAULT: [&str; 8] =
    ["/dev/null", "/dev/full", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/ptmx", "/dev/kvm", "/dev/userfaultfd"];

/// Major number of pseudo-terminals (Documentation/admin-guide/devices.txt in Linux); libvirt allows them too.
const PTS_MAJOR: u32 = 136;

/// The default rules.
pub(super) fn default(context: &Context<'_>) -> Result<Vec<AclRule>> {
    let node =
        |path: &&str| DeviceRule::Node { node: Node::Path((*path).to_owned()), access: Access::RW, optional: true };
    let mut rules = resolve(&DEFAULT.iter().map(node).collect::<Vec<_>>(), context)?;
    rules.push(AclRule::Number { kind: DeviceKind::Char, major: Some(PTS_MAJOR), minor: None, access: Access::RW });
    Ok(rules)
}

/// These rules with numbers.
///
/// # Errors
/// A node that must be there is not, or is not a device.
pub(super) fn resolve(rules: &[DeviceRule], context: &Context<'_>) -> Result<Vec<AclRule>> {
    let mut out = Vec::new();
    for rule in rules {
        match rule {
            DeviceRule::Number { kind, major, minor, access } => {
                out.push(AclRule::Number { kind: *kind, major: *major, minor: *minor, access: *access });
            }
            DeviceRule::Node { node, access, optional } => match context.node(node)? {
                Some(path) => out.push(numbers(&path, *access, context)?),
                None if *optional => {}
                None => return Err(HostError::Unsuitable(format!("this host has no {node}"))),
            },
        }
    }
    Ok(out)
}

fn numbers(path: &Path, access: Access, context: &Context<'_>) -> Result<AclRule> {
    match context.host.stat(path)?.map(|stat| stat.kind) {
        Some(Kind::Device(kind, major, minor)) => {
            Ok(AclRule::Number { kind, major: Some(major), minor: Some(minor), access })
        }
        Some(Kind::Predicted) => Ok(AclRule::Unknown { node: path.display().to_string(), access }),
        Some(Kind::Directory | Kind::Socket | Kind::EmptyFile | Kind::File | Kind::Other) | None => {
            Err(HostError::Unsuitable(format!("{} is not a device node", path.display())))
        }
    }
}
