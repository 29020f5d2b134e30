//! Messages on the wire: JSON objects, each ended by a NUL byte.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::LONGEST;

/// Why there is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The other end closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// The deadline passed.
    #[error("there was no message in time")]
    Late,
    /// It is longer than [`LONGEST`], or not JSON.
    #[error("not a message: {0}")]
    Nonsense(String),
}

/// A connection.
#[derive(Debug)]
pub struct Wire {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The next message. The whole of it must be there before the time is over.
    pub fn receive(&mut self, time: Duration) -> Result<Value, WireError> {
        let end = Instant::now() + time;
        let mut searched = 0;
        loop {
            let unseen = self.buffer.get(searched..).unwrap_or_default();
            if let Some(at) = unseen.iter().position(|byte| *byte == 0) {
                let rest = self.buffer.split_off(searched + at + 1);
                let mut message = std::mem::replace(&mut self.buffer, rest);
                message.pop();
                return serde_json::from_slice(&message).map_err(|e| WireError::Nonsense(e.to_string()));
            }
            searched = self.buffer.len();
            if searched > LONGEST {
                return Err(WireError::Nonsense(format!("it is longer than {LONGEST} bytes")));
            }
            self.stream.set_read_timeout(Some(left(end)?)).map_err(|_| WireError::Closed)?;
            let mut chunk = [0; 8192];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(WireError::Closed),
                Ok(count) => self.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if is_late(&e) => return Err(WireError::Late),
                Err(_) => return Err(WireError::Closed),
            }
        }
    }

    /// Sends a message before the time is over.
    pub fn send(&mut self, message: &Value, time: Duration) -> Result<(), WireError> {
        let end = Instant::now() + time;
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            self.stream.set_write_timeout(Some(left(end)?)).map_err(|_| WireError::Closed)?;
            match self.stream.write(rest) {
                Ok(0) => return Err(WireError::Closed),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if is_late(&e) => return Err(WireError::Late),
                Err(_) => return Err(WireError::Closed),
            }
        }
        Ok(())
    }
}

fn is_late(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn left(end: Instant) -> Result<Duration, WireError> {
    end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).ok_or(WireError::Late)
}
