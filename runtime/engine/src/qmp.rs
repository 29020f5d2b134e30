//! A client for QEMU's monitor: blocking, with a deadline on everything.

use std::collections::VecDeque;
use std::io::{IoSlice, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde_json::{Value, json};

/// No line of QEMU's is longer than this; the longest answers (`query-qmp-schema`) have some hundred kilobytes.
const LONGEST_LINE: usize = 64 << 20;

/// Why a conversation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QmpError {
    /// The other end closed the connection.
    Closed,
    /// The deadline passed.
    Late,
    /// Another descriptor became readable.
    Interrupted,
    /// QEMU answered with an error.
    Refused {
        /// The error class.
        class: String,
        /// QEMU's words.
        desc: String,
    },
    /// It is not QMP.
    NoQmp(String),
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct QmpEvent {
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Option<Value>,
}

/// A connection on which commands can be executed.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    buffer: Vec<u8>,
    searched: usize,
    events: VecDeque<QmpEvent>,
    next_id: u64,
}

impl Qmp {
    /// Waits for the greeting and leaves negotiation mode, all before `deadline`, unless `interrupt` becomes readable.
    ///
    /// # Errors
    /// [`QmpError`]; a QEMU that does not answer is [`QmpError::Late`].
    pub fn greet(stream: UnixStream, deadline: Instant, interrupt: Option<BorrowedFd<'_>>) -> Result<Self, QmpError> {
        let mut qmp = Self { stream, buffer: Vec::new(), searched: 0, events: VecDeque::new(), next_id: 0 };
        let greeting = qmp.line(deadline, interrupt)?;
        if greeting.get("QMP").is_none() {
            return Err(QmpError::NoQmp(greeting.to_string()));
        }
        qmp.execute(&json!({"execute": "qmp_capabilities"}), None, deadline)?;
        Ok(qmp)
    }

    /// Executes a command, with a descriptor where there is one, and waits for its response. Events that come meanwhile are queued.
    ///
    /// # Errors
    /// [`QmpError`].
    pub fn execute(
        &mut self,
        command: &Value,
        fd: Option<BorrowedFd<'_>>,
        deadline: Instant,
    ) -> Result<Value, QmpError> {
        self.next_id += 1;
        let id = Value::from(self.next_id);
        let mut command = command.clone();
        if let Some(members) = command.as_object_mut() {
            members.insert("id".into(), id.clone());
        }
        self.send(format!("{command}\n").as_bytes(), fd, deadline)?;
        loop {
            let mut answer = self.line(deadline, None)?;
            if self.keep_event(&answer) {
                continue;
            }
            if answer.get("id") != Some(&id) {
                // An answer without an id is the one to a line that QEMU could not read.
                if answer.get("id").is_some() {
                    continue;
                }
            }
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
            let text = |key| answer.pointer(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            if answer.get("error").is_some() {
                return Err(QmpError::Refused { class: text("/error/class"), desc: text("/error/desc") });
            }
            return Err(QmpError::NoQmp(answer.to_string()));
        }
    }

    /// The next event since the last call, or before `deadline`, unless `interrupt` becomes readable.
    ///
    /// # Errors
    /// [`QmpError`]; no event is [`QmpError::Late`].
    pub fn event(&mut self, deadline: Instant, interrupt: Option<BorrowedFd<'_>>) -> Result<QmpEvent, QmpError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let line = self.line(deadline, interrupt)?;
            if !self.keep_event(&line) && line.get("return").is_none() && line.get("error").is_none() {
                return Err(QmpError::NoQmp(line.to_string()));
            }
        }
    }

    /// Puts events back to the front of the queue, in their order.
    pub fn put_back(&mut self, events: Vec<QmpEvent>) {
        for event in events.into_iter().rev() {
            self.events.push_front(event);
        }
    }

    /// Whether an event is queued already, so that waiting for the descriptor would wait in vain.
    pub fn has_event(&self) -> bool {
        !self.events.is_empty() || self.buffer.contains(&b'\n')
    }

    fn keep_event(&mut self, line: &Value) -> bool {
        let Some(name) = line.get("event").and_then(Value::as_str) else { return false };
        self.events.push_back(QmpEvent { name: name.to_owned(), data: line.get("data").cloned() });
        true
    }

