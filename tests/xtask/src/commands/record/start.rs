//! The command line of a guest that is started, paused, and ended at once.

use std::path::Path;

use virtc_tests::libvirt::normal;
use virtc_tests::libvirt::recorded::Definition;

use crate::hold::libvirt::{Answer, virsh};

/// Where libvirt logs with what it starts QEMU.
const LOGS: &str = "/var/log/libvirt/qemu";

/// How libvirt starts QEMU for a definition.
pub fn command_line(definition: &Definition) -> Answer {
    let name = normal::domain_name(&definition.text);
    let log = Path::new(LOGS).join(format!("{name}.log"));
    // What an earlier guest of the name has left there is not this one's.
    let before = std::fs::read_to_string(&log).map_or(0, |text| text.len());
    let output = virsh().args(["create", "--paused"]).arg(&definition.path).output();
    let said = match output {
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => return Answer::Refused(format!("virsh: {error}")),
    };
    let _ = virsh().args(["destroy", &name]).output();
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    // QEMU may have ended at once, for want of something on this host: with what it was started is in the log all the
    // same.
    match text.get(before..).and_then(last_command) {
        Some(line) => Answer::Stored(line),
        None => Answer::Refused(said.trim().to_owned()),
    }
}

/// The last command in a log, which is on several lines.
fn last_command(log: &str) -> Option<String> {
    let at = log.rfind("LC_ALL=C \\\n")?;
    let mut command = String::new();
    for line in log.get(at..)?.lines() {
        let Some(part) = line.strip_suffix('\\') else {
            command.push_str(line);
            return Some(command);
        };
        command.push_str(part);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::last_command;

    #[test]
    fn the_last_command_counts() {
        let log = "start\nLC_ALL=C \\\nold \\\nx\nend\nLC_ALL=C \\\nHOME=/h \\\n/usr/bin/qemu-system-x86_64 \\\n-S\nchar device\n";
        assert_eq!(last_command(log).as_deref(), Some("LC_ALL=C HOME=/h /usr/bin/qemu-system-x86_64 -S"));
        assert_eq!(last_command("LC_ALL=C \\\ntorn \\\n"), None);
    }
}
