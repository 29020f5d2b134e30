//! Plans as text for people: a line for each step, as `virtc run --dry-run` prints changes.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::{Arg, DevicePlan, Plan, PlannedStep, QmpCall, QmpScript};

/// `before`, and the values with commas; nothing where there are none.
pub(crate) fn list<T: Display>(
    f: &mut Formatter<'_>,
    before: &str,
    values: impl IntoIterator<Item = T>,
) -> fmt::Result {
    for (nth, value) in values.into_iter().enumerate() {
        write!(f, "{}{value}", if nth == 0 { before } else { ", " })?;
    }
    Ok(())
}

/// `before` and the value, where there is one.
pub(crate) fn option(f: &mut Formatter<'_>, before: &str, value: Option<&impl Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, "{before}{value}"))
}

/// The variables of the environment and the arguments after the program, an option with its value on a line.
pub(crate) fn command_line(env: &[(String, String)], argv: &[Arg]) -> Vec<String> {
    let mut lines: Vec<String> = env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let environment = lines.len();
    for arg in argv.iter().skip(1) {
        let arg = arg.display();
        match lines.get_mut(environment..).and_then(<[String]>::last_mut) {
            Some(line) if !arg.starts_with('-') => line.extend([" ", arg.as_ref()]),
            Some(_) | None => lines.push(arg.into_owned()),
        }
    }
    lines
}

impl Display for QmpCall {
    /// The command's name and its arguments as JSON, with every placeholder as [`Placeholder::display`](crate::Placeholder::display) writes it.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let shown = self.render(|placeholder| Ok::<_, crate::qmp::BadPointer>(placeholder.display()));
        let shown = shown.map_err(|_| fmt::Error)?;
        f.write_str(&self.execute)?;
        option(f, " ", shown.get("arguments"))?;
        option(f, " with descriptor ", self.fd.as_ref())
    }
}

impl QmpScript {
    /// Each command on a line; below it, indented, the event that is awaited and the command that reverts it.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for command in &self.commands {
            lines.push(format!("execute {}", command.call));
            if let Some(awaits) = &command.awaits {
                let matching = serde_json::Value::from(awaits.matching.clone());
                lines.push(format!("  await {} {matching} for {} ms", awaits.event, awaits.deadline_ms));
            }
            lines.extend(command.revert.as_ref().map(|revert| format!("  revert {revert}")));
        }
        lines
    }
}

impl Display for PlannedStep {
    /// Its origin, the step, and the device that it is for.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.step)?;
        option(f, ", for device ", self.device.as_ref())
    }
}

fn steps(out: &mut String, steps: &[PlannedStep]) {
    for planned in steps {
        let _ = writeln!(out, "{planned}");
        for line in planned.step.details() {
            let _ = writeln!(out, "    {line}");
        }
    }
}

impl Plan {
    /// The plan for people: a line for each step with its origin, and below a step that starts QEMU the command line. It leaves out
    /// the format, producer and digest, and cannot be read back.
    pub fn to_text(&self) -> String {
        let mut out = format!("plan to run {} ({})\n", self.domain.name, self.domain.uuid);
        steps(&mut out, &self.steps);
        out
    }
}

impl DevicePlan {
    /// The plan for people: a line for each step with its origin, then a line for each QMP command. It leaves out the format, producer
    /// and digest, and cannot be read back.
    pub fn to_text(&self) -> String {
        let Self { domain, device, action, script, .. } = self;
        let mut out = format!("plan to {action} {device}, in {} ({})\n", domain.name, domain.uuid);
        steps(&mut out, &self.steps);
        for line in script.lines() {
            let _ = writeln!(out, "{line}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::*;

    #[test]
    fn a_script_shows_placeholders_events_and_what_reverts() {
        let value = json!({"commands": [{
            "call": {"execute": "chardev-add", "arguments": {"path": ""}, "fd": "log",
                "placeholders": {"/path": [{"placeholder": {"name": "state"}}, {"text": "/s"}]}},
            "awaits": {"event": "E", "matching": {"a": 1}, "deadline-ms": 7},
            "revert": {"execute": "chardev-remove"},
        }]});
        let script: QmpScript = serde_json::from_value(value).unwrap();
        let lines = [
            "execute chardev-add {\"path\":\"{state}/s\"} with descriptor log",
            "  await E {\"a\":1} for 7 ms",
            "  revert chardev-remove",
        ];
        assert_eq!(script.lines(), lines);
    }

    #[test]
    fn an_option_and_its_value_are_on_one_line() {
        let argv = ["/bin/qemu", "-S", "-m", "32", "-drive", "file=a b"].map(Arg::text);
        let lines = text::command_line(&[("A".into(), "b".into())], &argv);
        assert_eq!(lines, ["A=b", "-S", "-m 32", "-drive file=a b"]);
    }
}
