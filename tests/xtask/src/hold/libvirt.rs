//! An installed libvirt, asked what it makes of definitions.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use roxmltree::{Document, Node};

/// Every definition gets this uuid while libvirt holds it, with the number of this process behind it: others may ask too.
const UUID: &str = "c7a5fdbd-edaf-9455-926a";
/// Stands between the answers, in words that virsh prints otherwise than it was given them: it may repeat its input. No
/// definition contains it.
const MARK: (&str, &str) = ("'<=next=>'", "&lt;=next=&gt;");
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
    /// When `virsh` cannot be run, or its answers do not match the questions.
    #[expect(clippy::unused_self, reason = "there is nobody to ask without a daemon")]
    pub fn ask(&self, what: What, files: &[PathBuf]) -> Result<Vec<Answer>, Box<dyn std::error::Error>> {
        // A definition at which the daemon ends takes the answers behind it along.
        let mut answers = Vec::new();
        for files in files.chunks(AT_ONCE) {
            answers.extend(Self::ask_at_once(what, files)?);
        }
        Ok(answers)
    }

    fn ask_at_once(what: What, files: &[PathBuf]) -> Result<Vec<Answer>, Box<dyn std::error::Error>> {
        let (mut script, uuid) = (String::new(), uuid());
        for file in files {
            let file = file.display();
            let _ = match what {
                What::Xml => {
                    writeln!(script, "define {file}\ndumpxml --inactive {uuid}\nundefine --nvram {uuid}")
                }
                What::Argv => writeln!(script, "domxml-to-native qemu-argv --xml {file}"),
            };
            let _ = writeln!(script, "echo --xml {0}\necho --err --xml {0}", MARK.0);
        }
        let mut child = virsh().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().ok_or("virsh has no standard input")?;
        let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
        let output = child.wait_with_output()?;
        writer.join().map_err(|_| "the questions were not asked")??;
        let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        let (said, faults) = (stdout.split(MARK.1), stderr.split(MARK.1));
        let answers: Vec<Answer> =
            said.zip(faults).take(files.len()).map(|(said, fault)| answer(said, fault)).collect();
        if answers.len() == files.len() { Ok(answers) } else { Err("virsh did not answer every question".into()) }
    }
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

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// The machine type in a definition.
fn machine(root: Node<'_, '_>) -> Option<String> {
    child(child(root, "os")?, "type")?.attribute("machine").map(str::to_owned)
}

/// What matters of a definition, a line for each element. A machine type that libvirt has made of an alias counts as `alias`;
/// addresses of network cards are drawn at random where there is none, and do not count.
pub fn lines(xml: &str, alias: Option<&str>) -> Result<Vec<String>, roxmltree::Error> {
    let document = Document::parse(xml)?;
    let mut lines = Vec::new();
    walk(document.root_element(), "", alias, &mut lines);
    Ok(lines)
}

/// Whether a definition is for the architecture of the machines that all this runs on.
pub fn is_native(xml: &str) -> bool {
    let Ok(document) = Document::parse(xml) else { return false };
    let kind = child(document.root_element(), "os").and_then(|os| child(os, "type"));
    kind.is_some_and(|kind| kind.attribute("arch").is_none_or(|arch| arch == std::env::consts::ARCH))
}

/// The machine type and the name in a text.
pub fn named(xml: &str) -> (Option<String>, String) {
    let Ok(document) = Document::parse(xml) else { return (None, String::new()) };
    let root = document.root_element();
    (machine(root), child(root, "name").and_then(|name| name.text()).unwrap_or_default().to_owned())
}

/// Attributes that are drawn at random where they are absent.
const DRAWN: &[&str] = &["instanceid", "interfaceid"];

/// What `virsh define` makes otherwise than libvirt does when it reads a definition: ports on USB buses are chosen, and the memory is
/// made the sum of that of the NUMA cells.
fn is_of_definition(node: Node<'_, '_>, path: &str) -> bool {
    let has_cells = || child(node.document().root_element(), "cpu").is_some_and(|cpu| child(cpu, "numa").is_some());
    (path.ends_with("/address") && node.attribute("type") == Some("usb"))
        || (matches!(path, "/domain/memory" | "/domain/currentMemory") && has_cells())
}

fn walk(node: Node<'_, '_>, above: &str, alias: Option<&str>, lines: &mut Vec<String>) {
    let path = format!("{above}/{}", node.tag_name().name());
    if path.ends_with("/interface/mac") || path == "/domain/devices/emulator" || is_of_definition(node, &path) {
        return;
    }
    let mut attributes: Vec<String> = node
        .attributes()
        .map(|a| match alias {
            Some(alias) if path == "/domain/os/type" && a.name() == "machine" => format!(" machine='{alias}'"),
            // Drawn at random where it is absent.
            _ if DRAWN.contains(&a.name()) => format!(" {}='#'", a.name()),
            _ => format!(" {}='{}'", a.name(), a.value()),
        })
        .collect();
    attributes.sort();
    let text: String = node.children().filter_map(|child| child.text().filter(|_| child.is_text())).collect();
    let text =
        if text.trim().is_empty() || path == "/domain/genid" { String::new() } else { format!(" {}", text.trim()) };
    lines.push(format!("{path}{}{text}", attributes.concat()));
    for child in node.children().filter(Node::is_element) {
        walk(child, &path, alias, lines);
    }
}

