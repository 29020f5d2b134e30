//! What can go wrong on a host.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why the host, QEMU or the guest refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HostError {
    /// The system refused a call.
    #[error("{what}: {why}")]
    System {
        /// What was tried, with the path.
        what: String,
        /// The system's own words.
        why: String,
    },
    /// The kernel did not answer in time; the process that waits for it was given up.
    #[error("{what}: the kernel has not answered after {seconds} s; process {waiting} is left waiting for it")]
    Hang {
        /// What was tried.
        what: String,
        /// The deadline in seconds.
        seconds: u64,
        /// The process that still waits: its number, from 1.
        waiting: i32,
    },
    /// The host is not what the step needs.
    #[error("{0}")]
    Unsuitable(String),
    /// A write was accepted, but reading it back shows something else.
    #[error("{0}: the host took it, but reading it back shows otherwise")]
    NotVerified(String),
    /// QEMU ended.
    #[error("QEMU ended ({status}){}", stderr_of(stderr))]
    QemuEnded {
        /// How: an exit status or a signal.
        status: String,
        /// The end of what it wrote to its standard error.
        stderr: String,
    },
    /// QEMU's monitor did not answer in time.
    #[error("QEMU has not answered `{command}` after {deadline_ms} ms{}", stderr_of(stderr))]
    NoAnswer {
        /// What was asked: a command, or the greeting.
        command: String,
        /// The deadline in milliseconds.
        deadline_ms: u64,
        /// The end of what it wrote to its standard error.
        stderr: String,
    },
    /// QEMU refused a command.
    #[error("QEMU refused `{command}`: {desc}")]
    Refused {
        /// The command.
        command: String,
        /// QEMU's error class.
        class: String,
        /// QEMU's own words.
        desc: String,
    },
    /// QEMU's monitor does not speak QMP.
    #[error("QEMU's monitor does not speak QMP: {0}")]
    NoQmp(String),
    /// The awaited event has not come.
    #[error("`{command}`: no event {event} after {deadline_ms} ms")]
    NoEvent {
        /// The command.
        command: String,
        /// The event.
        event: String,
        /// The deadline in milliseconds.
        deadline_ms: u64,
    },
    /// The guest has not released a device.
    #[error("the guest has not released the device `{device}` after {deadline_ms} ms")]
    GuestHolds {
        /// The device's alias.
        device: String,
        /// The deadline in milliseconds.
        deadline_ms: u64,
    },
    /// The guest reports that it cannot release a device (`DEVICE_UNPLUG_GUEST_ERROR`).
    #[error("the guest refuses to release the device `{device}`")]
    GuestRefuses {
        /// The device's alias.
        device: String,
    },
    /// The state directory belongs to a running supervisor.
    #[error("{} is in use by a running supervisor", .0.display())]
    Locked(PathBuf),
    /// The state directory holds the journal of an earlier run.
    #[error("{} holds the journal of a run that was not reverted", .0.display())]
    Unfinished(PathBuf),
    /// The journal cannot be read.
    #[error("the journal is damaged at line {line}: {why}")]
    Journal {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// A device was attached, updated or detached since the plan was made.
    #[error("a device was attached or detached since the plan was made")]
    Changed {
        /// The generation now, from 0.
        generation: u64,
    },
    /// The run was asked to end meanwhile.
    #[error("interrupted")]
    Interrupted,
}

fn stderr_of(stderr: &str) -> String {
    if stderr.trim().is_empty() { String::new() } else { format!("; its stderr: {}", stderr.trim_end()) }
}

impl HostError {
    /// A refused call on a path.
    pub fn system(what: &str, path: &Path, why: impl std::fmt::Display) -> Self {
        Self::System { what: format!("{what} {}", path.display()), why: why.to_string() }
    }

    /// What to do about it, if there is something to do.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Unfinished(_) => Some("run `virtc recover` on it first"),
            Self::Locked(_) => Some("a VM of this name runs already; `virtc stop` ends it"),
            Self::Hang { .. } => Some("the host may need a reboot before this function can be used again"),
            Self::GuestHolds { .. } => {
                Some("the guest needs a running system that answers hot-unplug; ask again later")
            }
            Self::Changed { .. } => Some("make the plan again"),
            Self::System { .. }
            | Self::Unsuitable(_)
            | Self::NotVerified(_)
            | Self::QemuEnded { .. }
            | Self::NoAnswer { .. }
            | Self::Refused { .. }
            | Self::NoQmp(_)
            | Self::NoEvent { .. }
            | Self::GuestRefuses { .. }
            | Self::Journal { .. }
            | Self::Interrupted => None,
        }
    }

    /// Whether it is the guest, not the host, that refuses.
    pub fn is_guest(&self) -> bool {
        matches!(self, Self::GuestHolds { .. } | Self::GuestRefuses { .. })
    }
}

/// A change that could not be reverted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("could not {what}: {error}")]
pub struct RevertFailed {
    /// The operation that reverts it, in words.
    pub what: String,
    /// Why it failed.
    pub error: HostError,
}

/// A plan that could not be executed, and the state of the host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{cause}", at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default())]
pub struct Failure {
    /// The step's origin, where it is a step that failed.
    pub at: Option<String>,
    /// The first cause.
    pub cause: HostError,
    /// What could not be reverted; empty: everything was.
    pub not_reverted: Vec<RevertFailed>,
}

impl Failure {
    /// The exit code: 3 refused and everything reverted, 4 something is left, 5 the guest has not released the device.
    pub fn exit_code(&self) -> u8 {
        if !self.not_reverted.is_empty() {
            4
        } else if self.cause.is_guest() {
            5
        } else {
            3
        }
    }
}

impl From<HostError> for Failure {
    fn from(cause: HostError) -> Self {
        Self { at: None, cause, not_reverted: Vec::new() }
    }
}
