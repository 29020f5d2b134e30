//! What a machine without the guest's host puts in the place of host resources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::image::{formats, image, kernel};
use super::options::{Argument, Opt};
use super::tpm::Tpm;

/// What cannot be replaced: the reason to leave a case out.
pub type LeftOut = String;

/// Objects that need hardware of the host's.
const OF_THE_HOST: [&str; 6] =
    ["sev-guest", "sev-snp-guest", "tdx-guest", "memory-backend-epc", "cryptodev-vhost-user", "cryptodev-backend-lkcf"];

/// Room for memory in KiB, 256 GiB.
const MAXMEM_KIB: u64 = 256 << 20;

/// Devices that talk to a process of their own, or to the host's kernel, before they exist.
const NEED_A_PEER: [&str; 10] = [
    "vhost-user-fs",
    "vhost-user-blk",
    "vhost-user-gpu",
    "vhost-user-vga",
    "vhost-user-scsi",
    "vhost-scsi",
    "vhost-vsock",
    "ivshmem-doorbell",
    "vhost-vdpa",
    "ccid-card-emulated",
];

/// Options and objects with replaced resources, in a directory of their own.
pub struct StandIns<'d> {
    dir: &'d Path,
    count: u32,
    has_spice: bool,
    /// Whether the guest's interrupts need x2APIC, which KVM has and TCG's models lack.
    x2apic: bool,
    /// Whether the machine is `virt`.
    virt: bool,
    /// The TPM of the guest; it lives as long as the try.
    tpm: Option<Tpm>,
    /// What was put in the place of devices of the host.
    pub devices: u32,
}

impl<'d> StandIns<'d> {
    /// Stand-ins below `dir`.
    pub fn new(dir: &'d Path, has_spice: bool) -> Self {
        Self { dir, count: 0, has_spice, x2apic: false, virt: false, tpm: None, devices: 0 }
    }

    /// Where the monitor will be.
    pub fn monitor(&self) -> PathBuf {
        self.dir.join("charmonitor.sock")
    }

    fn path(&mut self, what: &str) -> String {
        self.count += 1;
        self.dir.join(format!("{what}{}", self.count)).display().to_string()
    }

    fn file(&mut self, content: &[u8]) -> Result<String, LeftOut> {
        let path = self.path("file");
        std::fs::write(&path, content).map_err(|error| error.to_string())?;
        Ok(path)
    }