/// The words of a command line: behind the environment, without the binary and the key that nothing refers to, with what is only
/// a number made equal.
///
/// # Errors
/// When it is not quoted as a shell wants it.
pub fn words(line: &str, name: &str, alias: Option<&str>) -> Result<Vec<String>, shell_words::ParseError> {
    let all = shell_words::split(line)?;
    let mut words: Vec<String> = all.into_iter().skip_while(|word| !word.contains("/qemu-system-")).skip(1).collect();
    if let Some(at) = words.iter().position(|word| word.contains("masterKey0")) {
        words.drain(at.saturating_sub(1)..=at);
    }
    // A long name is cut to 20 characters.
    let short: String = name.chars().take(20).collect();
    let folders = [
        (format!("/var/lib/libvirt/qemu/domain--1-{short}"), "{state}"),
        (format!("/var/lib/libvirt/qemu/ram/-1-{short}"), "{state}/ram"),
        (format!("/run/libvirt/qemu/dbus/-1-{short}-dbus.sock"), "{state}/dbus.sock"),
    ];
    for word in &mut words {
        *word = folders.iter().fold(word.clone(), |word, (theirs, ours)| word.replace(theirs, ours));
    }
    let at = words.iter().position(|word| word == "-machine").map(|at| at + 1);
    let rest = at.and_then(|at| words.get(at)?.split_once(',').map(|(_, rest)| rest.to_owned()));
    if let (Some(alias), Some(at), Some(rest)) = (alias, at, rest) {
        words.splice(at..=at, [format!("{alias},{rest}")]);
    }
    Ok(words.iter().map(|word| same(word)).collect())
}

/// `word` with every descriptor made the same and JSON in one order.
pub fn same(word: &str) -> String {
    if let Ok(value @ serde_json::Value::Object(_)) = serde_json::from_str(word) {
        return ordered(value).to_string();
    }
    // For this question QEMU opens sockets and logs itself; otherwise it gets descriptors of them.
    let backend = word.contains("id=char");
    let parts =
        word.split(',').filter(|part| !(backend && (part.starts_with("append=") || part.starts_with("logappend="))));
    let parts = parts.map(|part| match part.split_once('=') {
        Some(("path" | "fd", _)) if backend => "path=#".to_owned(),
        Some(("logfile", _)) if backend => "logfile=#".to_owned(),
        Some((key @ ("fd" | "fds" | "vhostfd" | "vhostfds"), _)) => format!("{key}=#"),
        Some(_) | None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",")
}

fn ordered(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map
                .into_iter()
                .map(|(key, value)| {
                    let value = match &value {
                        _ if key.ends_with("fd") => "#".into(),
                        // Drawn at random where it is absent.
                        _ if key == "guid" => "#".into(),
                        // Whether a path is a drive for CDs is looked up on the host.
                        Value::String(text) if text == "host_cdrom" => "host_device".into(),
                        _ => ordered(value),
                    };
                    (key, value)
                })
                .collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(values) => values.into_iter().map(ordered).collect(),
        other => other,
    }
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
    fn the_machine_may_be_an_alias() {
        let stored = "<domain><os><type machine='pc-q35-10.0' arch='x86_64'>hvm</type></os></domain>";
        let own = "<domain>\n<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>";
        assert_eq!(named(own).0.as_deref(), Some("q35"));
        assert_eq!(lines(stored, Some("q35")).unwrap(), lines(own, None).unwrap());
        assert_ne!(lines(stored, None).unwrap(), lines(own, None).unwrap());
    }

    #[test]
    fn descriptors_and_the_order_of_keys_do_not_count() {
        let line = r#"A=b /usr/bin/qemu-system-x86_64 -S -object '{"id":"masterKey0"}' -machine pc-q35-10.0,usb=off
            -chardev socket,id=charx,path=/var/lib/libvirt/qemu/domain--1-a/b -netdev '{"type":"tap","fd":"24"}'"#;
        let own = ["-S", "-machine", "q35,usb=off", "-chardev", "socket,id=charx,fd={fd:x}", "-netdev"];
        let own: Vec<String> = own.into_iter().chain([r#"{"fd":"{fd:net0}","type":"tap"}"#]).map(same).collect();
        assert_eq!(words(line, "a", Some("q35")).unwrap(), own);
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
