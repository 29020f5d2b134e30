//! An installed libvirt, asked what it makes of definitions.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use roxmltree::Document;
use virtc_tests::libvirt::normal::child;

/// Every definition gets this uuid while libvirt holds it, with the number of this process after it: others may ask
/// too.
const UUID: &str = "c7a5fdbd-edaf-9455-926a";
/// Stands between the answers, in words that virsh prints otherwise than it was given them: it may repeat its input. No
/// definition contains it.
const MARK: (&str, &str) = ("'<=next=>'", "&lt;=next=&gt;");
/// What `virsh` says when the daemon has ended.
pub const NO_ANSWER: &str = "Failed to reconnect to the hypervisor";
/// How many definitions one `virsh` is asked about.
const AT_ONCE: usize = 250;
/// How long the daemon may take to start.
const START: Duration = Duration::from_secs(20);

/// What is asked about a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// How it is stored.
    Xml,
    /// How QEMU is started for it; without its network cards, of which libvirt makes others for this question.
    Argv,
}

fn uuid() -> String {
    format!("{UUID}-{:012x}", std::process::id())
}

/// What libvirt says of a definition.
pub enum Answer {
    /// The definition as it stored it, or the command line.
    Stored(String),
    /// Why it refused it.
    Refused(String),
}

/// A libvirt daemon; it ends with this value where it was started here.
pub struct Libvirt {
    daemon: Option<Child>,
}

/// `virsh`, connected to the daemon of the system.
pub fn virsh() -> Command {
    let mut command = Command::new("virsh");
    command.args(["--quiet", "--connect", "qemu:///system"]).env("LC_ALL", "C.UTF-8");
    command
}

fn answers() -> bool {
    virsh().arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

impl Libvirt {
    /// The daemon of this machine; one is started where none runs.
    ///
    /// # Errors
    /// When it does not start.
    pub fn find() -> Result<Self, Box<dyn std::error::Error>> {
        if answers() {
            return Ok(Self { daemon: None });
        }
        let mut command = Command::new("libvirtd");
        let daemon = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let daemon = daemon.map_err(|error| format!("libvirtd: {error}"))?;
        let found = Self { daemon: Some(daemon) };
        let until = Instant::now() + START;
        while !answers() {
            if Instant::now() > until {
                return Err(format!("libvirtd does not answer after {} s", START.as_secs()).into());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(found)
    }

    /// What libvirt makes of each file.
    ///
    /// # Errors
    /// When `virsh` cannot be run.
    pub fn ask(&self, what: What, files: &[PathBuf]) -> Result<Vec<Answer>, Box<dyn std::error::Error>> {
        let uuid = uuid();
        let question = |file: &PathBuf| match what {
            What::Xml => stored(&file.display().to_string(), &uuid),
            What::Argv => native(&file.display().to_string()),
        };
        self.ask_each(&files.iter().map(question).collect::<Vec<_>>())
    }

    /// What libvirt answers to each question, which is one command of `virsh` or several.
    ///
    /// # Errors
    /// When `virsh` cannot be run.
    #[expect(clippy::unused_self, reason = "there is nobody to ask without a daemon")]
    pub fn ask_each(&self, questions: &[String]) -> Result<Vec<Answer>, Box<dyn std::error::Error>> {
        // A definition at which the daemon ends takes the answers after it along.
        let mut answers = Vec::new();
        for questions in questions.chunks(AT_ONCE) {
            answers.extend(Self::ask_at_once(questions)?);
        }
        Ok(answers)
    }

    fn ask_at_once(questions: &[String]) -> Result<Vec<Answer>, Box<dyn std::error::Error>> {
        let mut script = String::new();
        for question in questions {
            let _ = writeln!(script, "{question}\necho --xml {0}\necho --err --xml {0}", MARK.0);
        }
        let mut child = virsh().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().ok_or("virsh has no standard input")?;
        let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
        let output = child.wait_with_output()?;
        writer.join().map_err(|_| "the questions were not asked")??;
        let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        let (said, faults) = (stdout.split(MARK.1), stderr.split(MARK.1));
        let mut answers: Vec<Answer> =
            said.zip(faults).take(questions.len()).map(|(said, fault)| answer(said, fault)).collect();
        // `virsh` may end with the daemon.
        answers.resize_with(questions.len(), || Answer::Refused(NO_ANSWER.to_owned()));
        Ok(answers)
    }
}

/// The question how a definition is stored; `name` is its name or uuid, under which nothing is left afterwards.
pub fn stored(file: &str, name: &str) -> String {
    format!("define --validate {file}\ndumpxml --inactive --security-info {name}\nundefine --nvram {name}")
}

/// The question how QEMU is started for a definition.
pub fn native(file: &str) -> String {
    format!("domxml-to-native qemu-argv --xml {file}")
}

fn answer(said: &str, fault: &str) -> Answer {
    if let Some(line) = said.lines().find(|line| line.contains("/qemu-system-") && line.contains(" -name ")) {
        // The prompt may follow without a line feed.
        return Answer::Stored(line.rsplit_once("virsh # ").map_or(line, |(line, _)| line).to_owned());
    }
    let start = said.find("\n<domain ").map(|at| at + 1).or_else(|| said.starts_with("<domain ").then_some(0));
    let end = said.rfind("\n</domain>").map(|at| at + "\n</domain>".len());
    if let Some(xml) = start.zip(end).and_then(|(start, end)| said.get(start..end)) {
        return Answer::Stored(xml.to_owned());
    }
    let lines = fault.lines().map(str::trim).filter(|line| !line.contains("Failed to define"));
    let mut lines = lines.map(|line| line.trim_start_matches("error:").trim()).filter(|line| !line.is_empty());
    // What follows the refusal is that there is nothing to print and to take back.
    Answer::Refused(lines.next().unwrap_or_default().to_owned())
}

impl Drop for Libvirt {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(daemon.id()).unwrap_or_default());
            // It ends by itself with this process's group otherwise: there is nobody to tell.
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
            let _ = daemon.wait();
        }
    }
}

