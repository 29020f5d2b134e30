//! The architecture of the guest's CPU, and which binaries run it.

use crate::ir::words;

words! {
    /// The architecture of the guest's CPU.
    pub enum Arch { X86_64 = "x86_64", I686 = "i686", Aarch64 = "aarch64", Armv7l = "armv7l", Armv6l = "armv6l" }
}

impl Arch {
    /// Whether it is x86.
    pub fn is_x86(self) -> bool {
        matches!(self, Self::X86_64 | Self::I686)
    }

    /// Whether it is Arm.
    pub fn is_arm(self) -> bool {
        !self.is_x86()
    }

    /// QEMU's name of it, as in `qemu-system-x86_64`.
    pub fn qemu(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I686 => "i386",
            Self::Aarch64 => "aarch64",
            Self::Armv7l | Self::Armv6l => "arm",
        }
    }

    /// The architecture of the QEMU profile for its guests: that of the 64-bit binary, which has everything that the
    /// 32-bit one has.
    pub fn profile(self) -> &'static str {
        if self.is_arm() { "aarch64" } else { "x86_64" }
    }

    /// Whether `qemu-system-OWN` runs its guests (`virQEMUCapsIsArchSupported` in libvirt's
    /// `src/qemu/qemu_capabilities.c`).
    pub(crate) fn runs_on(self, own: &str) -> bool {
        match self {
            Self::X86_64 => own == "x86_64",
            Self::I686 => matches!(own, "i386" | "x86_64"),
            Self::Aarch64 => own == "aarch64",
            Self::Armv7l => matches!(own, "arm" | "aarch64"),
            Self::Armv6l => own == "arm",
        }
    }
}

/// The architecture in the name of the QEMU binary at `path`.
pub(crate) fn of_binary(path: &str) -> Option<&str> {
    path.rsplit_once("qemu-system-").map(|(_, own)| own)
}
