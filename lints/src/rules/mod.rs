//! The rules, one file each: a line in the list below is all that a rule needs.

use crate::Lint;

/// Declares the module of each rule, and lists the rules.
macro_rules! rules {
    ($($name:ident,)+) => {
        $(mod $name;)+

        /// All lints, by name.
        pub static ALL: &[&Lint] = &[$(&$name::LINT),+];
    };
}

rules! {
    duplicate_mac,
    hostdev_net_not_vf,
    hostdev_net_usb,
    interface_queues,
}
