//! Devices of the kinds that need nothing of the host come, change and go.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use virtc_tests::{guest, tools};

use crate::bed::{Bed, Running};

/// A guest of the older machine type, whose PCI bus takes devices, with a place for everything.
const DEFINITION: &str = "<domain type='qemu'><name>NAME</name><maxMemory slots='4' unit='MiB'>1024</maxMemory>
    <memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
    <cpu><numa><cell id='0' cpus='0' memory='64' unit='MiB'/></numa></cpu>
    <devices><emulator>QEMU</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='PLACE/disk.img'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>
    <controller type='usb' model='qemu-xhci'/><controller type='scsi' index='0' model='virtio-scsi'/>
    <controller type='virtio-serial'/>
    <interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>
    <serial type='unix'><source mode='connect' path='PLACE/serial'/><target port='0'/></serial>
    <graphics type='vnc' passwd='one'><listen type='socket'/></graphics>
    <memballoon model='none'/></devices></domain>";

/// A guest that has said hello, and a way to give it devices.
struct Plugged<'b> {
    bed: &'b Bed,
    running: Running<'b>,
    lines: Receiver<String>,
}

impl<'b> Plugged<'b> {
    fn new(bed: &'b Bed) -> Self {
        let qemu = tools::find("qemu-system-x86_64").unwrap();
        let text = DEFINITION.replace("NAME", &bed.name).replace("QEMU", qemu.to_str().unwrap());
        let definition =
            bed.write("guest.xml", &text.replace("PLACE", bed.path("").to_str().unwrap().trim_end_matches('/')));
        let lines = bed.listen("serial");
        let mut running = bed.run(&definition);
        running.line(&lines, guest::HELLO);
        running.until("it can be asked", || bed.is_running());
        Self { bed, running, lines }
    }

    fn file(&self, device: &str) -> PathBuf {
        self.bed
            .write("device.xml", &device.replace("PLACE", self.bed.path("").to_str().unwrap().trim_end_matches('/')))
    }

    #[track_caller]
    fn does(&self, action: &str, device: &str, alias: &str) {
        let done = self.bed.succeeds(&[action, &self.bed.name, self.file(device).to_str().unwrap()]);
        assert_eq!(done, format!("{alias}\n"), "{action} {device}");
    }

    /// The device comes and goes; `on_pci` where the guest has to let go of it.
    #[track_caller]
    fn comes_and_goes(&mut self, device: &str, alias: &str, on_pci: bool) {
        self.does("attach", device, alias);
        self.goes(device, alias, on_pci);
    }

    #[track_caller]
    fn goes(&mut self, device: &str, alias: &str, on_pci: bool) {
        self.does("detach", device, alias);
        if on_pci {
            self.running.line(&self.lines, guest::RELEASED);
        }
    }

    #[track_caller]
    fn is_refused(&self, action: &str, device: &str, code: i32, says: &str) {
        let ran = self.bed.virtc(&[action, &self.bed.name, self.file(device).to_str().unwrap()]);
        assert_eq!(ran.code, code, "{action} {device}: {}", ran.err);
        assert!(ran.err.contains(says), "{action} {device}: {}", ran.err);
    }

    fn ends(mut self) {
        self.bed.succeeds(&["stop", "--force", &self.bed.name]);
        assert_eq!(self.running.ended(), 0);
        self.bed.is_as_before();
    }
}

fn disk(target: &str, bus: &str, more: &str) -> String {
    format!(
        "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='PLACE/more.img'/>
        <target dev='{target}' bus='{bus}'/>{more}</disk>"
    )
}

#[test]
fn devices_of_many_kinds_come_and_go() {
    let Some(bed) = Bed::new("kinds") else { return };
    bed.write("more.img", &"\0".repeat(1 << 20));
    let mut guest = Plugged::new(&bed);
    guest.comes_and_goes(&disk("sda", "scsi", "<serial>abc</serial>"), "scsi0-0-0-0", false);
    guest.comes_and_goes(&disk("sdb", "usb", ""), "usb-disk1", false);
    guest.comes_and_goes(&disk("vdb", "virtio", ""), "virtio-disk1", true);
    // A disk brings the controller that it needs, which stays.
    guest.comes_and_goes(&disk("sdh", "scsi", ""), "scsi1-0-0-0", false);
    guest.goes("<controller type='scsi' index='1'/>", "scsi1", true);
    guest.comes_and_goes("<controller type='scsi' index='4' model='virtio-scsi'/>", "scsi4", true);
    guest.comes_and_goes("<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>", "rng0", true);
    guest.comes_and_goes("<rng model='virtio'><backend model='builtin'/></rng>", "rng0", true);
    guest.comes_and_goes("<watchdog model='i6300esb' action='poweroff'/>", "watchdog0", true);
    guest.comes_and_goes("<input type='tablet' bus='usb'/>", "input2", false);
    guest.comes_and_goes("<input type='keyboard' bus='virtio'/>", "input2", true);
    let channel = |kind: &str, inner: &str| {
        format!("<channel type='{kind}'>{inner}<target type='virtio' name='org.example.{kind}'/></channel>")
    };
    let listening = channel("unix", "<source mode='bind' path='PLACE/channel.sock'/><log file='PLACE/channel.log'/>");
    guest.does("attach", &listening, "channel0");
    assert!(bed.path("channel.sock").exists());
    guest.does("attach", &channel("file", "<source path='PLACE/channel.txt'/>"), "channel1");
    guest.does("attach", &channel("pty", ""), "channel2");
    guest.goes(&listening, "channel0", false);
    assert!(!bed.path("channel.sock").exists());
    // The number of its set is one that no other has.
    guest.does("attach", &channel("null", "<log file='PLACE/null.log'/>"), "channel3");
    guest.goes(&channel("file", "<source path='PLACE/channel.txt'/>"), "channel1", false);
    guest.ends();
}

