//! What a QEMU binary can do: `run` compiles for the one that it is going to start.

mod cache;
mod session;

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use virtc_compiler::Target;
use virtc_compiler::define::default_emulator;
use virtc_compiler::ir::{Arch, Leaf};

use virtc_compiler::target::Capabilities;
use virtc_diag::SourceFile;

pub use session::Environment;

/// The user and the group without rights.
const NOBODY: u32 = 65534;

/// How long a binary may take to say its version.
const DEADLINE: Duration = Duration::from_secs(5);

/// What `binary` says that it can do.
///
/// # Errors
/// In words, when it cannot be started, or does not answer as QEMU does.
pub fn capabilities(binary: &Path, environment: Environment) -> Result<Capabilities, String> {
    let answers = session::ask(binary, environment)?;
    Capabilities::from_exchanges(&answers).map_err(|fault| format!("{}: {fault}", binary.display()))
}

/// The QEMU that the definition in `source` names, or the usual one; absent where it does not say a version. That it cannot be started is
/// said when it is started.
pub fn target(source: &SourceFile) -> Option<Target> {
    let (document, _) = virtc_xml::parse(source);
    let root = document.root();
    let devices = root.and_then(|root| root.child("devices"));
    let named = devices.and_then(|devices| devices.child("emulator")).map(|emulator| emulator.text().trim().to_owned());
    let arch = root.and_then(|root| root.child("os")?.child("type")?.attribute("arch"));
    let arch = arch.and_then(|arch| Arch::read(arch.value())).unwrap_or(Arch::X86_64);
    let binary = named.unwrap_or_else(|| default_emulator(arch));
    let binary = Path::new(&binary);
    let place = cache::Place::of(binary);
    if let Some(caps) = place.as_ref().and_then(cache::Place::read) {
        return Some(Target::file(caps));
    }
    if let Ok(caps) = capabilities(binary, Environment::Empty) {
        // What cannot be kept is asked again.
        let _ = place.and_then(|place| place.write(&caps));
        return Some(Target::file(caps));
    }
    version(&said(binary)?).map(Target::version)
}

/// What `BINARY --version` prints.
fn said(binary: &Path) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the version of a binary is known to the binary only")]
    let mut command = Command::new(binary);
    // A definition may name any program: root's rights are not lent to it.
    if nix::unistd::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).env_clear();
    let mut child = command.spawn().ok()?;
    let end = Instant::now() + DEADLINE;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > end {
            // Both fail only where it has just ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    // What it has written is there; a child of its own that holds the pipe open is not waited for.
    let mut stdout = child.stdout.take()?;
    fcntl(&stdout, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).ok()?;
    let mut bytes = [0; 4096];
    let length = stdout.read(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(bytes.get(..length)?).into_owned();
    Some(text)
}

/// `QEMU emulator version 7.2.22 (Debian …)` as numbers.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let words = text.split_once("version ")?.1;
    let digits = words.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut numbers = digits.split('.').map(|n| n.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright"), Some((7, 2, 22)));
        assert_eq!(version("QEMU emulator version 10.0\n"), Some((10, 0, 0)));
        assert_eq!(version("no such thing"), None);
        assert_eq!(version("version x"), None);
    }

    #[test]
    fn what_is_no_qemu_says_nothing() {
        assert!(
            target(&SourceFile::new("d", "<domain><devices><emulator>/bin/false</emulator></devices></domain>"))
                .is_none()
        );
        assert!(
            target(&SourceFile::new("d", "<domain><devices><emulator>/no/such</emulator></devices></domain>"))
                .is_none()
        );
    }
}
