//! The places of one test, its plan, and the state of the host before and after.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use virtc_plan::{
    Action, Arg, Content, DevicePlan, DomainId, FORMAT, Limit, OpenMode, Part, Placeholder, Plan, QmpCommand,
    QmpScript, Quote, SocketPlace, Step, UserPolicy,
};

use super::{QEMU, config, planned};

/// A boot sector for the machine type `pc` that prints `up` on the serial port, and then forever ejects each PCI device that it is
/// asked for, through the registers of ACPI PCI hotplug at 0xae00 (QEMU's `docs/specs/acpi_pci_hotplug`):
///
/// ```text
/// for each c in "up\n": out 0x3f8, c
/// forever: for bus in 0..16: out 0xae10, bus; slots = in 0xae04; if slots != 0: out 0xae08, slots
/// ```
const GUEST: [u8; 59] = [
    0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0xbe, 0x37, 0x7c, 0xba, 0xf8, 0x03, 0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8,
    0x66, 0x31, 0xdb, 0xba, 0x10, 0xae, 0x66, 0x89, 0xd8, 0x66, 0xef, 0xba, 0x04, 0xae, 0x66, 0xed, 0x66, 0x85, 0xc0,
    0x74, 0x05, 0xba, 0x08, 0xae, 0x66, 0xef, 0x66, 0x43, 0x66, 0x83, 0xfb, 0x10, 0x72, 0xe1, 0xeb, 0xdc, 0x75, 0x70,
    0x0a, 0x00,
];

/// Places of one test, and the host as it was.
pub struct Bed {
    pub root: tempfile::TempDir,
    pub name: String,
    before: BTreeMap<String, String>,
}

