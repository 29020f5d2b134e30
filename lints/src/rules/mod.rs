//! The rules, one file each, sorted by name.

use crate::Lint;

mod hostdev_net_not_vf;
mod hostdev_net_usb;

/// All lints.
pub static ALL: &[&Lint] = &[&hostdev_net_not_vf::LINT, &hostdev_net_usb::LINT];
