//! The command line as a shell script that a person can read and run.

use std::fmt::Write;

use virtc_diag::Diagnostics;
use virtc_plan::{Arg, Part, Placeholder, Step};

use crate::codes::Report as _;
use crate::emit::argv::value_arg;
use crate::prepare::Machine;
use crate::qemu::{HostRequirements, Payload, Props, QemuOption, Value};
use crate::valid::Valid;

/// A POSIX shell script that starts the machine.
///
/// It creates `$state`, passes paths in place of descriptors, and lists as comments what has to be done first.
///
/// # Errors
/// A descriptor that QEMU cannot open by a path, or a QMP command that has to be sent first.
pub fn script(machine: &Valid<Machine>) -> Result<String, Diagnostics> {
    let mut out = String::from(
        "#!/bin/sh\nset -eu\nstate=${state:-$(mktemp -d)}\n\
         case $state in *[,\\\\\\\"]*) echo \"the path $state holds a comma, a quote or a backslash\" >&2; exit 2;; esac\n",
    );
    for directory in &machine.get().needs().directories {
        let _ = writeln!(out, "mkdir -p \"$state/{directory}\"");
    }
    for (from, to) in templates(machine) {
        let _ = writeln!(out, "[ -e {to} ] || cp {from} {to}");
    }
    for line in first(machine) {
        let _ = writeln!(out, "# first: {line}");
    }
    let needs = machine.get().needs();
    for (name, value) in &needs.env {
        let _ = write!(out, "export {name}=");
        quote(value, &mut out);
        out.push('\n');
    }
    let mut faults = Diagnostics::new();
    for (call, origin) in &needs.commands {
        faults.refuse_with(
            origin,
            format!(
                "a shell script cannot send the QMP command `{}`, which the guest needs before it runs",
                call.execute
            ),
            "use `virtc run`, or `--emit plan`",
        );
    }
    out.push_str("exec");
    for item in machine.get().options() {
        // Fd sets are replaced by paths.
        if item.option == "add-fd" {
            continue;
        }
        if !item.option.is_empty() {
            let _ = write!(out, " \\\n  -{}", item.option);
        }
        let Some(arg) = value_arg(&openable(item, needs)) else { continue };
        match word(&arg) {
            Ok(word) => {
                out.push(' ');
                out.push_str(&word);
            }
            Err(fd) => {
                let message = format!("a shell script cannot open the descriptor `{fd}`");
                faults.refuse_with(item.origin, message, "use `virtc run`, or `--emit plan`");
            }
        }
    }
    out.push('\n');
    if faults.is_empty() { Ok(out) } else { Err(faults) }
}

/// The value of an option with paths in place of descriptors.
fn openable(item: &QemuOption, needs: &HostRequirements) -> Payload {
    match &item.payload {
        Payload::Chardev(chardev) => Payload::Opts(chardev.opts_by_path()),
        Payload::Json(props) if item.option == "netdev" => Payload::Json(vdpa_by_path(&tap_by_name(props), needs)),
        other @ (Payload::None | Payload::Word(_) | Payload::Opts(_) | Payload::Json(_)) => other.clone(),
    }
}

/// A vDPA device by its path in place of its fd set.
fn vdpa_by_path(props: &Props, needs: &HostRequirements) -> Props {
    let id = props.get("id").and_then(Value::plain).unwrap_or_default();
    let name = format!("{}-vdpa", id.trim_start_matches("host"));
    let opened = needs.turns().flat_map(|turn| &turn.steps).find_map(|(step, _)| {
        let Step::Open { fd, path, .. } = step else { return None };
        (*fd == name).then_some(path.as_str())
    });
    props.iter().fold(Props::new(), |out, (key, value)| match (key, opened) {
        ("vhostdev", Some(path)) => out.with("vhostdev", path),
        _ => out.with(key.to_owned(), value.clone()),
    })
}

/// A tap device by the name of its interface, which has to be created first. A macvtap stays a descriptor.
fn tap_by_name(props: &Props) -> Props {
    let first = props.get("fd").or(props.get("fds")).and_then(Value::descriptor);
    if !first.is_some_and(|name| name.starts_with("tapfd-")) {
        return props.clone();
    }
    let id = props.get("id").and_then(Value::plain).unwrap_or_default();
    let named = |props: Props| props.with("ifname", tap_name(id)).with("script", "no").with("downscript", "no");
    props.iter().fold(Props::new(), |out, (key, value)| match key {
        "fd" => named(out),
        "fds" => named(out).with("queues", value.descriptors()),
        "vhostfd" | "vhostfds" => out,
        key => out.with(key.to_owned(), value.clone()),
    })
}

/// The name of the tap interface of `hostnet0` in the script.
fn tap_name(id: &str) -> String {
    format!("vnet{}", id.trim_start_matches(|c: char| !c.is_ascii_digit()))
}

