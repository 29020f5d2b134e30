//! What the machine needs to have, and how it gets there.

use std::path::Path;
use std::process::Command;

use virtc_tests::tools;

use crate::{Outcome, apt, process};

/// How a need can be told to be met.
#[derive(Clone, Copy)]
pub enum Probe {
    /// A program along `PATH`.
    Program(&'static str),
    /// A file or directory.
    File(&'static str),
    /// A loadable module of QEMU.
    Module(&'static str),
}

/// Something that comes with a Debian package.
#[derive(Clone, Copy)]
pub struct Need {
    /// How to see whether it is there.
    pub probe: Probe,
    /// The package that brings it.
    pub package: &'static str,
    /// What is left out without it.
    pub why: &'static str,
}

pub const QEMU: Need =
    Need { probe: Probe::Program("qemu-system-x86_64"), package: "qemu-system-x86", why: "nothing is run in QEMU" };
pub const QEMU_ARM: Need = Need {
    probe: Probe::Program("qemu-system-aarch64"),
    package: "qemu-system-arm",
    why: "nothing is run in QEMU for aarch64",
};
pub const XMLLINT: Need =
    Need { probe: Probe::Program("xmllint"), package: "libxml2-utils", why: "no comparison with libxml2" };
pub const JING: Need = Need { probe: Probe::Program("jing"), package: "jing", why: "no comparison with jing" };
pub const TRANG: Need = Need { probe: Probe::Program("trang"), package: "trang", why: "no comparison with trang" };
pub const GRAMMAR: Need = Need {
    probe: Probe::File("/usr/share/libvirt/schemas/domain.rng"),
    package: "libvirt-common",
    why: "no comparison with libvirt's grammar",
};
pub const LIBVIRT: Need =
    Need { probe: Probe::Program("libvirtd"), package: "libvirt-daemon-system", why: "no comparison with libvirt" };
pub const DRIVER: Need = Need {
    probe: Probe::File("/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so"),
    package: "libvirt-daemon-driver-qemu",
    why: "no comparison with libvirt",
};
pub const VIRSH: Need =
    Need { probe: Probe::Program("virsh"), package: "libvirt-clients", why: "no comparison with libvirt" };
/// What QEMU's build splits off: without it, devices and protocols are missing.
pub const MODULES: [Need; 3] = [
    module("audio-spice.so", "qemu-system-modules-spice"),
    module("hw-display-virtio-gpu-gl.so", "qemu-system-modules-opengl"),
    module("block-rbd.so", "qemu-block-extra"),
];
pub const FIRMWARE: Need = Need {
    probe: Probe::File("/usr/share/qemu/firmware/50-edk2-x86_64-secure.json"),
    package: "ovmf",
    why: "no UEFI firmware",
};
pub const SWTPM: Need = Need { probe: Probe::Program("swtpm"), package: "swtpm", why: "no emulated TPM" };
pub const IMAGES: Need = Need { probe: Probe::Program("qemu-img"), package: "qemu-utils", why: "no images of disks" };
pub const BUSYBOX: Need =
    Need { probe: Probe::Program("busybox"), package: "busybox-static", why: "no guest with a kernel" };

const fn module(file: &'static str, package: &'static str) -> Need {
    Need { probe: Probe::Module(file), package, why: "fewer devices and protocols in QEMU" }
}

impl Need {
    fn is_met(&self) -> bool {
        match self.probe {
            Probe::Program(name) => tools::find(name).is_some(),
            Probe::File(path) => Path::new(path).exists(),
            Probe::Module(name) => Path::new("/usr/lib/x86_64-linux-gnu/qemu").join(name).exists(),
        }
    }
}

/// The first number in what QEMU says of its version: `QEMU emulator version 7.2.17 (…)`.
fn major(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).find_map(|digits| digits.parse().ok())
}

fn is_qemu10() -> bool {
    let output = Command::new("qemu-system-x86_64").arg("--version").output();
    output.is_ok_and(|output| major(&String::from_utf8_lossy(&output.stdout)).is_some_and(|major| major >= 10))
}

/// What may be done about needs that are not met.
#[derive(clap::Args)]
pub struct Options {
    /// Install nothing; say what is missing
    #[arg(long)]
    no_install: bool,
    /// Take QEMU from the distribution's backports
    #[arg(long, hide = true)]
    qemu10: bool,
}

/// The needs that are not met; with `newer`, a QEMU before version 10 does not meet its own.
fn missing(needs: &[Need], newer: bool) -> Vec<Need> {
    let old = |need: &Need| newer && need.package == QEMU.package && !is_qemu10();
    needs.iter().filter(|need| !need.is_met() || old(need)).copied().collect()
}

/// The command that installs the packages of `needs`.
fn apt_line(needs: &[Need]) -> String {
    let packages: Vec<_> = needs.iter().map(|need| need.package).collect();
    format!("apt-get install --yes --no-install-recommends {}", packages.join(" "))
}

fn install(needs: &[Need], options: &Options) -> Outcome {
    let mut target = Vec::new();
    if options.qemu10 {
        match apt::enable_backports(Path::new("/etc/apt")) {
            Ok(suite) => {
                println!("taking newer versions from {suite}");
                target = vec!["--target-release".to_owned(), suite];
            }
            Err(error) => println!("no backports ({error}): taking what the sources give"),
        }
    }
    let line = apt_line(needs);
    println!("installing what is missing: {line} {}", target.join(" "));
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    // One source that does not answer must not stop the others.
    if let Err(error) = process::quietly(apt().args(["update", "--quiet=2"])) {
        println!("going on although {error}");
    }
    process::quietly(apt().arg("--quiet=2").args(line.split(' ').skip(1)).args(target))
}

/// Installs what is missing if that is wanted and possible, and answers with what is missing after that.
///
/// Where it cannot install, it prints the one command that a person has to type.
pub fn ensure(needs: &[Need], options: &Options) -> Vec<Need> {
    let lacking = missing(needs, options.qemu10);
    if lacking.is_empty() {
        return lacking;
    }
    let root = std::fs::metadata("/proc/self").is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0);
    if options.no_install || !root || tools::find("apt-get").is_none() {
        for need in &lacking {
            println!("missing: {} ({})", need.package, need.why);
        }
        println!("to install on Debian and its kin: sudo {}", apt_line(&lacking));
        return lacking;
    }
    if let Err(error) = install(&lacking, options) {
        println!("could not install: {error}");
    }
    let lacking = missing(needs, options.qemu10);
    for need in &lacking {
        println!("still missing: {} ({})", need.package, need.why);
    }
    lacking
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_missing() {
        let absent = Need { probe: Probe::File("/no/such/file"), package: "nothing", why: "a test" };
        let present = Need { probe: Probe::File("/proc"), package: "procfs", why: "a test" };
        let found: Vec<_> = missing(&[absent, present], false).iter().map(|need| need.package).collect();
        assert_eq!(found, ["nothing"]);
        assert_eq!(apt_line(&[absent, QEMU]), "apt-get install --yes --no-install-recommends nothing qemu-system-x86");
    }

    #[test]
    fn the_version_of_qemu() {
        assert_eq!(major("QEMU emulator version 7.2.17 (Debian 1:7.2+dfsg-7+deb12u14)"), Some(7));
        assert_eq!(major("no number"), None);
    }

    #[test]
    fn without_leave_nothing_is_installed() {
        let absent = Need { probe: Probe::Program("no-such-program"), package: "nothing", why: "a test" };
        assert_eq!(ensure(&[absent], &Options { no_install: true, qemu10: false }).len(), 1);
    }
}
