//! A folder for one guest, the program that runs it, and what it could leave behind.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use virtc_tests::{guest, repository, tools};

/// How long anything may take.
const TIME: Duration = Duration::from_secs(60);

/// A network card that needs nothing of the host.
pub const CARD: &str = "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>";

pub struct Bed {
    root: TempDir,
    pub name: String,
    virtc: PathBuf,
    before: BTreeMap<String, String>,
}

/// What came of a run of the program.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Bed {
    /// A folder with the disk of the guest; none where no QEMU is here, which is said aloud.
    pub fn new(name: &str) -> Option<Self> {
        if tools::find("qemu-system-x86_64").is_none() {
            tools::skipped("no guest was run: no qemu-system-x86_64 here");
            return None;
        }
        let root = TempDir::new().unwrap();
        // QEMU may run as another user.
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let name = format!("virtc-test-{name}-{}", std::process::id());
        let virtc = repository::virtc().unwrap();
        let mut bed = Self { root, name, virtc, before: BTreeMap::new() };
        bed.boot(&guest::image());
        bed.before = bed.host();
        Some(bed)
    }

    /// The guest's disk gets this content.
    pub fn boot(&self, image: &[u8]) {
        fs::write(self.path("disk.img"), image).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// The folder of the guest's state.
    pub fn state(&self) -> PathBuf {
        self.path("state").join(&self.name)
    }

    /// A definition with these elements, and `devices` next to its disk. `PLACE` becomes this folder.
    pub fn define(&self, os: &str, devices: &str) -> PathBuf {
        let text = format!(
            "<domain type='qemu'><name>{}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type>{os}</os><features><acpi/></features>
            <devices><emulator>{}</emulator>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='PLACE/disk.img'/>
            <target dev='vda' bus='virtio'/></disk>{devices}<memballoon model='none'/></devices></domain>",
            self.name,
            tools::find("qemu-system-x86_64").unwrap().display(),
        );
        self.write("guest.xml", &text.replace("PLACE", self.root.path().to_str().unwrap()))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.virtc);
        command.args(args).arg("--state-dir").arg(self.path("state")).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn virtc(&self, args: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: status.code().unwrap_or(-1), out: text(&stdout), err: text(&stderr) }
    }

    /// As [`Bed::virtc`], for a run that goes well.
    #[track_caller]
    pub fn succeeds(&self, args: &[&str]) -> String {
        let ran = self.virtc(args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        ran.out
    }

    /// Whether its supervisor answers that it runs.
    pub fn is_running(&self) -> bool {
        self.virtc(&["status", &self.name]).out.contains(": running (process ")
    }

    /// Starts the guest in the background.
    pub fn run(&self, definition: &Path) -> Running<'_> {
        let log = fs::File::create(self.path("run.log")).unwrap();
        let child = self.command(&["run", definition.to_str().unwrap()]).stderr(log).spawn().unwrap();
        Running { bed: self, child }
    }

    /// All that the guest could leave behind.
    fn host(&self) -> BTreeMap<String, String> {
        let disk = fs::metadata(self.path("disk.img")).unwrap();
        BTreeMap::from([
            ("state".to_owned(), self.state().exists().to_string()),
            ("disk".to_owned(), format!("{}:{} {:o}", disk.uid(), disk.gid(), disk.mode())),
            ("cgroups".to_owned(), format!("{:?}", self.cgroups(Path::new("/sys/fs/cgroup"), 0))),
            ("processes".to_owned(), format!("{:?}", self.processes())),
        ])
    }

    fn cgroups(&self, dir: &Path, depth: usize) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
        let mut found = Vec::new();
        for path in entries.map(|entry| entry.path()).filter(|path| path.is_dir() && !path.is_symlink()) {
            if path.to_string_lossy().ends_with(&format!("virtc-{}", self.name)) {
                found.push(path.clone());
            }
            if depth < 12 {
                found.extend(self.cgroups(&path, depth + 1));
            }
        }
        found
    }

    /// QEMUs of this guest.
    pub fn processes(&self) -> Vec<u32> {
        let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
        let wanted = format!("guest={},", self.name);
        let is_it = |pid: &u32| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains(&wanted)
        };
        pids.filter(is_it).collect()
    }

    #[track_caller]
    pub fn is_as_before(&self) {
        assert_eq!(self.host(), self.before);
    }

    /// A socket at which the guest's serial port finds somebody, and the lines that it says there.
    pub fn listen(&self, name: &str) -> Receiver<String> {
        let listener = UnixListener::bind(self.path(name)).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o666)).unwrap();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let Ok((stream, _)) = listener.accept() else { return };
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if sender.send(line.trim_end().to_owned()).is_err() {
                    break;
                }
            }
        });
        receiver
    }
}

/// `virtc run`, which goes with the test.
pub struct Running<'b> {
    bed: &'b Bed,
    pub child: Child,
}

impl Running<'_> {
    /// Waits until something holds.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + TIME;
        while !holds() {
            let ended = self.child.try_wait().unwrap();
            let log = || fs::read_to_string(self.bed.path("run.log")).unwrap_or_default();
            assert!(ended.is_none() || holds(), "{what}: virtc ended ({ended:?}):\n{}", log());
            assert!(Instant::now() < end, "{what}: not in time\n{}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for a line.
    #[track_caller]
    pub fn line(&mut self, lines: &Receiver<String>, wanted: &str) {
        self.until(wanted, || lines.try_iter().any(|line| line == wanted));
    }

    /// Waits until the program has ended; the answer is its exit code.
    #[track_caller]
    pub fn ended(&mut self) -> i32 {
        let end = Instant::now() + TIME;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < end, "virtc has not ended");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // What a failed test leaves behind; after a good one there is nothing.
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
            self.bed.virtc(&["recover", "--kill", &self.bed.name]);
        }
    }
}