impl Bed {
    pub fn new(name: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::set_permissions(root.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut image = GUEST.to_vec();
        image.resize(510, 0);
        image.extend([0x55, 0xaa]);
        image.resize(1_474_560, 0);
        std::fs::write(root.path().join("guest.img"), image).unwrap();
        let name = format!("{name}-{}", std::process::id());
        let mut bed = Self { root, name, before: BTreeMap::new() };
        bed.before = bed.host();
        bed
    }

    pub fn dir(&self) -> PathBuf {
        self.root.path().join("run").join("vm")
    }

    pub fn image(&self) -> PathBuf {
        self.root.path().join("guest.img")
    }

    pub fn group(&self, hierarchy: &str) -> PathBuf {
        let v2 = if Path::new("/sys/fs/cgroup/unified").exists() { "/sys/fs/cgroup/unified" } else { "/sys/fs/cgroup" };
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
        let (mount, path) = own
            .lines()
            .find_map(|line| match line.splitn(3, ':').collect::<Vec<_>>()[..] {
                ["0", _, path] if hierarchy == "v2" => Some((v2, path.to_owned())),
                [_, "devices", path] if hierarchy == "v1" => Some(("/sys/fs/cgroup/devices", path.to_owned())),
                _ => None,
            })
            .unwrap();
        Path::new(mount).join(path.trim_start_matches('/')).join(format!("virtc-{}", self.name))
    }

    /// Everything that a run of this VM could leave: state directory, control groups, interfaces, owners, processes.
    fn host(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        out.insert("dir".into(), self.dir().exists().to_string());
        for hierarchy in ["v1", "v2"] {
            out.insert(hierarchy.into(), self.group(hierarchy).exists().to_string());
        }
        out.insert("tap".into(), Path::new("/sys/class/net").join(self.tap()).exists().to_string());
        let meta = std::fs::metadata(self.image()).unwrap();
        let (uid, gid) = (std::os::unix::fs::MetadataExt::uid(&meta), std::os::unix::fs::MetadataExt::gid(&meta));
        out.insert("image".into(), format!("{uid}:{gid}"));
        out.insert("processes".into(), format!("{:?}", self.processes()));
        out
    }

    /// Processes with the VM's mark in their environment.
    pub fn processes(&self) -> Vec<u32> {
        let mark = format!("VIRTC_VM={}", self.dir().display());
        let pids = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
        let is_marked = |pid: &u32| {
            let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environ.split(|b| *b == 0).any(|one| one == mark.as_bytes())
        };
        pids.filter(is_marked).collect()
    }

    pub fn tap(&self) -> String {
        // Tests that run at the same time see each other's interfaces.
        format!("vt{}{}", std::process::id(), self.name.chars().next().unwrap())
    }

    #[track_caller]
    pub fn is_as_before(&self) {
        assert_eq!(self.host(), self.before);
    }

    pub fn plan(&self) -> Plan {
        let fd = |text: &str, name: &str, rest: &str| {
            let hole = Part::Placeholder { name: Placeholder::Fd(name.into()), quote: Quote::None };
            Arg::from(vec![Part::Text(text.into()), hole, Part::Text(rest.into())])
        };
        let state = |text: &str, rest: &str| {
            let hole = Part::Placeholder { name: Placeholder::State, quote: Quote::Comma };
            Arg::from(vec![Part::Text(text.into()), hole, Part::Text(rest.into())])
        };
        let mut argv: Vec<Arg> =
            [QEMU, "-S", "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none"].map(Arg::text).into();
        argv.extend(["-machine", "pc", "-accel", "tcg", "-m", "32", "-chardev"].map(Arg::text));
        argv.push(fd("socket,id=charmonitor,fd=", "monitor", ",server=on,wait=off"));
        argv.extend(["-mon", "chardev=charmonitor,id=monitor,mode=control", "-add-fd"].map(Arg::text));
        argv.push(fd("fd=", "boot", ",set=1"));
        argv.extend(["-drive", "if=floppy,format=raw,readonly=on,file=/dev/fdset/1", "-serial"].map(Arg::text));
        argv.push(state("file:", "/serial.log"));
        argv.extend(
            ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"].map(Arg::text),
        );
        let steps = vec![
            Step::StateDir { directories: vec![] },
            Step::Cgroup { rules: vec![] },
            Step::Open {
                fd: "boot".into(),
                path: self.image().display().to_string(),
                mode: OpenMode::Read,
                create: false,
                content: Content::Keep,
            },
            Step::Listen { fd: "monitor".into(), at: SocketPlace::Private("monitor.sock".into()) },
            Step::Spawn {
                argv,
                env: vec![("LC_ALL".into(), "C".into())],
                fds: vec!["monitor".into(), "boot".into()],
                user: UserPolicy::Qemu,
                memlock: Some(Limit::Bytes(4 << 20)),
            },
            Step::Cont {},
        ];
        Plan {
            format: FORMAT,
            producer: "test".into(),
            digest: "test".into(),
            domain: DomainId { name: self.name.clone(), uuid: "00000000-0000-0000-0000-000000000000".into() },
            steps: steps.into_iter().map(planned).collect(),
        }
    }

    /// The plan with another program in the place of QEMU: a shell script.
    pub fn scripted(&self, body: &str) -> Plan {
        let path = self.root.path().join("qemu.sh");
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        self.with_program(&path)
    }

    pub fn with_program(&self, path: &Path) -> Plan {
        let mut plan = self.plan();
        for planned in &mut plan.steps {
            if let Step::Spawn { argv, .. } = &mut planned.step {
                *argv.first_mut().unwrap() = Arg::text(path.display().to_string());
            }
        }
        plan
    }

    pub fn device(&self, action: Action, device: &str, steps: Vec<Step>, commands: Vec<QmpCommand>) -> DevicePlan {
        let Plan { format, producer, digest, domain, .. } = self.plan();
        let steps = steps.into_iter().map(planned).collect();
        DevicePlan {
            format,
            producer,
            digest,
            domain,
            device: device.into(),
            action,
            steps,
            script: QmpScript { commands },
        }
    }
}

/// Reverts what a failed test has left.
impl Drop for Bed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = virtc_runtime::recover(&self.dir(), true, &config(), &mut |_| {});
        }
    }
}
