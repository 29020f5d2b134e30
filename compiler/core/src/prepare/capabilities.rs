//! Checks every option against the capabilities of the QEMU.

use std::borrow::Cow;
use std::ops::Bound;

use virtc_diag::{Diagnostic, likely};

use crate::codes;
use crate::ir::Arch;
use crate::model::EmitContext;
use crate::model::devices::interface;
use crate::model::elements::os::MachineFamily;
use crate::prepare::denied;
use crate::qemu::{Opts, Payload, Props, QemuOption, Value};
use crate::target::ability::Changes;
use crate::target::qapi::Fault;
use crate::target::{Capabilities, Target, sorted};

/// Members of `-device` that are not properties of a device (`qdev_device_add_from_qdict` in QEMU's
/// `system/qdev-monitor.c`).
const OF_EVERY_DEVICE: [&str; 3] = ["driver", "id", "bus"];

/// Aliases of devices, which are not in QEMU's lists (`qdev_alias_table` in the same file). Those of virtio leave out
/// `-pci`.
const ALIASES: [(&str, &str); 5] =
    [("ac97", "AC97"), ("ahci", "ich9-ahci"), ("e1000-82540em", "e1000"), ("es1370", "ES1370"), ("lsi", "lsi53c895a")];

/// Parameters of `-machine` that QEMU does not list: its first word, the accelerator, and parameters of the accelerator
/// (`machine_set_property` in QEMU's `system/vl.c`).
const OF_MACHINE: [&str; 5] = ["type", "accel", "kernel_irqchip", "kernel-irqchip", "kvm-shadow-mem"];

/// Aliases of parameters, which QEMU does not list (`opt_renames` in QEMU's `blockdev.c`).
const RENAMED: [(&str, &str, &str); 1] = [("drive", "readonly", "read-only")];

/// Reports what the target does not support.
pub fn check(cx: &EmitContext<'_>, options: &[QemuOption]) {
    denied::check(cx);
    let arch = cx.domain.os.arch();
    let Some(caps) = cx.target.caps().filter(|_| arch != Arch::I686) else { return };
    for item in options {
        let Some(lack) = lack(caps, &cx.changes, item) else { continue };
        let has = |other: &Target| other.caps().is_some_and(|caps| self::lack(caps, &cx.changes, item).is_none());
        let other = cx.target.others(arch).find(has);
        // A profile is one build of its version: another build may have what it lacks.
        let is_denied = self::lack(caps, &Changes::default(), item).is_none();
        let span = item.origin.span();
        if cx.is_in_error(span) {
            // What is wrong there has been said, in the words of the definition.
            continue;
        }
        let meant = meant(cx, caps, item, &lack);
        if !is_denied && other.is_none() && cx.target.is_profile() {
            let message = format!("no QEMU version known to virtc has {}", one(&lack));
            let help = "if yours has it, give its capabilities with `--qemu FILE`; `virtc qemu probe` makes the file";
            // Builds differ in the versions of their machine types, but not in which others there are.
            let is_machine = lack.starts_with("machine type") && cx.domain.os.family() == MachineFamily::Other;
            let code = if is_machine { &codes::UNSUPPORTED_CONFIGURATION } else { &codes::UNKNOWN_TO_QEMU };
            cx.report(Diagnostic::at(code, item.origin, message).help(help).meant(meant.as_deref(), span));
            continue;
        }
        if is_denied {
            let fault = Diagnostic::at(
                &codes::UNSUPPORTED_CONFIGURATION,
                item.origin,
                format!("`<qemu:capabilities>` removes the capability for {lack}"),
            );
            cx.report(fault.help("remove the `<qemu:del>`"));
            continue;
        }
        let message = format!("{} has no {lack}", cx.target.name());
        let help = other.map_or_else(
            || "no QEMU version known to virtc has it".to_owned(),
            |other| format!("{} has it", other.name()),
        );
        let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, item.origin, message);
        cx.report(fault.help(help).meant(meant.as_deref(), span));
    }
}

/// The name that was likely meant by one that the definition hands on to QEMU as it is: a machine type or a network card.
fn meant(cx: &EmitContext<'_>, caps: &Capabilities, item: &QemuOption, lack: &str) -> Option<String> {
    let written = lack.strip_suffix('`').and_then(|lack| lack.rsplit('`').next())?;
    let is_network = || cx.domain.devices.interfaces.iter().any(|i| i.model() == written);
    let known: Vec<&str> = match item.option {
        // Another version of a known machine is no typing error.
        "machine" if lack.starts_with("machine type") && cx.domain.os.family() == MachineFamily::Other => {
            let all = caps.machines.iter().flat_map(|(name, machine)| [Some(name), machine.alias.as_ref()]);
            all.flatten().map(String::as_str).collect()
        }
        "device" if lack.starts_with("device") && is_network() => interface::models().collect(),
        _ => return None,
    };
    likely(written, known).map(str::to_owned)
}

/// The noun with its article.
fn one(noun: &str) -> String {
    if noun.starts_with('`') { noun.to_owned() } else { format!("a {noun}") }
}

/// What an option needs and QEMU lacks: a noun with its name.
fn lack(caps: &Capabilities, changes: &Changes, item: &QemuOption) -> Option<String> {
    match (item.option, &item.payload) {
        ("device", Payload::Json(props)) => device(caps, changes, props),
        ("object", Payload::Json(props)) => command(caps, "object-add", "object", props),
        ("blockdev", Payload::Json(props)) => command(caps, "blockdev-add", "blockdev", props),
        ("netdev", Payload::Json(props)) => command(caps, "netdev_add", "netdev", props),
        ("machine", Payload::Opts(opts)) => machine(caps, opts),
        ("cpu", Payload::Opts(opts)) => cpu(caps, opts),
        ("global", Payload::Opts(opts)) => global(caps, opts),
        ("chardev", Payload::Chardev(chardev)) => parameters(caps, "chardev", &chardev.opts()),
        (option, Payload::Opts(opts)) => parameters(caps, option, opts),
        _ => None,
    }
}

