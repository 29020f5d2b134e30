//! The running QEMU: its process, its monitor, the end of its log.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::Value;
use virtc_plan::Await;

use crate::error::HostError;
use crate::host::Result;
use crate::qmp::{Qmp, QmpError, QmpEvent};

/// How many bytes of the end of its log are shown.
const LOG_TAIL: i64 = 4096;

/// The running QEMU.
pub(crate) struct Qemu {
    /// Its process, where it was started from here.
    pub child: Option<Child>,
    qmp: Option<Qmp>,
    log: PathBuf,
    deadline: Duration,
    status: Option<ExitStatus>,
    /// Becomes readable when a wait for the greeting or for an event has to end.
    pub interrupt: Option<OwnedFd>,
    /// Devices that the guest was asked to release and did not: when QEMU no longer has one, the guest has released it meanwhile.
    asked: Vec<String>,
}

impl Qemu {
    pub(super) fn new(log: PathBuf, deadline: Duration) -> Self {
        Self { child: None, qmp: None, log, deadline, status: None, interrupt: None, asked: Vec::new() }
    }

    pub(in crate::host) fn is_connected(&self) -> bool {
        self.qmp.is_some()
    }

    pub(in crate::host) fn disconnect(&mut self) {
        self.qmp = None;
    }

    /// Collects the process, if it has ended.
    pub(crate) fn reap(&mut self) {
        if let Some(child) = &mut self.child
            && let Ok(Some(status)) = child.try_wait()
        {
            self.status = Some(status);
            self.child = None;
        }
    }

