//! The program, run in a folder of its own.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A definition against which there is nothing to say.
pub const GOOD: &str = "<domain type='kvm'>\n  <name>good</name>\n  <memory unit='MiB'>64</memory>\n  <vcpu>1</vcpu>\n  <os>\n    \
    <type arch='x86_64' machine='q35'>hvm</type>\n  </os>\n</domain>\n";

/// The start of a definition with devices.
const HEAD: &str = "<domain type='kvm'>\n  <name>bad</name>\n  <memory unit='MiB'>64</memory>\n  <vcpu>1</vcpu>\n  <os>\n    \
    <type arch='x86_64' machine='q35'>hvm</type>\n  </os>\n  <devices>\n";

/// A definition with `devices`, which begin on line 9.
pub fn with_devices(devices: &str) -> String {
    format!("{HEAD}{devices}  </devices>\n</domain>\n")
}

/// A device that a lint calls an error, on five lines.
pub const USB: &str = "    <interface type='hostdev'>\n      <source>\n        <address type='usb' bus='1' device='4'/>\n      </source>\n    \
    </interface>\n";

/// A comment that is a warning, with a safe fix.
pub const MISSPELT: &str = "<!-- virtc: allow(hostdev-net-ubs) -->\n";

/// A folder for files, in which the program runs.
pub struct Folder(TempDir);

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    /// The exit status.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Folder {
    /// An empty folder.
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A folder with one file.
    pub fn with(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = Self::new();
        folder.write(name, content);
        folder
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and the folders that it is in.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The text of a file.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program with these arguments, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_virtc"));
        command.args(args).current_dir(self.0.path()).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
        command
    }

    /// Runs the program with nothing on standard input.
    pub fn virtc(&self, args: &[&str]) -> Ran {
        self.virtc_with(args, "")
    }

    /// Runs the program with `input` on standard input.
    pub fn virtc_with(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = std::thread::spawn(move || {
            // A program that does not read its input has gone already.
            let _ = stdin.write_all(input.as_bytes());
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// The lines of standard output as JSON.
    pub fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// File, name, severity, line and column of the findings in JSON Lines.
    pub fn findings(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let keys = ["file", "line", "column", "severity", "name"];
        self.json().iter().map(|found| keys.map(|key| text(&found[key])).join(" ")).collect()
    }
}