/// Templates, and the files to copy them to where those do not exist; both as shell words.
fn templates(machine: &Valid<Machine>) -> Vec<(String, String)> {
    let word = |text: &str| {
        let mut word = String::new();
        quote(text, &mut word);
        word
    };
    let steps = machine.get().needs().turns().flat_map(|turn| &turn.steps);
    let copies = steps.filter_map(|(step, _)| {
        let Step::CopyFile { from: Some(from), to, .. } = step else { return None };
        Some((word(from), word(to)))
    });
    copies.collect()
}

/// What a plan does and a script cannot.
fn first(machine: &Valid<Machine>) -> Vec<String> {
    let needs = machine.get().needs();
    let mut out = Vec::new();
    for (step, _) in needs.turns().flat_map(|turn| &turn.binds) {
        if let Step::VfioBind { device, managed } = step {
            out.push(if *managed {
                format!("bind {device} to vfio-pci")
            } else {
                format!("make sure that {device} is bound to vfio-pci")
            });
        }
    }
    if !needs.vf_settings.is_empty() {
        out.push("set the MAC address and VLAN of the VF on its physical function".to_owned());
    }
    out.extend(needs.refused.iter().map(|(_, what)| format!("not done by this script: {what}")));
    for (step, _) in needs.turns().flat_map(|turn| &turn.steps) {
        if let Step::Tap { fds, bridge, .. } = step {
            let bridge = bridge.as_ref().map_or_else(String::new, |b| format!(" and add it to bridge {b}"));
            let id = fds
                .first()
                .and_then(|fd| fd.strip_prefix("tapfd-"))
                .and_then(|fd| fd.strip_suffix('0'))
                .unwrap_or_default();
            out.push(format!("create tap interface {}{bridge}", tap_name(id)));
        }
    }
    out
}

/// An argument as a shell word.
///
/// # Errors
/// The name of a descriptor or secret in it, which a shell cannot open.
fn word(arg: &Arg) -> Result<String, String> {
    let mut out = String::new();
    for part in Vec::from(arg.clone()) {
        match part {
            Part::Text(text) => quote(&text, &mut out),
            Part::Placeholder { name: Placeholder::State, .. } => out.push_str("\"$state\""),
            Part::Placeholder {
                name: Placeholder::Fd(name) | Placeholder::Secret(name) | Placeholder::SecretIv(name),
                ..
            } => {
                return Err(name);
            }
        }
    }
    Ok(if out.is_empty() { "''".to_owned() } else { out })
}

fn quote(text: &str, out: &mut String) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_=+.,:/@%".contains(&b);
    if text.bytes().all(plain) {
        out.push_str(text);
    } else {
        out.push('\'');
        out.push_str(&text.replace('\'', "'\\''"));
        out.push('\'');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Origin;
    use virtc_plan::Quote;

    #[test]
    fn words_survive_the_shell() {
        let state = Part::Placeholder { name: Placeholder::State, quote: Quote::Comma };
        assert_eq!(word(&Arg::text("a b'c")), Ok("'a b'\\''c'".to_owned()));
        assert_eq!(word(&Arg::text("")), Ok("''".to_owned()));
        assert_eq!(
            word(&Arg::from(vec![Part::Text("path=".into()), state, Part::Text("/x".into())])),
            Ok("path=\"$state\"/x".to_owned())
        );
        let fd = Part::Placeholder { name: Placeholder::Fd("tap".into()), quote: Quote::Comma };
        assert_eq!(word(&Arg::from(vec![Part::Text("fd=".into()), fd])), Err("tap".to_owned()));
    }

    #[test]
    fn a_tap_goes_by_its_name() {
        let fds = crate::qemu::fd("tapfd-net10").then(":").then(crate::qemu::fd("tapfd-net11"));
        let props = Props::new()
            .with("type", "tap")
            .with("fds", fds)
            .with("vhost", true)
            .with("vhostfds", "x")
            .with("id", "hostnet1");
        let wanted = r#"{"type":"tap","ifname":"vnet1","script":"no","downscript":"no","queues":2,"vhost":true,"id":"hostnet1"}"#;
        assert_eq!(crate::qemu::json_arg(&tap_by_name(&props)).display(), wanted);
    }

    #[test]
    fn a_macvtap_stays_a_descriptor_and_vdpa_is_a_path() {
        let macvtap =
            Props::new().with("type", "tap").with("fd", crate::qemu::fd("macvtapfd-net00")).with("id", "hostnet0");
        assert_eq!(tap_by_name(&macvtap), macvtap);
        let vdpa = |dev: &str| Props::new().with("type", "vhost-vdpa").with("vhostdev", dev).with("id", "hostnet1");
        let origin = Origin::Xml(virtc_diag::Span::at(0));
        let mut needs = HostRequirements::new(origin);
        needs.for_vm().open_device("net1-vdpa", "/dev/vhost-vdpa-3", origin);
        assert_eq!(vdpa_by_path(&vdpa("/dev/fdset/0"), &needs), vdpa("/dev/vhost-vdpa-3"));
    }
}