    /// The command line with everything of the host's replaced.
    ///
    /// # Errors
    /// Why it cannot be tried here.
    pub fn replace(&mut self, options: Vec<Opt>) -> Result<Vec<Opt>, LeftOut> {
        let formats = formats(&options);
        self.x2apic = options.iter().any(|option| match &option.argument {
            Argument::Json(device) => device.get("eim").is_some_and(|eim| eim == "on" || eim == true),
            Argument::None | Argument::Parts(_) => false,
        });
        let machine = options.iter().find(|option| option.name == "-machine").and_then(Opt::first);
        self.virt = machine.is_some_and(|machine| machine == "virt" || machine.starts_with("virt-"));
        let mut out = Vec::new();
        for mut option in options {
            let keep = match option.name.as_str() {
                "-accel" => {
                    option = Opt::new("-accel", Some("tcg"));
                    true
                }
                "-machine" => Self::machine(&mut option),
                "-cpu" => self.cpu(&mut option),
                "-m" => Self::memory(&mut option),
                "-object" => self.object(&mut option)?,
                "-blockdev" => self.blockdev(&mut option, &formats)?,
                "-netdev" => Self::netdev(&mut option),
                "-chardev" => self.chardev(&mut option)?,
                "-device" => self.device(&mut option)?,
                "-audiodev" => Self::audio(&mut option),
                "-vnc" => self.vnc(&mut option),
                "-display" => {
                    option = Opt::new("-display", Some("none"));
                    true
                }
                "-spice" if self.has_spice => self.spice(&mut option),
                "-spice" => return Err("SPICE is not installed".to_owned()),
                "-tpmdev" => {
                    let chardev = option.get("chardev").map(str::to_owned);
                    let (first, id) = (chardev.is_none(), option.get("id").unwrap_or_default().to_owned());
                    let chardev = chardev.unwrap_or_else(|| "chrtpm".to_owned());
                    if first {
                        let path = self.tpm()?;
                        out.push(Opt::new("-chardev", Some(&format!("socket,id={chardev},path={path}"))));
                    }
                    option = Opt::new("-tpmdev", Some(&format!("emulator,id={id},chardev={chardev}")));
                    true
                }
                "-drive" => {
                    let path = self.file(&vec![0; 4 << 20])?;
                    if let Some(parts) = option.parts() {
                        parts.retain(|(key, _)| !key.starts_with("file"));
                        parts.push(("file".to_owned(), path));
                    }
                    set(&mut option, "format", "raw");
                    true
                }
                // Without one of its own the machine makes its device tree.
                "-add-fd" | "-dtb" => false,
                "-overcommit" => {
                    option = Opt::new("-overcommit", Some("mem-lock=off"));
                    true
                }
                "-kernel" => self.whole(&mut option, &kernel())?,
                "-initrd" => self.whole(&mut option, &[0; 4096])?,
                "-bios" => self.whole(&mut option, &vec![0; 65536])?,
                "-fw_cfg" | "-smbios" | "-acpitable" => self.files(&mut option)?,
                "-boot" => {
                    option.parts().into_iter().for_each(|parts| parts.retain(|(key, _)| key != "splash"));
                    option.parts().is_none_or(|parts| !parts.is_empty())
                }
                "-fsdev" => {
                    let path = self.path("dir");
                    std::fs::create_dir(&path).map_err(|error| error.to_string())?;
                    set(&mut option, "path", &path);
                    true
                }
                _ => true,
            };
            if keep {
                out.push(option);
            }
        }
        Ok(out)
    }

    fn machine(option: &mut Opt) -> bool {
        let Some(parts) = option.parts() else { return true };
        parts.retain(|(key, _)| {
            !matches!(key.as_str(), "kernel_irqchip" | "kernel-irqchip" | "kvm-shadow-mem" | "accel")
        });
        true
    }

    fn cpu(&self, option: &mut Opt) -> bool {
        let Some(parts) = option.parts() else { return true };
        if let Some((_, model)) = parts.first_mut().filter(|(_, model)| model == "host") {
            "max".clone_into(model);
        }
        if self.x2apic {
            parts.push(("x2apic".to_owned(), "on".to_owned()));
        }
        true
    }

    /// TCG addresses 40 bits: room for memory that comes later is less than these.
    fn memory(option: &mut Opt) -> bool {
        let most = option.get("maxmem").and_then(|most| most.strip_suffix('k')?.parse::<u64>().ok());
        if most.is_some_and(|most| most > MAXMEM_KIB) {
            set(option, "maxmem", &format!("{MAXMEM_KIB}k"));
        }
        true
    }

    fn object(&mut self, option: &mut Opt) -> Result<bool, LeftOut> {
        let kind = option.get("qom-type").unwrap_or_default().to_owned();
        if OF_THE_HOST.contains(&kind.as_str()) {
            return Err(format!("`{kind}` needs hardware of the host's"));
        }
        let file = self.path("memory");
        let Some(object) = option.json() else { return Ok(true) };
        match kind.as_str() {
            "secret" => {
                object.retain(|key, _| matches!(key.as_str(), "qom-type" | "id"));
                object.insert("data".to_owned(), json!("c2VjcmV0"));
                object.insert("format".to_owned(), json!("base64"));
            }
            "tls-creds-x509" | "tls-creds-psk" | "input-linux" | "pr-manager-helper" | "tls-cipher-suites" => {
                return Ok(false);
            }
            kind if kind.starts_with("memory-backend-") => {
                let of_the_host = [
                    "hugetlb",
                    "hugetlbsize",
                    "host-nodes",
                    "policy",
                    "prealloc",
                    "prealloc-threads",
                    "prealloc-context",
                    "pmem",
                ];
                object.retain(|key, _| !of_the_host.contains(&key.as_str()));
                object.insert("reserve".to_owned(), json!(false));
                if object.contains_key("mem-path") {
                    object.insert("mem-path".to_owned(), json!(file));
                    object.remove("readonly");
                    object.remove("rom");
                    object.remove("align");
                }
                if kind == "memory-backend-shm" {
                    object.remove("reserve");
                }
            }
            "thread-context" => object.retain(|key, _| matches!(key.as_str(), "qom-type" | "id")),
            "rng-random" => {
                object.insert("filename".to_owned(), json!("/dev/urandom"));
            }
            _ => {}
        }
        Ok(true)
    }

