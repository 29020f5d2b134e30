//! The rules, one file each, sorted by name.

use crate::Lint;

mod duplicate_mac;
mod hostdev_net_not_vf;
mod hostdev_net_usb;
mod interface_queues;

/// All lints.
pub static ALL: &[&Lint] =
    &[&duplicate_mac::LINT, &hostdev_net_not_vf::LINT, &hostdev_net_usb::LINT, &interface_queues::LINT];
