//! Images and kernels that QEMU can open, in the place of the guest's.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value};

use super::options::{Argument, Opt};
use super::stand_in::LeftOut;

/// The node above each protocol node: what its image must be.
pub fn formats(options: &[Opt]) -> BTreeMap<String, Map<String, Value>> {
    let mut out = BTreeMap::new();
    for option in options.iter().filter(|option| option.name == "-blockdev") {
        let Argument::Json(node) = &option.argument else { continue };
        for key in ["file", "data-file"] {
            if let Some(below) = node.get(key).and_then(Value::as_str) {
                let node = if key == "file" { node.clone() } else { Map::new() };
                out.insert(below.to_owned(), node);
            }
        }
    }
    out
}

/// An image that the node above it can open.
///
/// # Errors
/// Why there is none.
pub fn image(path: &Path, above: Option<&Map<String, Value>>, mib: u64) -> Result<(), LeftOut> {
    let format = above.and_then(|node| node.get("driver")).and_then(Value::as_str).unwrap_or("raw");
    let mut command = Command::new("qemu-img");
    command.args(["create", "-q", "-f"]);
    let encrypt = above.and_then(|node| node.get("encrypt")).and_then(|e| e.get("format")).and_then(Value::as_str);
    match (format, encrypt) {
        ("qcow2", Some(kind)) => {
            command.args(["qcow2", "--object", "secret,id=s,data=secret"]);
            command.arg("-o").arg(format!("encrypt.format={kind},encrypt.key-secret=s"));
            if kind == "luks" {
                command.args(["-o", "encrypt.iter-time=10"]);
            }
        }
        ("qcow2", None) => {
            command.arg("qcow2");
            if above.is_some_and(|node| node.contains_key("data-file")) {
                command.arg("-o").arg(format!("data_file={}.data,data_file_raw=on", path.display()));
            }
        }
        ("luks", _) => {
            command.args(["luks", "--object", "secret,id=s,data=secret", "-o", "key-secret=s,iter-time=10"]);
        }
        ("raw" | "copy-on-read" | "throttle", _) => {
            let file = std::fs::File::create(path).map_err(|error| error.to_string())?;
            return file.set_len(mib << 20).map_err(|error| error.to_string());
        }
        (format, _) => {
            command.arg(format);
        }
    }
    let output = command.arg(path).arg(format!("{mib}M")).output().map_err(|error| format!("qemu-img: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("no image of format `{format}` can be made: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// The beginning of a kernel of boot protocol 2.12, as `Documentation/arch/x86/boot.rst` of Linux describes it.
pub fn kernel() -> Vec<u8> {
    let mut image = vec![0u8; 32768];
    let mut put = |at: usize, bytes: &[u8]| {
        image.splice(at..at + bytes.len(), bytes.iter().copied());
    };
    put(0x1f1, &[1]);
    put(0x1fe, &[0x55, 0xaa]);
    put(0x202, b"HdrS");
    put(0x206, &0x020c_u16.to_le_bytes());
    put(0x211, &[1]);
    put(0x22c, &0x7fff_ffff_u32.to_le_bytes());
    put(0x238, &0x7ff_u32.to_le_bytes());
    image
}
