//! How the program ends.

use std::process::ExitCode;

/// The exit codes. With several files the highest of the first three counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Nothing is wrong.
    Fine = 0,
    /// There are findings, or the input was refused.
    Findings = 1,
    /// Wrong usage, or a file could not be read or written.
    Usage = 2,
    /// The host refused, and all was reverted.
    HostRefused = 3,
    /// The host refused, and something could not be reverted.
    HostLeft = 4,
    /// The guest has not released the device.
    GuestHolds = 5,
    /// A fault of virtc itself.
    Internal = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// What a failure of the runtime means.
    pub fn of_failure(failure: &virtc_runtime::Failure) -> Self {
        match failure.exit_code() {
            4 => Self::HostLeft,
            5 => Self::GuestHolds,
            _ => Self::HostRefused,
        }
    }
}

/// Makes a panic end the program with [`Exit::Internal`] and a plain message.
pub fn on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!(" at {at}")).unwrap_or_default();
        let payload = panic.payload();
        let message = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
        let message = message.unwrap_or("no message");
        crate::output::last_words(&format!("virtc: internal error{place}: {message}\n"));
        #[expect(clippy::disallowed_methods, reason = "a panic cannot return to main")]
        std::process::exit(i32::from(Exit::Internal as u8));
    }));
}
