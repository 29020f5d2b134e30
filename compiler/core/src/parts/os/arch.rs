//! The architecture of the guest's CPU, and which binaries run it.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Leaf, Opt, Spanned, words};
use crate::lower::Fields;

words! {
    /// The architecture of the guest's CPU.
    pub enum Arch { X86_64 = "x86_64", I686 = "i686", Aarch64 = "aarch64", Armv7l = "armv7l", Armv6l = "armv6l" }
}

impl Arch {
    /// Whether it is one of a PC.
    pub fn is_x86(self) -> bool {
        matches!(self, Self::X86_64 | Self::I686)
    }

    /// Whether it is one of Arm's.
    pub fn is_arm(self) -> bool {
        !self.is_x86()
    }

    /// QEMU's name of it: the end of the name of the binary that runs it.
    pub fn qemu(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I686 => "i386",
            Self::Aarch64 => "aarch64",
            Self::Armv7l | Self::Armv6l => "arm",
        }
    }

    /// The architecture of the QEMU profile that says what its guests may have: the 64-bit binary knows all that the 32-bit one does.
    pub fn profile(self) -> &'static str {
        if self.is_arm() { "aarch64" } else { "x86_64" }
    }

    /// Whether the binary for `own` runs its guests (`virQEMUCapsIsArchSupported` in libvirt's `src/qemu/qemu_capabilities.c`).
    fn runs_on(self, own: &str) -> bool {
        match self {
            Self::X86_64 => own == "x86_64",
            Self::I686 => matches!(own, "i386" | "x86_64"),
            Self::Aarch64 => own == "aarch64",
            Self::Armv7l => matches!(own, "arm" | "aarch64"),
            Self::Armv6l => own == "arm",
        }
    }
}

/// The architecture of the guests of the QEMU at `path`, as its name says.
pub(super) fn of_binary(path: &str) -> Option<&str> {
    path.rsplit_once("qemu-system-").map(|(_, own)| own)
}

/// The architecture that the definition asks for. One that the binary does not run is no lack of virtc's.
pub(super) fn lower(domain: &Fields<'_, '_>, kind: &Fields<'_, '_>) -> Opt<Arch> {
    let named: Spanned<String> = kind.attr("arch")?;
    let arch = Arch::read(&named);
    let span = named.origin.span().unwrap_or_default();
    let emulator = domain.element().child("devices").and_then(|d| d.child("emulator"));
    let emulator = emulator.map(|e| e.text().trim().to_owned()).unwrap_or_default();
    let known = ["x86_64", "i386", "aarch64", "arm"];
    if let Some(own) = of_binary(&emulator).filter(|own| known.contains(own))
        && !arch.is_some_and(|arch| arch.runs_on(own))
    {
        let message = format!("a QEMU for {own} runs no guests of architecture `{}`", named.value);
        kind.report(Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, span, message));
        return None;
    }
    let Some(arch) = arch else {
        let message = format!("guests of architecture `{}` are not supported yet", named.value);
        let help = format!("virtc compiles for {}", Arch::words().join(", "));
        kind.report(Diagnostic::new(&codes::NOT_YET_SUPPORTED, span, message).help(help));
        return None;
    };
    Some(Spanned { value: arch, origin: named.origin })
}

#[cfg(test)]
mod tests {
    use crate::parts::trial::trial;

    fn faults(arch: &str, machine: &str, emulator: &str) -> Vec<String> {
        let os = format!("<os><type arch='{arch}' machine='{machine}'>hvm</type></os>");
        let devices = format!("<emulator>/usr/bin/qemu-system-{emulator}</emulator><memballoon model='none'/>");
        trial(&format!("<memory>1024</memory><vcpu>1</vcpu>{os}"), &devices, &[]).faults
    }

    #[test]
    fn a_binary_runs_its_own_guests() {
        for (arch, machine, emulator) in [
            ("x86_64", "pc", "x86_64"),
            ("i686", "pc", "x86_64"),
            ("i686", "pc", "i386"),
            ("armv7l", "virt", "aarch64"),
        ] {
            assert_eq!(faults(arch, machine, emulator), Vec::<String>::new(), "{arch} {emulator}");
        }
        for (arch, machine, emulator) in [
            ("aarch64", "virt", "x86_64"),
            ("aarch64", "virt", "arm"),
            ("x86_64", "pc", "aarch64"),
            ("s390x", "s390", "arm"),
        ] {
            let fault = format!("a QEMU for {emulator} runs no guests of architecture `{arch}`");
            assert_eq!(faults(arch, machine, emulator), [fault]);
        }
    }

    #[test]
    fn what_does_not_work_yet_is_said_once() {
        for arch in ["s390x", "ppc64", "ppc64le", "riscv64", "loongarch64"] {
            let fault = format!("guests of architecture `{arch}` are not supported yet");
            assert_eq!(faults(arch, "virt", arch), [fault]);
        }
    }
}
