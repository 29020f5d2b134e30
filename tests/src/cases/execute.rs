//! One command of a case: what comes of it, as text for a golden.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::header::{FILE, Run};

/// No command of a case may take longer.
const TIME: Duration = Duration::from_secs(60);

/// Runs `program` in the folder of `input` and writes down the command, its status and its output.
///
/// # Errors
/// When the program cannot be started or takes longer than a minute.
pub(super) fn transcript(program: &Path, input: &Path, run: &Run) -> io::Result<String> {
    let dir = input.parent().unwrap_or(Path::new("."));
    let name = input.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let args: Vec<String> = run.args.iter().map(|arg| arg.replace(FILE, &name)).collect();
    let scratch = tempfile::tempdir()?;
    let (out, err) = (scratch.path().join("out"), scratch.path().join("err"));
    let mut child = Command::new(program)
        .args(&args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(File::create(&out)?)
        .stderr(File::create(&err)?)
        .spawn()?;
    let until = Instant::now() + TIME;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no end after {} s", TIME.as_secs())));
        }
        thread::sleep(Duration::from_millis(1));
    };
    let status = status.code().map_or_else(|| status.to_string(), |code| code.to_string());
    let mut text = format!("$ virtc {}\nexit {status}\n", args.join(" "));
    for (what, file) in [("stdout", out), ("stderr", err)] {
        let output = std::fs::read(file)?;
        if !output.is_empty() {
            let output = relative(&String::from_utf8_lossy(&output), dir);
            let end = if output.ends_with('\n') { "" } else { "\n(no line feed at the end)\n" };
            // Writing to a string cannot fail.
            let _ = write!(text, "--- {what}\n{output}{end}");
        }
    }
    Ok(text)
}

/// `output` with every path into `dir` made relative to it, so that it is the same on each machine.
fn relative(output: &str, dir: &Path) -> String {
    let Ok(dir) = dir.canonicalize() else { return output.to_owned() };
    let mut text = output.to_owned();
    let mut up = String::new();
    // The root of the file system is in everything: no further than to the folders above the input.
    for folder in dir.ancestors().take_while(|folder| folder.parent().is_some()).take(4) {
        text = text.replace(&format!("{}/", folder.display()), &up);
        up.push_str("../");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_relative() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().canonicalize().unwrap().join("a/b");
        std::fs::create_dir_all(&dir).unwrap();
        let text = format!("{0}/x.xml and {0}/../y, {1}/z", dir.display(), dir.parent().unwrap().display());
        assert_eq!(relative(&text, &dir), "x.xml and ../y, ../z");
    }
}
