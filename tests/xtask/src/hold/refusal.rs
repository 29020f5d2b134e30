//! Refusals that say something of the host, not of the definition.

/// Parts of libvirt's messages about what this host or this build of libvirt lacks.
const LACKS: &[&str] = &[
    "Storage pool not found",
    "Network not found",
    "Unable to find any firmware",
    "Unable to find 'efi' firmware",
    "Unable to find 'bios' firmware",
    "Hugepages are disabled",
    "hugetlbfs",
    "Unable to find any usable hugetlbfs mount",
    "No such file or directory",
    "Cannot check QEMU binary",
    "could not find capabilities for",
    "No emulator found for arch",
    "KVM is not supported by this QEMU binary",
    "is not supported by hypervisor on this host",
    "Host CPU",
    "host doesn't support",
    "is not available on this host",
    "Secret not found",
    "could not find a matching",
    "does not support machine type",
    "TLS is disabled in qemu.conf",
    "number supported by the host CPU",
    "crypto backend lkcf is not supported",
    "lacks multiple smartcard support",
    "not supported in this QEMU binary",
    "Failed to get udev device for syspath",
    "cannot open directory '/sys",
];

/// Whether libvirt has said nothing: its daemon has ended meanwhile.
pub fn is_no_answer(message: &str) -> bool {
    message.contains("reconnect to the hypervisor") || message.contains("Disconnected from")
}

/// Whether libvirt refuses for lack of something that another host may have.
pub fn is_of_the_host(message: &str) -> bool {
    LACKS.iter().any(|part| message.contains(part))
}

#[cfg(test)]
mod tests {
    use super::is_of_the_host;

    #[test]
    fn kinds() {
        assert!(is_of_the_host("Storage pool not found: no storage pool with matching name 'default'"));
        assert!(!is_of_the_host("unsupported configuration: this is not supported"));
    }
}
