//! Firmware descriptors, and the tables of the host's own firmware.

use std::collections::BTreeMap;
use std::path::Path;

use super::tree::{Problem, Tree};
use crate::{Firmware, Smbios};

/// The firmware that descriptors in `directories` name, the least important directory first; on a host these are
/// `/usr/share/qemu/firmware`, `/etc/qemu/firmware` and, for a user, `$XDG_CONFIG_HOME/qemu/firmware`. A directory that is not there is empty.
pub fn read_firmware(directories: &[&Path]) -> (Vec<Firmware>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for directory in directories {
        let tree = Tree::new(directory);
        let names = tree.names("").into_iter().filter(|name| is_descriptor(name));
        files.push(
            names.filter_map(|name| Some((tree.bytes(&name)?, name))).map(|(bytes, name)| (name, bytes)).collect(),
        );
        problems.extend(tree.into_problems());
    }
    let (found, unread) = Firmware::gather(files);
    // Where the same name is in several directories, the last one counted.
    let place = |name: &str| {
        let paths = directories.iter().rev().map(|directory| directory.join(name));
        paths.into_iter().find(|path| path.exists()).unwrap_or_default()
    };
    problems.extend(unread.into_iter().map(|(name, message)| Problem { path: place(&name), message }));
    (found, problems)
}

/// Whether a file of this name is a descriptor; hidden files are none.
fn is_descriptor(name: &str) -> bool {
    !name.starts_with('.') && Path::new(name).extension().is_some_and(|extension| extension == "json")
}

/// The host's SMBIOS tables; serial numbers can be read only by root, and are otherwise left out without a message.
pub(super) fn smbios(sys: &Tree) -> Option<Smbios> {
    const DIR: &str = "class/dmi/id";
    let known = sys.names(DIR);
    let table = |fields: &[(&str, &str)]| -> BTreeMap<String, String> {
        let read = |(name, file): &(&str, &str)| {
            let text = known.iter().any(|k| k == file).then(|| sys.readable_text(&format!("{DIR}/{file}")))??;
            (!text.is_empty()).then(|| ((*name).to_owned(), text))
        };
        fields.iter().filter_map(read).collect()
    };
    let board = table(&[
        ("manufacturer", "board_vendor"),
        ("product", "board_name"),
        ("version", "board_version"),
        ("serial", "board_serial"),
        ("asset", "board_asset_tag"),
    ]);
    (!known.is_empty()).then(|| Smbios {
        bios: table(&[
            ("vendor", "bios_vendor"),
            ("version", "bios_version"),
            ("date", "bios_date"),
            ("release", "bios_release"),
        ]),
        system: table(&[
            ("manufacturer", "sys_vendor"),
            ("product", "product_name"),
            ("version", "product_version"),
            ("serial", "product_serial"),
            ("uuid", "product_uuid"),
            ("sku", "product_sku"),
            ("family", "product_family"),
        ]),
        base_board: Some(board).filter(|b| !b.is_empty()).into_iter().collect(),
        chassis: table(&[
            ("manufacturer", "chassis_vendor"),
            ("version", "chassis_version"),
            ("serial", "chassis_serial"),
            ("asset", "chassis_asset_tag"),
        ]),
        oem_strings: Vec::new(),
    })
}
