//! Where the state of guests is: one folder for each.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use virtc_runtime::control::{CallError, Client};
use virtc_runtime::{Found, inspect};

use crate::exit::Exit;
use crate::output::Output;

/// How long a supervisor may take to answer: a guest may take half a minute to release a device, and requests wait for each other.
const ANSWER: Duration = Duration::from_secs(180);

/// How long a supervisor may take to say how its guest is.
const LOOK: Duration = Duration::from_secs(5);

/// `--state-dir`.
#[derive(Debug, Args)]
pub struct StateArg {
    #[arg(long, value_name = "DIR", help = HELP)]
    state_dir: Option<PathBuf>,
}

const HELP: &str =
    "Folder in which each guest has its state [default: /run/virtc, or $XDG_RUNTIME_DIR/virtc without root]";

/// The state of one guest.
#[derive(Debug)]
pub struct Guest {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
}

impl StateArg {
    /// The folder of all guests, as an absolute path.
    fn base(&self) -> Result<PathBuf, String> {
        if let Some(dir) = &self.state_dir {
            return std::path::absolute(dir).map_err(|error| format!("`{}`: {error}", dir.display()));
        }
        if nix::unistd::geteuid().is_root() {
            return Ok(PathBuf::from("/run/virtc"));
        }
        #[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
        let session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        match session.filter(|session| session.is_absolute()) {
            Some(session) => Ok(session.join("virtc")),
            None => Err("XDG_RUNTIME_DIR is not set: name a folder with `--state-dir DIR`".into()),
        }
    }

    /// The guest of this name, whether it runs or not.
    ///
    /// # Errors
    /// In words, when there is no folder for guests.
    pub fn guest(&self, name: &str) -> Result<Guest, String> {
        Ok(Guest { name: name.to_owned(), dir: self.base()?.join(folder(name)) })
    }

    /// All guests that have a folder, sorted by name.
    ///
    /// # Errors
    /// In words, when the folder of all guests cannot be read.
    pub fn guests(&self) -> Result<Vec<Guest>, String> {
        let base = self.base()?;
        let entries = match std::fs::read_dir(&base) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("cannot read `{}`: {error}", base.display())),
        };
        let dirs = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir());
        let guest = |dir: PathBuf| Some(Guest { name: name_of(dir.file_name()?.to_str()?)?, dir });
        let mut guests: Vec<Guest> = dirs.filter_map(guest).collect();
        guests.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(guests)
    }
}

impl Guest {
    /// What there is of it.
    ///
    /// # Errors
    /// In words, when its folder cannot be read.
    pub fn look(&self) -> Result<Found, String> {
        inspect(&self.dir, LOOK).map_err(|error| error.to_string())
    }

    /// A connection to its supervisor.
    ///
    /// # Errors
    /// In words, what there is in place of one.
    pub fn connect(&self, others: &StateArg) -> Result<Client, String> {
        match Client::connect(&self.dir, ANSWER) {
            Ok(client) => Ok(client),
            Err(CallError::NotRunning) => Err(self.absent(others)?),
            Err(error) => Err(format!("`{}`: {error}", self.name)),
        }
    }

    /// Why it cannot be spoken to.
    fn absent(&self, others: &StateArg) -> Result<String, String> {
        let name = &self.name;
        Ok(match self.look()? {
            Found::Running(_) | Found::Busy => format!("the guest `{name}` is being started or ended; try again"),
            Found::Orphaned => {
                format!("the supervisor of `{name}` has died; `virtc recover {name}` reverts what it did to the host")
            }
            Found::Nothing => {
                let all = others.guests()?;
                let running: Vec<&str> = all.iter().map(|guest| guest.name.as_str()).collect();
                match running.as_slice() {
                    [] => format!("there is no guest `{name}`, nor any other, in {}", others.base()?.display()),
                    names => format!("there is no guest `{name}`; there are: {}", names.join(", ")),
                }
            }
        })
    }
}

/// Tells why a call was not answered as hoped.
pub fn refused(guest: &Guest, error: &CallError, out: &mut Output) -> Exit {
    out.note(&format!("virtc: {}: {error}\n", guest.name));
    match error {
        CallError::Refused { help, not_reverted, is_guest, .. } => {
            if let Some(help) = help {
                out.note(&format!("  help: {help}\n"));
            }
            for failed in not_reverted {
                out.note(&format!("virtc: not reverted: {failed}\n"));
            }
            match (not_reverted.is_empty(), is_guest) {
                (false, _) => Exit::HostLeft,
                (true, true) => Exit::GuestHolds,
                (true, false) => Exit::HostRefused,
            }
        }
        CallError::NotRunning | CallError::Unreachable(_) | CallError::Ended | CallError::Changed => Exit::HostRefused,
    }
}

/// The name of a guest's folder: what a path could misread is written `%` and two digits.
fn folder(name: &str) -> PathBuf {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let dotted = |at: usize, byte: u8| byte == b'.' && at > 0;
    let bytes = name.bytes().enumerate().map(|(at, byte)| match byte {
        _ if plain(byte) || dotted(at, byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    });
    Path::new(&bytes.collect::<String>()).to_owned()
}

/// The name of the guest whose folder has this name; none where it is no guest's.
fn name_of(folder: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = folder.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_plain_names_and_lead_back() {
        for name in ["web", "a b/../c", ".hidden", "é%20"] {
            let folder = folder(name);
            assert_eq!(folder.components().count(), 1, "{}", folder.display());
            assert_eq!(name_of(folder.to_str().unwrap()).as_deref(), Some(name));
        }
        assert_eq!(folder("a b/../c"), Path::new("a%20b%2f..%2fc"));
        assert_eq!((name_of("%2"), name_of("%zz")), (None, None));
    }
}
