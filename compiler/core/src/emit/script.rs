//! The command line as a shell script that a person can read and run.

use std::fmt::Write;

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_plan::{Arg, Hole, Part, Step};

use crate::codes;
use crate::emit::argv::Argv;
use crate::prepare::{Machine, Sound};

/// A POSIX shell script that starts the machine, or what cannot be done so.
///
/// It makes `$state`, gives QEMU a monitor socket in it in place of a descriptor, and lists what a person must do first as comments.
///
/// # Errors
/// A descriptor that has no form in a shell.
pub fn script(machine: &Sound<Machine>, argv: &Argv) -> Result<String, Diagnostics> {
    let mut out = String::from("#!/bin/sh\nset -eu\nstate=${state:-$(mktemp -d)}\n");
    for directory in &machine.get().needs().directories {
        let _ = writeln!(out, "mkdir -p \"$state/{directory}\"");
    }
    for line in first(machine) {
        let _ = writeln!(out, "# first: {line}");
    }
    let mut faults = Diagnostics::new();
    let mut words = Vec::new();
    for argument in &argv.0 {
        match word(&argument.arg) {
            Ok(word) => words.push(word),
            Err(fd) => {
                let message = format!("descriptor `{fd}` cannot be opened in a shell script");
                let span = argument.origin.span().unwrap_or_default();
                faults.push(Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, span, message).help("use `virtc run`, or `--emit plan`"));
            }
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    out.push_str("exec");
    for word in words {
        let option = word.starts_with('-') && word.len() < 40 && !word.contains(' ');
        out.push_str(if option { " \\\n  " } else { " " });
        out.push_str(&word);
    }
    out.push('\n');
    Ok(out)
}

/// What the plan does and a script cannot.
fn first(machine: &Sound<Machine>) -> Vec<String> {
    let needs = machine.get().needs();
    let mut out = Vec::new();
    for (step, _) in &needs.binds {
        if let Step::VfioBind { device, managed } = step {
            out.push(if *managed { format!("bind {device} to vfio-pci") } else { format!("see that {device} is bound to vfio-pci") });
        }
    }
    for origin in &needs.vf_settings {
        let _ = origin;
        out.push("set the MAC and VLAN of the VF on its physical function".to_owned());
    }
    for (step, _) in &needs.descriptors {
        if let Step::Tap { name, bridge, .. } = step {
            let bridge = bridge.as_ref().map_or_else(String::new, |b| format!(" and join it to bridge {b}"));
            out.push(format!("make tap interface {}{bridge}", tap_name(name)));
        }
    }
    out
}

fn tap_name(name: &str) -> String {
    name.replace("%d", "0")
}

/// One argument as a shell word.
fn word(arg: &Arg) -> Result<String, String> {
    let mut out = String::new();
    let mut text = String::new();
    for part in &arg.0 {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Hole { name: Hole::State, .. } => {
                quote(&std::mem::take(&mut text), &mut out);
                out.push_str("\"$state\"");
            }
            Part::Hole { name: Hole::Fd(name), .. } => {
                // The monitor's descriptor becomes a socket that QEMU makes itself.
                let Some(before) = text.strip_suffix("fd=").filter(|_| name == virtc_plan::MONITOR_FD) else {
                    return Err(name.clone());
                };
                quote(&format!("{before}path="), &mut out);
                out.push_str("\"$state\"/monitor.sock");
                text.clear();
            }
        }
    }
    quote(&text, &mut out);
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
    use virtc_plan::Quote;

    #[test]
    fn words_survive_the_shell() {
        let state = Part::Hole { name: Hole::State, quote: Quote::Comma };
        assert_eq!(word(&Arg::text("a b'c")), Ok("'a b'\\''c'".to_owned()));
        assert_eq!(word(&Arg::text("")), Ok("''".to_owned()));
        assert_eq!(word(&Arg(vec![Part::Text("path=".into()), state, Part::Text("/x".into())])), Ok("path=\"$state\"/x".to_owned()));
        let fd = |name: &str| Part::Hole { name: Hole::Fd(name.into()), quote: Quote::Comma };
        assert_eq!(word(&Arg(vec![Part::Text("socket,id=m,fd=".into()), fd("monitor"), Part::Text(",server=on".into())])), Ok("socket,id=m,path=\"$state\"/monitor.sock,server=on".to_owned()));
        assert_eq!(word(&Arg(vec![Part::Text("fd=".into()), fd("tap-net0")])), Err("tap-net0".to_owned()));
    }
}
