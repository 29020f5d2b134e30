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

fn example(name: &str) -> PathBuf {
    process::root().join("testdata/examples").join(name)
}

fn virtc(words: &[&str], file: Option<&Path>) -> Command {
    let mut command = Command::new(process::built("debug", "virtc"));
    command.args(words).args(file).current_dir(process::root());
    command
}

/// Runs virtc, shows how, and fails if its status is not `expected`.
fn show(steps: &Steps, mut command: Command, expected: i32) -> Outcome {
    steps.say(format!("$ {}", process::shown(&command)));
    process::run(&mut command, expected)
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
    process::run(process::cargo().args(["build", "--quiet", "--package", "virtc"]), 0)?;

    steps.step("Check a sound definition");
    show(&steps, virtc(&["check"], Some(&example("guest.xml"))), 0)?;

    steps.step("Check a broken one");
    show(&steps, virtc(&["check"], Some(&example("broken.xml"))), 1)?;

    steps.step("Where each argument of the command line comes from");
    show(&steps, virtc(&["compile", "--emit", "map"], Some(&example("guest.xml"))), 0)?;

    let place = tempfile::tempdir()?;
    let states = [PathBuf::from("/run/virtc"), place.path().to_owned()];
    let domain = prepare(place.path())?;
    let lines = serial(place.path())?;
    let before = Snapshot::take(&states, NAME);

    steps.step("Run it in QEMU, and wait for the guest's first word");
    let command = virtc(&["run"], Some(&domain));
    steps.say(format!("$ {} &", process::shown(&command)));
    let mut running = Running::start(command)?;
    await_line(&lines, guest::HELLO)?;
    steps.say(guest::HELLO);

    steps.step("Plug a network card into the running guest");
    show(&steps, virtc(&["attach", NAME], Some(&example("nic.xml"))), 0)?;

    steps.step("Take it away again: done only when the guest has let go");
    show(&steps, virtc(&["detach", NAME], Some(&example("nic.xml"))), 0)?;
    await_line(&lines, guest::RELEASED)?;
    steps.say(guest::RELEASED);

    steps.step("Press the power button");
    show(&steps, virtc(&["stop", NAME], None), 0)?;
    await_line(&lines, guest::POWER_OFF)?;
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
    let text = fs::read_to_string(example("guest.xml"))?;
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

fn await_line(lines: &Receiver<String>, wanted: &str) -> Outcome {
    let until = Instant::now() + TIME;
    loop {
        let line = lines
            .recv_timeout(until.saturating_duration_since(Instant::now()))
            .map_err(|error| format!("the guest did not say `{wanted}`: {error}"))?;
        if line.trim_end() == wanted {
            return Ok(());
        }
    }
}

/// `virtc run`, ended when this goes.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self(command.spawn().map_err(|error| format!("`{}`: {error}", process::shown(&command)))?))
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
        // Both fail only when it has ended and been waited for already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