/// A definition that this machine's libvirt can hold: with the uuid that all have, and without the path of an emulator.
/// `None` where it is not one that can be stored at all.
pub fn adapted(text: &str, what: What) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let root = document.root_element();
    let name = child(root, "name")?;
    let mut cuts: Vec<std::ops::Range<usize>> = child(root, "uuid").map(|node| node.range()).into_iter().collect();
    for device in child(root, "devices").into_iter().flat_map(|devices| devices.children()) {
        if device.has_tag_name("emulator") || (what == What::Argv && device.has_tag_name("interface")) {
            cuts.push(device.range());
        }
    }
    let at = name.range().end;
    let uuid = format!("<uuid>{}</uuid>", uuid());
    let mut edits: Vec<(std::ops::Range<usize>, String)> = cuts.into_iter().map(|cut| (cut, String::new())).collect();
    edits.push((at..at, uuid));
    // Nobody else's definition may have the name.
    if let Some(text) = name.last_child().filter(|text| what == What::Xml && text.is_text()) {
        edits.push((text.range().end..text.range().end, format!("-{:x}", std::process::id())));
    }
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut adapted = text.to_owned();
    for (range, new) in edits {
        adapted.replace_range(range, &new);
    }
    Some(adapted)
}

/// Writes `text` where libvirt can read it.
///
/// # Errors
/// When it cannot be written.
pub fn put(folder: &Path, number: usize, text: &str) -> std::io::Result<PathBuf> {
    let path = folder.join(format!("d{number:06}.xml"));
    std::fs::write(&path, text)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_made_fit() {
        let text = "<domain><name>a</name><uuid>1</uuid><devices><emulator>/x</emulator></devices></domain>";
        let name = format!("a-{:x}", std::process::id());
        let expected = format!("<domain><name>{name}</name><uuid>{}</uuid><devices></devices></domain>", uuid());
        assert_eq!(adapted(text, What::Xml), Some(expected));
        assert_eq!(adapted("<domain/>", What::Xml), None);
    }

    #[test]
    fn the_first_fault_is_the_reason() {
        let Answer::Refused(why) = answer("\n", "error: Failed to define domain from x\nerror: no\n\nerror: gone\n")
        else {
            panic!("it was refused");
        };
        assert_eq!(why, "no");
        assert!(matches!(answer("virsh # dumpxml\n<domain type='kvm'>\n</domain>\nvirsh # ", ""), Answer::Stored(_)));
    }
}
