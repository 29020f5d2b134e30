//! One try: QEMU is started, asked, and ended.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a QEMU may take to answer.
const DEADLINE: Duration = Duration::from_secs(60);

/// Starts `binary` with `words` and asks for its state on the monitor.
///
/// # Errors
/// What QEMU said.
pub fn accepts(binary: &Path, words: &[String], monitor: &Path, dir: &Path) -> Result<(), String> {
    let said = dir.join("stderr");
    let stderr = std::fs::File::create(&said).map_err(|error| error.to_string())?;
    let mut command = Command::new(binary);
    command.args(words).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let end = Instant::now() + DEADLINE;
    let mut outcome = Err("it does not answer".to_owned());
    while Instant::now() < end {
        if let Ok(Some(status)) = child.try_wait() {
            let text = std::fs::read_to_string(&said).unwrap_or_default();
            let mut lines = text.lines().rev().filter(|line| !line.contains("warning:") && !line.trim().is_empty());
            // Before its message QEMU says when it was, and after it what may help.
            let name = binary.file_name().map(|name| format!("{}: ", name.to_string_lossy())).unwrap_or_default();
            let own = lines.clone().find_map(|line| Some(line.split_once(name.as_str())?.1));
            let last = own.or_else(|| lines.next()).unwrap_or_default();
            return Err(format!("{last} ({status})"));
        }
        // One that ends while it is asked says why.
        match UnixStream::connect(monitor).map(ask) {
            Ok(Ok(Answer::Ready)) => {
                outcome = Ok(());
                break;
            }
            Ok(Ok(Answer::Other(said))) => {
                outcome = Err(said);
                break;
            }
            Ok(Err(_)) | Err(_) => {}
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // It is ended in whatever state it is.
    let _ = child.kill();
    let _ = child.wait();
    outcome
}

/// What the monitor says.
enum Answer {
    /// The guest waits to be started.
    Ready,
    /// Something else.
    Other(String),
}

/// Asks for the guest's state.
fn ask(stream: UnixStream) -> std::io::Result<Answer> {
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut writer = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    writer.write_all(b"{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"query-status\"}\n")?;
    for line in lines.by_ref() {
        let object: Value = serde_json::from_str(&line?).map_err(std::io::Error::other)?;
        if let Some(status) = object.get("return").and_then(|answer| answer.get("status")) {
            let expected = matches!(status.as_str(), Some("prelaunch" | "paused"));
            return Ok(if expected { Answer::Ready } else { Answer::Other(format!("the guest is {status}")) });
        }
        if object.get("error").is_some() {
            return Ok(Answer::Other(object.to_string()));
        }
    }
    Err(std::io::Error::other("the monitor was closed"))
}
