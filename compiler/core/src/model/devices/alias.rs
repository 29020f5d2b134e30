//! How a device is named in QEMU. The numbers are given in one place, `prepare/alias.rs`.

/// What a device without an `<alias>` of the user's is named after (libvirt's `src/qemu/qemu_alias.c`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AliasStem {
    /// Nothing: QEMU has no such device.
    Nameless,
    /// Its own place, such as `scsi0-0-0-1`: this is the whole name.
    Whole(String),
    /// Its kind, and its number among the devices of this kind: `sound1` is the second one, whatever the first one is called.
    Indexed(&'static str),
    /// Its kind, and the number after the highest that a device has: `net0` is the first interface that the user has not named.
    Next(&'static str),
}
