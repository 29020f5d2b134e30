//! `cargo xtask demo`: virtc from a definition to a running guest and back, in real QEMU.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use std::{fs, thread};

use virtc_tests::guest;

use crate::install::{self, QEMU};
use crate::snapshot::Snapshot;
use crate::steps::Steps;
use crate::{Outcome, process};

/// Show virtc at work: check, compile, run in QEMU, hotplug, shut down, and nothing left behind
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    install: install::Options,
}

/// How long the guest may take for one line.
const TIME: Duration = Duration::from_secs(60);

/// The directory that the example names; it becomes that of this run.
const PLACE: &str = "/var/lib/virtc-demo";

/// The name of the example's domain.
const NAME: &str = "virtc-demo";

/// A file of testdata/examples, from the root of the repository.
fn example(name: &str) -> PathBuf {
    Path::new("testdata/examples").join(name)
}

/// `virtc WORDS FILE` at the root of the repository, after it has been shown.
fn virtc(steps: &Steps, words: &[&str], file: Option<&Path>) -> Command {
    let shown: Vec<_> = words.iter().copied().chain(file.and_then(Path::to_str)).collect();
    steps.say(format!("$ virtc {}", shown.join(" ")));
    let program = std::env::var_os("VIRTC_BIN").map_or_else(|| process::built("debug", "virtc"), PathBuf::from);
    let mut command = Command::new(program);
    command.args(words).args(file).current_dir(process::root());
    command
}

/// Shows what virtc can do.
///
/// # Errors
/// The first thing that does not go as it should.
pub fn run(args: &Args) -> Outcome {
    let mut steps = Steps::new();
    steps.step("What the machine needs");
    if !install::ensure(&[QEMU], &args.install).is_empty() {
        return Err("there is no QEMU to run a guest in".into());
    }

    steps.step("Build virtc");
    process::run(process::cargo().args(["build", "--quiet", "--package", "virtc-cli"]), 0)?;

    steps.step("Check a sound definition");
    process::run(&mut virtc(&steps, &["check"], Some(&example("guest.xml"))), 0)?;

    steps.step("Check a broken one");
    process::run(&mut virtc(&steps, &["check"], Some(&example("broken.xml"))), 1)?;

    steps.step("Where each argument of the command line comes from");
    process::run(&mut virtc(&steps, &["compile", "--emit", "map"], Some(&example("guest.xml"))), 0)?;

    let place = tempfile::tempdir()?;
    let states = [PathBuf::from("/run/virtc"), place.path().to_owned()];
    let domain = prepare(place.path())?;
    let lines = serial(place.path())?;
    let before = Snapshot::take(&states, NAME);

    steps.step("Run it in QEMU, and wait for the guest's first word");
    let mut running = Running::start(virtc(&steps, &["run"], Some(&domain)))?;
    running.line(&lines, guest::HELLO)?;
    steps.say(guest::HELLO);

    steps.step("Plug a network card into the running guest");
    process::run(&mut virtc(&steps, &["attach", NAME], Some(&example("nic.xml"))), 0)?;

    steps.step("Take it away again: done only when the guest has let go");
    process::run(&mut virtc(&steps, &["detach", NAME], Some(&example("nic.xml"))), 0)?;
    running.line(&lines, guest::RELEASED)?;
    steps.say(guest::RELEASED);

    steps.step("Press the power button");
    process::run(&mut virtc(&steps, &["stop", NAME], None), 0)?;
    running.line(&lines, guest::POWER_OFF)?;
    running.ended()?;

    steps.step("What is left on the host");
    let changes = before.changes(&Snapshot::take(&states, NAME));
    if !changes.is_empty() {
        return Err(format!("the host is not as it was:\n{}", changes.join("\n")).into());
    }
    steps
        .say(format!("nothing: {} files, cgroups, processes, drivers and network devices are as before", before.len()));
    steps.finish("The demo is through");
    Ok(())
}

/// Puts the guest's disk and the definition, with its own paths, under `place`.
fn prepare(place: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    // QEMU may run as another user.
    fs::set_permissions(place, fs::Permissions::from_mode(0o755))?;
    let disk = place.join("disk.img");
    fs::write(&disk, guest::image())?;
    fs::set_permissions(&disk, fs::Permissions::from_mode(0o666))?;
    let text = fs::read_to_string(process::root().join(example("guest.xml")))?;
    let own = place.to_str().ok_or("the directory for temporary files is not UTF-8")?;
    let domain = place.join("guest.xml");
    fs::write(&domain, text.replace(PLACE, own))?;
    Ok(domain)
}

/// The lines that the guest prints: QEMU connects its serial port to a socket that waits for it here.
fn serial(place: &Path) -> Result<Receiver<String>, Box<dyn std::error::Error>> {
    let path = place.join("serial");
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let Ok((stream, _)) = listener.accept() else { return };
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    Ok(receiver)
}

/// `virtc run`, ended when this goes.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self(command.spawn().map_err(|error| format!("`{}`: {error}", process::shown(&command)))?))
    }

    /// Waits until the guest has printed `wanted`; fails at once if virtc ends without that.
    fn line(&mut self, lines: &Receiver<String>, wanted: &str) -> Outcome {
        let until = Instant::now() + TIME;
        while Instant::now() < until {
            // Asked before the lines are read: what the guest said before the end still counts.
            let ended = self.0.try_wait()?;
            match lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) if line.trim_end() == wanted => return Ok(()),
                Ok(_) => {}
                Err(_) => {
                    if let Some(status) = ended {
                        return Err(format!("`virtc run` ended with {status} before the guest said `{wanted}`").into());
                    }
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
        Err(format!("the guest did not say `{wanted}` within {} s", TIME.as_secs()).into())
    }

    fn ended(&mut self) -> Outcome {
        let until = Instant::now() + TIME;
        while Instant::now() < until {
            match self.0.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("`virtc run` ended with {status}").into()),
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        Err("`virtc run` has not ended".into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked first, so that it takes back what it did; killed only where it does not answer.
        if let Ok(None) = self.0.try_wait() {
            let _ = Command::new("kill").arg(self.0.id().to_string()).status();
            let until = Instant::now() + Duration::from_secs(20);
            while Instant::now() < until && matches!(self.0.try_wait(), Ok(None)) {
                thread::sleep(Duration::from_millis(50));
            }
        }
        // Both fail only when it has ended and been waited for already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