fn device(caps: &Capabilities, changes: &Changes, props: &Props) -> Option<String> {
    let driver = props.get("driver").and_then(Value::plain)?;
    let (driver, properties) = real(caps, driver);
    let forced = changes.add.iter().any(|a| a.is_device(&driver));
    let banned = changes.del.iter().any(|a| a.is_device(&driver));
    if banned || !(forced || properties.is_some()) {
        return Some(format!("device `{driver}`"));
    }
    let properties = properties.and_then(Option::as_deref);
    let lacks = |name: &str| {
        let forced = changes.add.iter().any(|a| a.is_property(&driver, name));
        let banned = changes.del.iter().any(|a| a.is_property(&driver, name));
        banned || !forced && properties.is_some_and(|known| sorted::find(known, name).is_none())
    };
    let names = props.iter().map(|(name, _)| name).filter(|name| !OF_EVERY_DEVICE.contains(name));
    let absent = names.into_iter().find(|name| lacks(name))?;
    Some(format!("property `{absent}` of device `{driver}`"))
}

/// The device with this name or alias, and its properties where QEMU has it.
fn real<'c, 'n>(caps: &'c Capabilities, name: &'n str) -> (Cow<'n, str>, Option<&'c Option<String>>) {
    if let Some(own) = caps.devices.get(name) {
        return (Cow::Borrowed(name), Some(own));
    }
    let other = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, device)| Cow::Borrowed(*device));
    let other = other.or_else(|| name.starts_with("virtio-").then(|| Cow::Owned(format!("{name}-pci"))));
    let found = other.and_then(|device| caps.devices.get(&*device).map(|own| (device, Some(own))));
    found.unwrap_or((Cow::Borrowed(name), None))
}

/// What the QAPI schema of a command lacks. A value of a wrong type would be a bug of virtc's, which its tests find.
fn command(caps: &Capabilities, command: &str, option: &str, props: &Props) -> Option<String> {
    match caps.check_command(command, props).err()? {
        Fault::Unknown(name) => Some(format!("command `{name}`")),
        Fault::Member(path) => Some(format!("member `{path}` of `-{option}`")),
        Fault::Word(path, word) => Some(format!("`{word}` as `{path}` of `-{option}`")),
        Fault::Kind(_) | Fault::Missing(_) => None,
    }
}

fn machine(caps: &Capabilities, opts: &Opts) -> Option<String> {
    let mut all = opts.iter();
    let wanted = all.next().and_then(|(_, name)| name.plain())?;
    let Some((_, machine)) = caps.machine(wanted) else { return Some(format!("machine type `{wanted}`")) };
    let listed = |name: &str| caps.options.get("machine").is_some_and(|known| sorted::find(known, name).is_some());
    let known =
        |name: &str| OF_MACHINE.contains(&name) || listed(name) || caps.machine_property(machine, name) != Some(false);
    let absent = all.filter_map(|(name, _)| name).find(|name| !known(name))?;
    Some(format!("property `{absent}` of machine type `{wanted}`"))
}

fn cpu(caps: &Capabilities, opts: &Opts) -> Option<String> {
    let mut all = opts.iter();
    let wanted = all.next().and_then(|(_, name)| name.plain())?;
    let mut lists = caps.kvm.iter().chain(&caps.tcg).peekable();
    // Without KVM, QEMU does not always list the CPU model `host`.
    let is_known = wanted != "host" || caps.kvm.is_some();
    if is_known && lists.peek().is_some() && !lists.any(|cpus| cpus.models.contains_key(wanted)) {
        return Some(format!("CPU model `{wanted}`"));
    }
    let known = caps.cpu_properties.as_deref()?;
    let absent = all.filter_map(|(name, _)| name).find(|name| sorted::find(known, name).is_none())?;
    Some(format!("property `{absent}` of a CPU"))
}

/// `-global driver.property=value`.
fn global(caps: &Capabilities, opts: &Opts) -> Option<String> {
    let key = opts.iter().find_map(|(name, _)| name)?;
    let (driver, property) = key.split_once('.')?;
    if !caps.devices.contains_key(driver) {
        return Some(format!("device `{driver}`"));
    }
    let is_absent = caps.device_property(driver, property) == Some(false);
    is_absent.then(|| format!("property `{property}` of device `{driver}`"))
}

/// Parameters of an option, where QEMU lists them.
fn parameters(caps: &Capabilities, option: &str, opts: &Opts) -> Option<String> {
    // QEMU lists some options by another name: `smp-opts`.
    let mut near = caps
        .options
        .range::<str, _>((Bound::Included(option), Bound::Unbounded))
        .take_while(|(name, _)| name.starts_with(option));
    let (_, known) = near.find(|(name, _)| matches!(name.get(option.len()..), Some("" | "-opts")))?;
    // Parameters of the block node are checked with it.
    let own = |name: &&str| *name != "id" && !name.starts_with("file.");
    let mut names = opts.iter().filter_map(|(name, _)| name).filter(own);
    let real = |name| RENAMED.iter().find(|(of, alias, _)| *of == option && *alias == name).map_or(name, |r| r.2);
    let absent = names.find(|name| sorted::find(known, real(name)).is_none())?;
    Some(format!("parameter `{absent}` of `-{option}`"))
}
