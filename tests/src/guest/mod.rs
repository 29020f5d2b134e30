//! A guest without an operating system: one boot sector that can be talked to.
//!
//! It prints [`HELLO`] on COM1, answers each byte that it gets there (small letters as capitals), gives back every PCI
//! device that QEMU asks for through ACPI (i440fx and q35; [`RELEASED`]), and switches the machine off when the power
//! button is pressed ([`POWER_OFF`]). It knows nothing of PCI Express' own hotplug and of CPU and memory hotplug.
//! The source with its comments is `guest.S`.

mod code;

/// The line that the guest prints when it has started.
pub const HELLO: &str = "virtc guest: hello";

/// The line that the guest prints after it has given back the PCI devices of one bus.
pub const RELEASED: &str = "virtc guest: device released";

/// The line that the guest prints before it switches the machine off.
pub const POWER_OFF: &str = "virtc guest: power off";

const SECTOR: usize = 512;
const SIGNATURE: [u8; 2] = [0x55, 0xaa];

/// The size of the disk image in bytes.
pub const IMAGE_SIZE: usize = 1 << 20;

/// The boot sector.
fn boot_sector() -> Vec<u8> {
    let mut sector = code::CODE.to_vec();
    sector.resize(SECTOR - SIGNATURE.len(), 0);
    sector.extend(SIGNATURE);
    sector
}

/// A raw disk image that boots the guest, [`IMAGE_SIZE`] bytes long.
pub fn image() -> Vec<u8> {
    let mut image = boot_sector();
    image.resize(IMAGE_SIZE, 0);
    image
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::tools;

    #[test]
    fn the_image_can_be_booted() {
        let image = image();
        assert_eq!(image.len(), IMAGE_SIZE);
        assert_eq!(image[510..512], SIGNATURE);
        assert!(code::CODE.len() <= 510);
    }

    #[test]
    fn the_lines_are_those_of_the_code() {
        let text = String::from_utf8_lossy(code::CODE).into_owned();
        for line in [HELLO, RELEASED, POWER_OFF] {
            assert!(text.contains(&format!("{line}\n\0")), "{line}");
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_source() {
        let (Some(gas), Some(linker)) = (tools::find("as"), tools::find("ld")) else {
            return tools::skipped("the bytes of the guest were not compared with its source: no `as` and `ld` here");
        };
        if cfg!(not(target_arch = "x86_64")) {
            return tools::skipped("the bytes of the guest were not compared with its source: `as` is not one for x86");
        }
        let dir = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guest/guest.S");
        let run = |command: &mut Command| assert!(command.current_dir(&dir).status().unwrap().success());
        run(Command::new(gas).arg("--32").arg(source).args(["-o", "guest.o"]));
        run(Command::new(linker)
            .args("-m elf_i386 -Ttext 0x7c00 --oformat binary guest.o -o guest.bin".split_whitespace()));
        let assembled = std::fs::read(dir.path().join("guest.bin")).unwrap();
        assert_eq!(assembled, boot_sector(), "src/guest/code.rs is not what src/guest/guest.S gives");
    }
}
