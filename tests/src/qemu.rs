//! A QEMU that a test starts, talks to and always ends.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long an answer on the monitor may take.
const ANSWER: Duration = Duration::from_secs(20);

/// A running QEMU with its first serial port and its monitor at hand.
pub struct Qemu {
    child: Child,
    keyboard: ChildStdin,
    serial: Receiver<String>,
    seen: Vec<String>,
    monitor: UnixStream,
    messages: Receiver<String>,
    events: VecDeque<Value>,
    _dir: TempDir,
}

/// The lines of `source`, read by a thread of their own until the end.
fn lines(source: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(source).split(b'\n').map_while(Result::ok);
        for line in lines {
            if sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                break;
            }
        }
    });
    receiver
}

impl Qemu {
    /// Starts `binary` under TCG, without display and default devices, with the image `disk` and `args`.
    ///
    /// # Errors
    /// When QEMU cannot be started or its monitor does not answer within 20 seconds.
    pub fn start(binary: &Path, disk: &[u8], args: &[&str]) -> io::Result<Self> {
        let dir = TempDir::new()?;
        let (image, socket) = (dir.path().join("disk.img"), dir.path().join("qmp"));
        std::fs::write(&image, disk)?;
        let mut child = Command::new(binary)
            .args(["-accel", "tcg", "-display", "none", "-nodefaults", "-serial", "stdio"])
            .arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", socket.display()))
            .arg("-drive")
            .arg(format!("file={},format=raw,if=virtio", image.display()))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let streams = (child.stdin.take(), child.stdout.take());
        let (Some(keyboard), Some(output)) = streams else { return Err(io::Error::other("no pipes to QEMU")) };
        let serial = lines(output);
        let monitor = match connect(&mut child, &socket) {
            Ok(monitor) => monitor,
            Err(error) => {
                child.kill()?;
                child.wait()?;
                return Err(error);
            }
        };
        let messages = lines(monitor.try_clone()?);
        let events = VecDeque::new();
        let mut qemu = Self { child, keyboard, serial, seen: Vec::new(), monitor, messages, events, _dir: dir };
        qemu.message(Instant::now() + ANSWER)?;
        qemu.command("qmp_capabilities", &json!({}))?;
        Ok(qemu)
    }

    fn message(&mut self, until: Instant) -> io::Result<Value> {
        let line = receive(&self.messages, until, "the monitor")?;
        serde_json::from_str(&line).map_err(io::Error::other)
    }

    /// The answer to a command on the monitor.
    ///
    /// # Errors
    /// When QEMU refuses the command, has ended, or does not answer within 20 seconds.
    pub fn command(&mut self, name: &str, arguments: &Value) -> io::Result<Value> {
        let request = json!({"execute": name, "arguments": arguments});
        writeln!(self.monitor, "{request}")?;
        let until = Instant::now() + ANSWER;
        loop {
            let message = self.message(until)?;
            if message.get("event").is_some() {
                self.events.push_back(message);
            } else if let Some(answer) = message.get("return") {
                return Ok(answer.clone());
            } else {
                return Err(io::Error::other(format!("{name}: {message}")));
            }
        }
    }

    /// The next event of this name, earlier ones that nobody asked for included; other events are dropped.
    ///
    /// # Errors
    /// When QEMU has ended or no such event comes within `time`.
    pub fn event(&mut self, name: &str, time: Duration) -> io::Result<Value> {
        let until = Instant::now() + time;
        loop {
            let message = match self.events.pop_front() {
                Some(event) => event,
                None => self.message(until)?,
            };
            if message.get("event").and_then(Value::as_str) == Some(name) {
                return Ok(message);
            }
        }
    }

    /// Waits until the guest has printed `line` on its serial port.
    ///
    /// # Errors
    /// When QEMU has ended or the line does not come within `time`; the message has what came instead.
    pub fn line(&mut self, line: &str, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        loop {
            let next = receive(&self.serial, until, "the serial port").map_err(|error| {
                io::Error::other(format!("`{line}` did not come: {error}; so far: {:?}", self.seen))
            })?;
            if next == line {
                return Ok(());
            }
            self.seen.push(next);
        }
    }

    /// Sends bytes to the guest's serial port.
    ///
    /// # Errors
    /// When QEMU has ended.
    pub fn type_in(&mut self, text: &str) -> io::Result<()> {
        self.keyboard.write_all(text.as_bytes())?;
        self.keyboard.flush()
    }

    /// Waits until QEMU has ended.
    ///
    /// # Errors
    /// When it has not ended within `time`.
    pub fn ended(&mut self, time: Duration) -> io::Result<ExitStatus> {
        let until = Instant::now() + time;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > until {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "QEMU has not ended"));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn receive(source: &Receiver<String>, until: Instant, what: &str) -> io::Result<String> {
    source.recv_timeout(until.saturating_duration_since(Instant::now())).map_err(|error| match error {
        RecvTimeoutError::Timeout => io::Error::new(io::ErrorKind::TimedOut, format!("nothing from {what} in time")),
        RecvTimeoutError::Disconnected => io::Error::other(format!("{what} was closed")),
    })
}

fn connect(child: &mut Child, socket: &Path) -> io::Result<UnixStream> {
    let until = Instant::now() + ANSWER;
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() > until => return Err(error),
            Err(_) => {}
        }
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("QEMU ended at once: {status}")));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // Both fail only when QEMU has ended and been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