#[test]
fn memory_comes_and_changes() {
    let Some(bed) = Bed::new("memory") else { return };
    let mut guest = Plugged::new(&bed);
    let dimm = "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>";
    guest.does("attach", dimm, "dimm0");
    guest.does("attach", dimm, "dimm1");
    let virtio = |requested: u32| {
        format!(
            "<memory model='virtio-mem'><target><size unit='MiB'>128</size><node>0</node><block unit='MiB'>2</block>
            <requested unit='MiB'>{requested}</requested></target></memory>"
        )
    };
    guest.does("attach", &virtio(64), "virtiomem0");
    guest.does("update", &virtio(32), "virtiomem0");
    let other = virtio(32).replace("'>2<", "'>4<");
    guest.is_refused("update", &other, 1, "`target/block` of this `<memory>` cannot be changed while the guest runs");
    guest.does("update", &virtio(0), "virtiomem0");
    guest.goes(&virtio(0), "virtiomem0", true);
    guest.ends();
}

#[test]
fn what_is_there_changes() {
    let Some(bed) = Bed::new("update") else { return };
    for name in ["one.iso", "two.iso"] {
        bed.write(name, &"\0".repeat(1 << 16));
    }
    let guest = Plugged::new(&bed);
    let medium = |source: &str| {
        format!("<disk type='file' device='cdrom'>{source}<target dev='hdc' bus='ide'/><readonly/></disk>")
    };
    guest.does("update", &medium("<source file='PLACE/one.iso'/>"), "ide0-1-0");
    guest.does("attach", &medium("<source file='PLACE/two.iso'/>"), "ide0-1-0");
    // A medium that cannot be opened leaves the one that is there.
    guest.is_refused("update", &medium("<source file='PLACE/none.iso'/>"), 3, "none.iso");
    guest.does("update", &medium("<source file='PLACE/one.iso'/>"), "ide0-1-0");
    guest.does("update", &medium(""), "ide0-1-0");
    guest.does("update", &medium("<source file='PLACE/two.iso'/>"), "ide0-1-0");
    let interface = |link: &str| {
        format!("<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/>{link}</interface>")
    };
    guest.does("update", &interface("<link state='down'/>"), "net0");
    guest.does("update", &interface(""), "net0");
    let model = interface("").replace("'virtio'", "'e1000'");
    guest.is_refused("update", &model, 1, "`model/@type` of this `<interface>` cannot be changed while the guest runs");
    let vnc = "<graphics type='vnc' passwd='two' passwdValidTo='2011-05-31T16:11:22'/>";
    guest.does("update", vnc, "graphics0");
    guest.is_refused("update", "<video><model type='vga'/></video>", 1, "a `<video>` cannot be changed");
    guest.ends();
}

#[test]
fn what_fails_is_taken_back() {
    let Some(bed) = Bed::new("refused") else { return };
    bed.write("more.img", &"\0".repeat(1 << 20));
    let mut guest = Plugged::new(&bed);
    // QEMU refuses the front end, and its node goes again.
    let bad = "<blockio logical_block_size='4096' physical_block_size='512'/>";
    for _ in 0..2 {
        guest.is_refused("attach", &disk("vdb", "virtio", bad), 3, "logical_block_size");
    }
    guest.comes_and_goes(&disk("vdb", "virtio", ""), "virtio-disk1", true);
    guest.is_refused("attach", &disk("vda", "virtio", ""), 1, "two disks have the target `vda`");
    guest.is_refused("attach", &disk("hdd", "ide", ""), 1, "a disk on the bus `ide` cannot be added");
    guest.is_refused("detach", "<controller type='scsi' index='9'/>", 1, "the domain has no such `<controller>`");
    guest.is_refused("attach", "<sound model='ich6'/>", 1, "a `<sound>` cannot be added to a running guest");
    guest.does("attach", &disk("sda", "scsi", ""), "scsi0-0-0-0");
    guest.is_refused("detach", "<controller type='scsi' index='0'/>", 1, "is in use by `scsi0-0-0-0`");
    guest.goes(&disk("sda", "scsi", ""), "scsi0-0-0-0", false);
    // QEMU takes one port of a name; the socket that it has got by then goes with its character device.
    let channel = |name: &str, log: &str| {
        format!(
            "<channel type='unix'><source mode='bind' path='PLACE/{name}.sock'/><log file='PLACE/{log}'/>
            <target type='virtio' name='org.example'/></channel>"
        )
    };
    guest.does("attach", &channel("one", "one.log"), "channel0");
    guest.is_refused("attach", &channel("two", "two.log"), 3, "org.example");
    assert!(bed.path("one.sock").exists() && !bed.path("two.sock").exists());
    guest.goes(&channel("one", "one.log"), "channel0", false);
    guest.comes_and_goes(&channel("two", "two.log"), "channel0", false);
    assert!(fs::metadata(bed.path("more.img")).is_ok());
    guest.ends();
}
