//! The program runs real guests: devices come and go, the guest ends, and the host is as it was before.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail at once, starts programs, and reads and writes files"
)]

mod bed;
mod files;
mod kinds;
mod plug;
