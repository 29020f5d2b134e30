//! `arch` of `<type>`.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::arch::of_binary;
use crate::ir::{Arch, Leaf, Opt, Spanned};
use crate::xml_io::Fields;

/// The architecture that the definition asks for. Where the emulator cannot run it, that is the error, not what virtc
/// supports.
pub(super) fn lower(domain: &Fields<'_, '_>, kind: &Fields<'_, '_>) -> Opt<Arch> {
    let named: Spanned<String> = kind.attr("arch")?;
    let arch = Arch::read(&named);
    let emulator = domain.element().child("devices").and_then(|d| d.child("emulator"));
    let emulator = emulator.map(|e| e.text().trim().to_owned()).unwrap_or_default();
    let known = ["x86_64", "i386", "aarch64", "arm"];
    if let Some(own) = of_binary(&emulator).filter(|own| known.contains(own))
        && !arch.is_some_and(|arch| arch.runs_on(own))
    {
        let message = format!("the emulator `qemu-system-{own}` does not support architecture `{}`", named.value);
        kind.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, named.origin, message));
        return None;
    }
    let Some(arch) = arch else {
        let message = format!("architecture `{}` is not supported yet", named.value);
        let help = format!("virtc supports {}", Arch::words().join(", "));
        kind.report(Diagnostic::at(&codes::NOT_YET_SUPPORTED, named.origin, message).help(help));
        return None;
    };
    Some(Spanned { value: arch, origin: named.origin })
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

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
            let fault = format!("the emulator `qemu-system-{emulator}` does not support architecture `{arch}`");
            assert_eq!(faults(arch, machine, emulator), [fault]);
        }
    }

    #[test]
    fn what_does_not_work_yet_is_said_once() {
        for arch in ["s390x", "ppc64", "ppc64le", "riscv64", "loongarch64"] {
            let fault = format!("architecture `{arch}` is not supported yet");
            assert_eq!(faults(arch, "virt", arch), [fault]);
        }
    }
}
