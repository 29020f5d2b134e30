//! Every command that a device which comes, changes or goes is made of is checked against QEMU's description of its commands: each device of testdata,
//! and of the conformance corpus where `VIRTC_CORPUS` names it, is plugged into one guest, changed into itself, and taken away.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value as Json};
use virtc_compiler::codes::UNKNOWN_TO_QEMU;
use virtc_compiler::emit::hotplug;
use virtc_compiler::passes::{Change, Driver, Root};
use virtc_compiler::qemu::{Props, Value};
use virtc_compiler::target::Capabilities;
use virtc_compiler::{Changed, Facts, MissingDevice, Passes, Running, Target};
use virtc_diag::{Outcome, SourceFile};
use virtc_inventory::HostFile;
use virtc_plan::{QmpCall, QmpScript};
use virtc_rng::Validated;
use virtc_xml::Document;

use crate::compiler::{corpus, files, host, recorded_caps, root};

/// A guest with room on every bus.
const GUEST: &str = "<domain type='kvm'><name>room</name><memory unit='GiB'>1</memory>\
    <maxMemory slots='8' unit='GiB'>64</maxMemory><os><type arch='x86_64' machine='MACHINE'>hvm</type></os>\
    <features><acpi/></features><cpu><numa><cell id='0' cpus='0' memory='1' unit='GiB'/></numa></cpu><devices>\
    <controller type='usb' model='qemu-xhci' ports='15'/><controller type='scsi' model='virtio-scsi'/>\
    <controller type='virtio-serial'/><controller type='ccid'/>ROOM</devices></domain>";

/// The grammars of domains and of single devices.
struct Grammars;

impl Driver for Grammars {
    fn validate<'d>(&mut self, root: Root, document: &'d Document) -> Outcome<Validated<'d>> {
        let schema = if root == Root::Device { virtc_schemas::device() } else { virtc_schemas::domain() };
        schema.validate(document).into()
    }
}

fn running(machine: &str, passes: Passes<'_>) -> Running {
    let ports = if machine == "q35" { 16 } else { 0 };
    let bus = if ports > 0 { "<controller type='pci' index='0' model='pcie-root'/>" } else { "" };
    let room = bus.to_owned() + &"<controller type='pci' model='pcie-root-port'/>".repeat(ports);
    let text = GUEST.replace("MACHINE", machine).replace("ROOM", &room);
    let running = passes.running(&SourceFile::new("guest", text), &mut Grammars);
    assert!(running.is_valid(), "{:?}", running.findings());
    running.partial().unwrap().clone()
}

/// The texts of the devices of all definitions below `folder`, each once.
fn devices(folder: &Path, out: &mut BTreeSet<String>) {
    for file in files(folder) {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        let Ok(document) = roxmltree::Document::parse(&text) else { continue };
        let all = document.root_element().children().filter(|part| part.has_tag_name("devices"));
        let all = all.flat_map(|devices| devices.children()).filter(roxmltree::Node::is_element);
        out.extend(all.filter_map(|device| text.get(device.range()).map(str::to_owned)));
        if document.root_element().tag_name().name() != "domain" {
            out.insert(text.clone());
        }
    }
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(bool) => Value::Bool(*bool),
        Json::Number(number) => Value::Number(number.as_i128().unwrap()),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(values) => Value::Array(values.iter().map(value).collect()),
        Json::Object(members) => Value::Object(props(members)),
    }
}

fn props(members: &Map<String, Json>) -> Props {
    members.iter().fold(Props::new(), |props, (name, json)| props.with(name, value(json)))
}

/// What is wrong with a call; a device's properties are those of its driver.
fn fault(caps: &Capabilities, call: &QmpCall) -> Option<String> {
    let mut json = Json::Object(call.arguments.clone());
    for (pointer, arg) in &call.placeholders {
        let Some(place) = json.pointer_mut(pointer) else { return Some(format!("no {pointer} in {call:?}")) };
        *place = Json::from(arg.display());
    }
    let Json::Object(members) = json else { return Some(format!("{call:?}")) };
    let props = props(&members);
    if call.execute == "device_add" {
        return crate::items::device(caps, &props);
    }
    caps.check_command(&call.execute, &props).err().map(|fault| format!("{}: {fault:?} in {members:?}", call.execute))
}

/// The calls that were looked at, by name, and what is wrong with them.
#[derive(Default)]
struct Held {
    calls: BTreeMap<String, usize>,
    faults: BTreeSet<String>,
}

impl Held {
    /// The domain afterwards, where there is a change.
    fn hold(&mut self, changed: Changed, caps: &[&Capabilities]) -> Option<Running> {
        let (change, findings) = changed.into_parts();
        // What virtc itself says that no QEMU known to it has.
        if findings.device.iter().any(|finding| finding.code.name == UNKNOWN_TO_QEMU.name) {
            return None;
        }
        let change = change?;
        let script: QmpScript = hotplug::script(&change).ok()?;
        for call in script.commands.iter().flat_map(|command| std::iter::once(&command.call).chain(&command.revert)) {
            *self.calls.entry(call.execute.clone()).or_default() += 1;
            self.faults.extend(caps.iter().filter_map(|caps| fault(caps, call)));
        }
        Some(Running::after(&change))
    }
}

fn hold(texts: &BTreeSet<String>, machine: &str, host: &HostFile, caps: &[&Capabilities]) -> Held {
    let target = Target::default();
    let passes = Passes { target: &target, facts: Facts::new(Some(host)) };
    let guest = running(machine, passes);
    let mut held = Held::default();
    for text in texts {
        let source = SourceFile::new("device", text.clone());
        let change = |running: &Running, change| passes.change(Some(running.clone()), change, &source, &mut Grammars);
        let Some(after) = held.hold(change(&guest, Change::Attach), caps) else { continue };
        held.hold(change(&after, Change::Update), caps);
        held.hold(change(&after, Change::Detach(MissingDevice::Refuse)), caps);
    }
    held
}

#[test]
fn what_qemu_is_told_is_what_it_takes() {
    let mut texts = BTreeSet::new();
    devices(&root().join("testdata"), &mut texts);
    let profile = Target::default();
    let mut caps = vec![profile.caps().unwrap()];
    let corpus = corpus();
    let recorded = corpus.as_ref().map(|corpus| recorded_caps(corpus));
    if let Some(corpus) = &corpus {
        for part in ["qemuxmlconf", "realworld", "hotplug"] {
            devices(&corpus.join(part), &mut texts);
        }
        caps.extend(&recorded);
    }
    for machine in ["q35", "pc"] {
        let held = hold(&texts, machine, &host(), &caps);
        println!("{machine}: {} devices, {:?}", texts.len(), held.calls);
        assert!(held.faults.is_empty(), "{machine}\n{}", Vec::from_iter(held.faults).join("\n"));
        for name in ["device_add", "device_del", "blockdev-add", "netdev_add", "object-add", "chardev-add"] {
            assert!(held.calls.get(name).is_some_and(|count| *count > 3), "{machine}: {name}: {:?}", held.calls);
        }
    }
}