    /// How it ended, once it did.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.reap();
        self.status.map(describe)
    }

    /// Whether it ended by itself, with status 0.
    pub(crate) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    pub(in crate::host) fn connect(&mut self, path: &Path, deadline: Duration) -> Result<()> {
        let end = Instant::now() + deadline;
        let stream = UnixStream::connect(path);
        let qmp = match stream {
            Ok(stream) => Qmp::greet(stream, end, self.interrupt.as_ref().map(AsFd::as_fd)),
            // Without a listener QEMU is gone.
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => Err(QmpError::Closed),
            Err(e) => return Err(HostError::system("connect to", path, e)),
        };
        match qmp {
            Ok(qmp) => {
                self.qmp = Some(qmp);
                Ok(())
            }
            Err(error) => Err(self.explain("the greeting", deadline, error)),
        }
    }

    fn explain(&mut self, command: &str, deadline: Duration, error: QmpError) -> HostError {
        let command = command.to_owned();
        match error {
            QmpError::Closed => {
                // The connection closes a little before the process can be collected.
                let end = Instant::now() + Duration::from_secs(2);
                while self.child.is_some() && self.status.is_none() && Instant::now() < end {
                    self.reap();
                    std::thread::sleep(Duration::from_millis(2));
                }
                self.qmp = None;
                let status = self.status.map_or_else(|| "it closed its monitor".into(), describe);
                HostError::QemuEnded { status, stderr: self.last_words() }
            }
            QmpError::Late => {
                let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
                HostError::NoAnswer { command, deadline_ms, stderr: self.last_words() }
            }
            QmpError::Interrupted => HostError::Interrupted,
            QmpError::Refused { class, desc } => HostError::Refused { command, class, desc },
            QmpError::NoQmp(text) => HostError::NoQmp(text),
        }
    }

    /// The end of what it wrote to its standard error.
    pub(crate) fn last_words(&self) -> String {
        let read = || {
            let mut file = File::open(&self.log)?;
            let length = i64::try_from(file.metadata()?.len()).unwrap_or_default();
            file.seek(SeekFrom::End(-length.min(LOG_TAIL)))?;
            let mut bytes = Vec::new();
            file.take(LOG_TAIL.unsigned_abs()).read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
        };
        // It is shown with an error that matters more than this one.
        read().unwrap_or_default()
    }

    /// Executes a command, and waits for its response and for the event, if one is awaited.
    pub(crate) fn execute(
        &mut self,
        command: &Value,
        fd: Option<BorrowedFd<'_>>,
        awaits: Option<&Await>,
    ) -> Result<Value> {
        let name = command.get("execute").and_then(Value::as_str).unwrap_or_default().to_owned();
        let deadline = self.deadline;
        let Some(qmp) = self.qmp.as_mut() else {
            return Err(HostError::QemuEnded { status: "there is no connection".into(), stderr: self.last_words() });
        };
        let answer = match qmp.execute(command, fd, Instant::now() + deadline) {
            Err(QmpError::Refused { class, .. }) if class == "DeviceNotFound" && self.is_released(awaits) => {
                return Ok(Value::Null);
            }
            other => other.map_err(|e| self.explain(&name, deadline, e))?,
        };
        if let Some(awaits) = awaits {
            self.wait_for(&name, awaits)?;
        }
        Ok(answer)
    }

    /// Whether the awaited event belongs to a device that was asked for before, and is gone now. The answer is `true` once.
    fn is_released(&mut self, awaits: Option<&Await>) -> bool {
        let wanted = awaits.filter(|awaits| awaits.event == "DEVICE_DELETED");
        let Some(wanted) = wanted.and_then(|awaits| device(awaits.matching.get("device"))) else { return false };
        let before = self.asked.len();
        self.asked.retain(|asked| *asked != wanted);
        self.asked.len() < before
    }

    fn wait_for(&mut self, command: &str, awaits: &Await) -> Result<()> {
        let deadline = Duration::from_millis(awaits.deadline_ms);
        let end = Instant::now().checked_add(deadline).unwrap_or_else(|| Instant::now() + Duration::from_secs(86400));
        let (event, deadline_ms) = (awaits.event.clone(), awaits.deadline_ms);
        let wanted = device(awaits.matching.get("device")).filter(|_| event == "DEVICE_DELETED");
        // Other events are kept for the next call.
        let mut others = Vec::new();
        let result = loop {
            let Some(qmp) = self.qmp.as_mut() else {
                break Err(HostError::QemuEnded { status: "there is no connection".into(), stderr: String::new() });
            };
            match qmp.event(end, self.interrupt.as_ref().map(AsFd::as_fd)) {
                Ok(came) if awaits.is_met(&came.name, came.data.as_ref()) => break Ok(()),
                Ok(came) => {
                    let refuses = came.name == "DEVICE_UNPLUG_GUEST_ERROR"
                        && wanted.is_some()
                        && device(came.data.as_ref().and_then(|data| data.get("device"))) == wanted;
                    others.push(came);
                    if let Some(device) = wanted.clone().filter(|_| refuses) {
                        break Err(HostError::GuestRefuses { device });
                    }
                }
                Err(QmpError::Late) => {
                    break Err(match wanted {
                        Some(device) => {
                            self.asked.push(device.clone());
                            HostError::GuestHolds { device, deadline_ms }
                        }
                        None => HostError::NoEvent { command: command.to_owned(), event, deadline_ms },
                    });
                }
                Err(error) => break Err(self.explain(command, deadline, error)),
            }
        };
        if let Some(qmp) = self.qmp.as_mut() {
            qmp.put_back(others);
        }
        result
    }

    /// Executes a command that reverts another, where a monitor is connected.
    pub(in crate::host) fn execute_revert(&mut self, command: &Value) -> Result<()> {
        if self.qmp.is_none() || self.ended().is_some() {
            return Ok(());
        }
        match self.execute(command, None, None) {
            Ok(_) | Err(HostError::QemuEnded { .. }) => Ok(()),
            // A descriptor that another command has taken does not belong to the monitor any more; it is closed with what took it.
            Err(HostError::Refused { .. }) if command.get("execute").is_some_and(|name| name == "closefd") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The next event that is there without waiting.
    pub(crate) fn poll_event(&mut self) -> Option<QmpEvent> {
        let qmp = self.qmp.as_mut()?;
        match qmp.event(Instant::now() + Duration::from_millis(1), None) {
            Ok(event) => Some(event),
            Err(QmpError::Late) => None,
            // QEMU ends; the status of its process shows how.
            Err(_) => {
                self.qmp = None;
                None
            }
        }
    }

    /// Becomes readable when QEMU writes to the monitor.
    pub(crate) fn monitor(&self) -> Option<BorrowedFd<'_>> {
        self.qmp.as_ref().map(AsFd::as_fd)
    }

    /// Whether events are there already.
    pub(crate) fn has_event(&self) -> bool {
        self.qmp.as_ref().is_some_and(Qmp::has_event)
    }
}

fn device(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(ToOwned::to_owned)
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".into(),
    }
}
