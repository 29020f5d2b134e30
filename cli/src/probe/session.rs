//! A QEMU that is started without a machine, and asked what it can do.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use virtc_compiler::target::Exchange;
use virtc_compiler::target::exchange::{cpu_questions, more_questions, questions};

use crate::probe::NOBODY;

/// How long all answers of a binary may take together.
const DEADLINE: Duration = Duration::from_secs(30);

/// More than this is no answer of QEMU's, in bytes.
const LIMIT: u64 = 256 << 20;

/// Whether the variables of the environment, such as `QEMU_MODULE_DIR`, are the binary's too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// They are.
    Kept,
    /// It gets none.
    Empty,
}

/// Asks everything that a capability file is made of.
///
/// # Errors
/// In words, when the binary cannot be started, or does not answer as QEMU does.
pub fn ask(binary: &Path, environment: Environment) -> Result<Vec<Exchange>, String> {
    let fault = |error: String| format!("{}: {error}", binary.display());
    let mut session = Session::start(binary, "kvm:tcg", environment).map_err(fault)?;
    let mut all = session.ask_all(questions()).map_err(fault)?;
    all.extend(session.ask_all(more_questions(&all)).map_err(fault)?);
    drop(session);
    let kvm = all.iter().find(|e| e.execute == "query-kvm").and_then(|e| e.answer.as_ref()?.get("enabled")?.as_bool());
    if kvm == Some(true) {
        // The CPUs that there are without KVM.
        let mut session = Session::start(binary, "tcg", environment).map_err(fault)?;
        all.extend(session.ask_all(cpu_questions()).map_err(fault)?);
    }
    Ok(all)
}

/// A QEMU, which ends with this value.
struct Session {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    end: Instant,
}

impl Drop for Session {
    fn drop(&mut self) {
        // Both fail only where it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Session {
    fn start(binary: &Path, accel: &str, environment: Environment) -> Result<Self, String> {
        #[expect(clippy::disallowed_methods, reason = "what a binary can do is known to the binary only")]
        let mut command = Command::new(binary);
        // Any program may be named: root's rights are not lent to it.
        if nix::unistd::geteuid().is_root() {
            // Only the group of /dev/kvm lets it say what it can do with that.
            let kvm = std::fs::metadata("/dev/kvm").map_or(NOBODY, |is| is.gid());
            command.uid(NOBODY).gid(kvm);
        }
        if environment == Environment::Empty {
            command.env_clear();
        }
        command.args(["-S", "-no-user-config", "-nodefaults", "-nographic", "-qmp", "stdio", "-machine"]);
        command.arg(format!("none,accel={accel}")).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else { return Err("it has no input and output".to_owned()) };
        let (send, lines) = channel();
        // The thread ends with the pipe, which ends with the process.
        std::thread::spawn(move || {
            let lines = BufReader::new(stdout.take(LIMIT)).lines().map_while(Result::ok);
            for line in lines {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let mut session = Self { child, stdin, lines, end: Instant::now() + DEADLINE };
        let greeting = session.read()?;
        if greeting.get("QMP").is_none() {
            return Err("it does not greet as QEMU does".to_owned());
        }
        session.ask("qmp_capabilities", Value::Null)?;
        Ok(session)
    }

    /// The next object that it says.
    fn read(&mut self) -> Result<Value, String> {
        let left = self.end.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(left).map_err(|error| match error {
            std::sync::mpsc::RecvTimeoutError::Timeout => "it does not answer".to_owned(),
            std::sync::mpsc::RecvTimeoutError::Disconnected => "it ended before it had answered".to_owned(),
        })?;
        serde_json::from_str(&line).map_err(|_| "it does not answer as QEMU does".to_owned())
    }

    fn ask(&mut self, execute: &str, arguments: Value) -> Result<Exchange, String> {
        let mut command = json!({"execute": execute});
        if let (false, Some(object)) = (arguments.is_null(), command.as_object_mut()) {
            object.insert("arguments".to_owned(), arguments.clone());
        }
        writeln!(self.stdin, "{command}").map_err(|error| error.to_string())?;
        loop {
            let answer = self.read()?;
            if answer.get("event").is_none() {
                let answer = answer.get("return").cloned();
                return Ok(Exchange { execute: execute.to_owned(), arguments, answer });
            }
        }
    }

    fn ask_all(&mut self, all: Vec<(&'static str, Value)>) -> Result<Vec<Exchange>, String> {
        all.into_iter().map(|(execute, arguments)| self.ask(execute, arguments)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_qemu_is_told() {
        for program in ["/bin/false", "/bin/echo", "/no/such"] {
            let fault = ask(Path::new(program), Environment::Empty).unwrap_err();
            assert!(fault.starts_with(program), "{fault}");
        }
    }

    #[test]
    fn an_installed_qemu_says_what_it_can_do() {
        let binary = Path::new("/usr/bin/qemu-system-x86_64");
        if !binary.exists() {
            return virtc_tests::tools::skipped(&format!(
                "{} was not asked what it can do: it is not installed",
                binary.display()
            ));
        }
        let all = ask(binary, Environment::Empty).unwrap();
        let caps = virtc_compiler::target::Capabilities::from_exchanges(&all).unwrap();
        assert_eq!(caps.device_property("virtio-blk-pci", "drive"), Some(true));
        assert!(caps.machine("q35").is_some() && caps.tcg.is_some_and(|cpus| cpus.models.contains_key("qemu64")));
    }
}