    fn blockdev(&mut self, option: &mut Opt, formats: &BTreeMap<String, Map<String, Value>>) -> Result<bool, LeftOut> {
        let Some(node) = option.json() else { return Ok(true) };
        // A node above another one is kept as it is.
        if node.contains_key("file") || node.contains_key("throttle-group") {
            node.remove("header");
            return Ok(true);
        }
        let name = node.get("node-name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let above = formats.get(&name);
        let path = self.path("image");
        // A machine of Arm maps flash of one size.
        let mib = if self.virt && name.starts_with("libvirt-pflash") { 64 } else { 4 };
        image(Path::new(&path), above, mib)?;
        let kept = ["node-name", "read-only", "auto-read-only", "discard", "detect-zeroes", "cache"];
        node.retain(|key, _| kept.contains(&key.as_str()));
        node.insert("driver".to_owned(), json!("file"));
        node.insert("filename".to_owned(), json!(path));
        Ok(true)
    }

    fn netdev(option: &mut Opt) -> bool {
        let Some(object) = option.json() else { return true };
        if object.get("type").and_then(Value::as_str) == Some("user") {
            object.remove("hostfwd");
        } else {
            object.retain(|key, _| key == "id");
            object.insert("type".to_owned(), json!("user"));
        }
        true
    }

    fn chardev(&mut self, option: &mut Opt) -> Result<bool, LeftOut> {
        let (kind, id) =
            (option.first().unwrap_or_default().to_owned(), option.get("id").unwrap_or_default().to_owned());
        let kept: Vec<(String, String)> = option
            .parts()
            .map(|parts| {
                let is_kept = |key: &str| {
                    matches!(
                        key,
                        "id" | "logfile" | "logappend" | "mux" | "telnet" | "name" | "debug" | "clipboard" | "mouse"
                    )
                };
                parts.iter().filter(|(key, _)| is_kept(key)).cloned().collect()
            })
            .unwrap_or_default();
        let log = self.path("log");
        let with = |first: &str, more: &[(&str, &str)]| {
            let mut parts = vec![(String::new(), first.to_owned())];
            parts.extend(kept.iter().cloned().map(|(k, v)| if k == "logfile" { (k, log.clone()) } else { (k, v) }));
            parts.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
            Argument::Parts(parts)
        };
        option.argument = match kind.as_str() {
            "socket" if id.starts_with("chrtpm") => {
                let path = self.tpm()?;
                with("socket", &[("path", &path)])
            }
            "socket" => {
                let path = if id == "charmonitor" { self.monitor().display().to_string() } else { self.path("socket") };
                with("socket", &[("path", &path), ("server", "on"), ("wait", "off")])
            }
            "spicevmc" | "spiceport" if self.has_spice => return Ok(true),
            "spicevmc" | "spiceport" => return Err("SPICE is not installed".to_owned()),
            "dbus" => return Err("the D-Bus display is not installed".to_owned()),
            "file" => {
                let path = self.path("file");
                with("file", &[("path", &path)])
            }
            "pty" => with("pty", &[]),
            "udp" | "pipe" | "tty" | "serial" | "parport" | "parallel" | "stdio" => with("null", &[]),
            _ => return Ok(true),
        };
        Ok(true)
    }

    fn device(&mut self, option: &mut Opt) -> Result<bool, LeftOut> {
        let driver = option.get("driver").unwrap_or_default().to_owned();
        let is_peer =
            |name: &str| driver.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        if NEED_A_PEER.iter().any(|name| is_peer(name)) {
            return Err(format!("`{driver}` needs a process or kernel driver of the host's"));
        }
        let rom = self.file(&[0; 512])?;
        let Some(device) = option.json() else { return Ok(true) };
        if device.get("romfile").and_then(Value::as_str).is_some_and(|file| !file.is_empty()) {
            device.insert("romfile".to_owned(), json!(rom));
        }
        let place = ["id", "bus", "addr", "multifunction", "bootindex", "port"];
        let mut put = |name: &str, device: &mut Map<String, Value>, more: &[&str]| {
            device.retain(|key, _| place.contains(&key.as_str()) || more.contains(&key.as_str()));
            device.insert("driver".to_owned(), json!(name));
            self.devices += 1;
        };
        match driver.as_str() {
            "vfio-pci" | "vfio-pci-nohotplug" => {
                put("pci-testdev", device, &[]);
                device.remove("bootindex");
            }
            "usb-host" => {
                put("usb-tablet", device, &[]);
                device.remove("bootindex");
            }
            "scsi-generic" | "scsi-block" => put("scsi-hd", device, &["drive", "channel", "scsi-id", "lun"]),
            // Only a display with a GPU of the host's takes these.
            "virtio-gpu-gl-pci" | "virtio-vga-gl" => {
                device.insert("driver".to_owned(), json!(driver.replace("-gl", "")));
                self.devices += 1;
            }
            "virtio-input-host-pci" => put("virtio-tablet-pci", device, &[]),
            // Only a peer of its own takes longer queues than this.
            "virtio-net-pci" if device.get("tx_queue_size").and_then(Value::as_u64) > Some(256) => {
                device.insert("tx_queue_size".to_owned(), json!(256));
            }
            _ => {}
        }
        Ok(true)
    }

    /// The socket of an emulated TPM.
    fn tpm(&mut self) -> Result<String, LeftOut> {
        let tpm = Tpm::start(self.dir)?;
        let path = tpm.socket.display().to_string();
        self.tpm = Some(tpm);
        Ok(path)
    }

    fn audio(option: &mut Opt) -> bool {
        if let Some(object) = option.json() {
            object.retain(|key, _| key == "id");
            object.insert("driver".to_owned(), json!("none"));
        }
        true
    }

    fn vnc(&mut self, option: &mut Opt) -> bool {
        let path = self.path("vnc");
        let Some(parts) = option.parts() else { return true };
        parts.retain(|(key, _)| !matches!(key.as_str(), "tls-creds" | "websocket"));
        if let Some((key, first)) = parts.first_mut() {
            (*key, *first) = ("vnc".to_owned(), format!("unix:{path}"));
        }
        true
    }

    fn spice(&mut self, option: &mut Opt) -> bool {
        let path = self.path("spice");
        let Some(parts) = option.parts() else { return true };
        let of_the_host = [
            "port",
            "tls-port",
            "addr",
            "x509-dir",
            "tls-channel",
            "sasl",
            "gl",
            "rendernode",
            "unix",
            "disable-ticketing",
        ];
        parts.retain(|(key, _)| !of_the_host.contains(&key.as_str()) && !key.starts_with("x509"));
        for (key, value) in [("unix", "on"), ("addr", path.as_str()), ("disable-ticketing", "on")] {
            parts.push((key.to_owned(), value.to_owned()));
        }
        true
    }

    /// The whole argument is a file.
    fn whole(&mut self, option: &mut Opt, content: &[u8]) -> Result<bool, LeftOut> {
        option.argument = Argument::Parts(vec![(String::new(), self.file(content)?)]);
        Ok(true)
    }

    /// `file=` is a file: an ACPI table, a table of SMBIOS, a blob.
    fn files(&mut self, option: &mut Opt) -> Result<bool, LeftOut> {
        if option.get("file").is_some() {
            let mut table = vec![0u8; 64];
            table.splice(4..8, 64u32.to_le_bytes());
            let path = self.file(&table)?;
            set(option, "file", &path);
        }
        Ok(true)
    }
}

fn set(option: &mut Opt, key: &str, value: &str) {
    if let Some(part) = option.parts().and_then(|parts| parts.iter_mut().find(|(k, _)| k == key)) {
        value.clone_into(&mut part.1);
    }
}
