//! The client of the control socket.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::wire::{Wire, WireError};
use super::{AttachArguments, CONTROL_SOCKET, DetachArguments, INTERFACE, Status, VmDescription};

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No supervisor listens there.
    #[error("no VM runs here")]
    NotRunning,
    /// The socket cannot be used.
    #[error("cannot reach the supervisor: {0}")]
    Unreachable(String),
    /// The VM ended before the answer.
    #[error("the VM has ended meanwhile")]
    Ended,
    /// A device was attached, detached or updated meanwhile.
    #[error("a device was attached, detached or updated meanwhile")]
    Changed,
    /// The supervisor refused.
    #[error("{message}")]
    Refused {
        /// Why.
        message: String,
        /// What to do about it.
        help: Option<String>,
        /// What could not be reverted.
        not_reverted: Vec<String>,
        /// Whether it is the guest that has not released the device.
        is_guest: bool,
    },
}

/// A connection to a VM's supervisor.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    time: Duration,
}

impl Client {
    /// Connects to the supervisor of the VM in this directory. Each call may take `time`.
    ///
    /// # Errors
    /// [`CallError::NotRunning`] and [`CallError::Unreachable`].
    pub fn connect(dir: &Path, time: Duration) -> Result<Self, CallError> {
        match UnixStream::connect(dir.join(CONTROL_SOCKET)) {
            Ok(stream) => Ok(Self { wire: Wire::new(stream), time }),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                Err(CallError::NotRunning)
            }
            Err(e) => Err(CallError::Unreachable(e.to_string())),
        }
    }

    /// One call of a method, by its full name.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn call(&mut self, method: &str, parameters: &Value) -> Result<Value, CallError> {
        let broken = |e: WireError| match e {
            WireError::Closed => CallError::Ended,
            WireError::Late | WireError::Nonsense(_) => CallError::Unreachable(e.to_string()),
        };
        let call = json!({"method": method, "parameters": parameters});
        self.wire.send(&call, self.time).map_err(broken)?;
        let mut answer = self.wire.receive(self.time).map_err(broken)?;
        let Some(name) = answer.get("error").and_then(Value::as_str) else {
            return Ok(answer.get_mut("parameters").map(Value::take).unwrap_or_default());
        };
        let text = |key: &str| answer.pointer(key).and_then(Value::as_str).map(ToOwned::to_owned);
        Err(match name.strip_prefix(INTERFACE).and_then(|rest| rest.strip_prefix('.')) {
            Some("Changed") => CallError::Changed,
            Some("Ended") => CallError::Ended,
            own => CallError::Refused {
                message: text("/parameters/message").unwrap_or_else(|| format!("the supervisor answered {answer}")),
                help: text("/parameters/help"),
                not_reverted: answer
                    .pointer("/parameters/not_reverted")
                    .and_then(Value::as_array)
                    .map(|all| all.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect())
                    .unwrap_or_default(),
                is_guest: own == Some("GuestHolds"),
            },
        })
    }

    fn own(&mut self, method: &str, parameters: &impl serde::Serialize) -> Result<Value, CallError> {
        let parameters = serde_json::to_value(parameters).map_err(|e| CallError::Unreachable(e.to_string()))?;
        self.call(&format!("{INTERFACE}.{method}"), &parameters)
    }

    fn read<T: serde::de::DeserializeOwned>(&mut self, method: &str) -> Result<T, CallError> {
        let value = self.own(method, &json!({}))?;
        serde_json::from_value(value).map_err(|e| CallError::Unreachable(e.to_string()))
    }

    /// The status of the VM.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn status(&mut self) -> Result<Status, CallError> {
        self.read("Status")
    }

    /// The description of what runs.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn describe(&mut self) -> Result<VmDescription, CallError> {
        self.read("Describe")
    }

    /// Adds a device.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn attach(&mut self, arguments: &AttachArguments) -> Result<(), CallError> {
        self.own("Attach", arguments).map(drop)
    }

    /// Changes a device.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn update(&mut self, arguments: &AttachArguments) -> Result<(), CallError> {
        self.own("Update", arguments).map(drop)
    }

    /// Removes a device.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn detach(&mut self, arguments: &DetachArguments) -> Result<(), CallError> {
        self.own("Detach", arguments).map(drop)
    }

    /// Asks the guest to shut down.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn power_down(&mut self) -> Result<(), CallError> {
        self.own("PowerDown", &json!({})).map(drop)
    }

    /// Asks QEMU to quit.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn quit(&mut self) -> Result<(), CallError> {
        self.own("Quit", &json!({})).map(drop)
    }
}