    fn send(&mut self, mut bytes: &[u8], fd: Option<BorrowedFd<'_>>, deadline: Instant) -> Result<(), QmpError> {
        let raw: Vec<RawFd> = fd.iter().map(AsRawFd::as_raw_fd).collect();
        let mut rights = [ControlMessage::ScmRights(&raw)];
        let mut attached: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &mut rights };
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(left(deadline)?)).map_err(|_| QmpError::Closed)?;
            let sent =
                sendmsg::<()>(self.stream.as_raw_fd(), &[IoSlice::new(bytes)], attached, MsgFlags::MSG_NOSIGNAL, None);
            match sent {
                Ok(count) => {
                    bytes = bytes.get(count..).unwrap_or_default();
                    attached = &[];
                }
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => return Err(QmpError::Late),
                Err(_) => return Err(QmpError::Closed),
            }
        }
        Ok(())
    }

    fn line(&mut self, deadline: Instant, interrupt: Option<BorrowedFd<'_>>) -> Result<Value, QmpError> {
        loop {
            let unseen = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(end) = unseen.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(self.searched + end + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                self.searched = 0;
                return serde_json::from_slice(&line)
                    .map_err(|_| QmpError::NoQmp(String::from_utf8_lossy(&line).trim().chars().take(200).collect()));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > LONGEST_LINE {
                return Err(QmpError::NoQmp("a line without end".into()));
            }
            if let Some(interrupt) = interrupt {
                wait(self.stream.as_fd(), interrupt, deadline)?;
            }
            self.stream.set_read_timeout(Some(left(deadline)?)).map_err(|_| QmpError::Closed)?;
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(QmpError::Closed),
                Ok(count) => self.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    return Err(QmpError::Late);
                }
                Err(_) => return Err(QmpError::Closed),
            }
        }
    }
}

impl AsFd for Qmp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Until the stream is readable; a readable `interrupt` comes first.
fn wait(stream: BorrowedFd<'_>, interrupt: BorrowedFd<'_>, deadline: Instant) -> Result<(), QmpError> {
    loop {
        let mut fds = [PollFd::new(stream, PollFlags::POLLIN), PollFd::new(interrupt, PollFlags::POLLIN)];
        // Rounded up to the next millisecond, not down to a busy loop.
        let time = PollTimeout::try_from(left(deadline)? + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, time) {
            Ok(0) | Err(nix::Error::EINTR) => {}
            Ok(_) if fds.last().is_some_and(|fd| fd.any().unwrap_or_default()) => return Err(QmpError::Interrupted),
            Ok(_) => return Ok(()),
            Err(_) => return Err(QmpError::Closed),
        }
    }
}

fn left(deadline: Instant) -> Result<Duration, QmpError> {
    deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).ok_or(QmpError::Late)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};

    /// A QEMU that answers each line with the next text, `ID` replaced by the command's id.
    fn talk(greeting: &'static str, answers: &'static [&'static str]) -> UnixStream {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            theirs.write_all(greeting.as_bytes()).unwrap();
            let mut lines = BufReader::new(theirs.try_clone().unwrap()).lines();
            for answer in answers {
                let Some(Ok(line)) = lines.next() else { return };
                let command: Value = serde_json::from_str(&line).unwrap();
                theirs.write_all(answer.replace("ID", &command["id"].to_string()).as_bytes()).unwrap();
            }
            // Hold the connection open for a QEMU that does not answer.
            let _ = lines.next();
        });
        ours
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[test]
    fn events_between_question_and_answer_are_queued() {
        let answers = &[
            "{\"return\":{},\"id\":ID}\n",
            "{\"event\":\"A\",\"data\":{\"x\":1}}\r\n{\"return\":7,\"id\":ID}\n{\"event\":\"B\"}\n",
            "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"},\"id\":ID}\n",
        ];
        let mut qmp = Qmp::greet(talk("{\"QMP\":{}}\n", answers), soon(), None).unwrap();
        assert_eq!(qmp.execute(&json!({"execute": "x"}), None, soon()), Ok(json!(7)));
        assert_eq!(qmp.event(soon(), None).unwrap().data, Some(json!({"x": 1})));
        assert_eq!(qmp.event(soon(), None).unwrap().name, "B");
        let refused = QmpError::Refused { class: "GenericError".into(), desc: "no".into() };
        assert_eq!(qmp.execute(&json!({"execute": "x"}), None, soon()), Err(refused));
        let late = Instant::now() + Duration::from_millis(50);
        assert_eq!(qmp.execute(&json!({"execute": "x"}), None, late), Err(QmpError::Closed));
    }

    #[test]
    fn a_wait_can_be_interrupted() {
        let (interrupt, other) = UnixStream::pair().unwrap();
        let mut qmp = Qmp::greet(talk("{\"QMP\":{}}\n", &["{\"return\":{},\"id\":ID}\n", "x"]), soon(), None).unwrap();
        let late = Instant::now() + Duration::from_millis(50);
        assert_eq!(qmp.event(late, Some(interrupt.as_fd())), Err(QmpError::Late));
        (&other).write_all(b"1").unwrap();
        assert_eq!(qmp.event(soon(), Some(interrupt.as_fd())), Err(QmpError::Interrupted));
        let greeting = Qmp::greet(talk("", &["x"]), soon(), Some(interrupt.as_fd()));
        assert_eq!(greeting.unwrap_err(), QmpError::Interrupted);
    }

    #[test]
    fn silence_and_nonsense_are_errors_of_their_own() {
        let late = Instant::now() + Duration::from_millis(50);
        assert_eq!(Qmp::greet(talk("", &["x"]), late, None).unwrap_err(), QmpError::Late);
        assert!(matches!(Qmp::greet(talk("{\"QMX\":{}}\n", &[]), soon(), None).unwrap_err(), QmpError::NoQmp(_)));
        assert!(matches!(Qmp::greet(talk("hello\n", &[]), soon(), None).unwrap_err(), QmpError::NoQmp(_)));
    }
}
