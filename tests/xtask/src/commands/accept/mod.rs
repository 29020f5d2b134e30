//! `cargo xtask accept`: every command line that virtc makes is given to the real QEMU.

mod image;
mod options;
mod qemu;
mod stand_in;
mod summary;
mod tpm;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::install::{self, IMAGES, MODULES, QEMU, QEMU_ARM, SWTPM};
use crate::{Outcome, floors, process};
use options::Opt;
use stand_in::StandIns;

/// Start the real QEMU with what virtc makes of the conformance corpus and of testdata, with stand-ins for what the
/// host lacks
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    install: install::Options,
    /// Directories with definitions, or single ones; those for another architecture than that of the QEMU are passed
    /// over
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The QEMU
    #[arg(long, default_value = "/usr/bin/qemu-system-x86_64")]
    qemu: PathBuf,
    /// The virtc [default: the one that is built here, with debug information]
    #[arg(long)]
    virtc: Option<PathBuf>,
    /// The host file
    #[arg(long)]
    host: Option<PathBuf>,
    /// A file with a line `accept NUMBER`: fewer accepted command lines are a failure
    #[arg(long)]
    floors: Option<PathBuf>,
    /// The document whose table of what is accepted is written
    #[arg(long)]
    report: Option<PathBuf>,
    /// Only files whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Print the command line of each that is refused
    #[arg(long)]
    verbose: bool,
}

/// Other names of devices, which QEMU does not list.
const ALIASES: [&str; 3] = ["ahci", "lsi", "e1000-82540em"];

/// What came of one definition.
enum Verdict {
    Accepted { stand_ins: u32 },
    Refused(String),
    LeftOut(String),
    NotCompiled(String),
}

/// Tries all.
///
/// # Errors
/// When something cannot be run, or fewer are accepted than the floor asks.
pub fn run(args: &Args) -> Outcome {
    let floors = floors::read(args.floors.as_deref())?;
    let arm = is_arm(&args.qemu.to_string_lossy());
    let qemu = if arm { QEMU_ARM } else { QEMU };
    let needs: Vec<_> = [qemu, IMAGES, SWTPM].into_iter().chain(MODULES).collect();
    let lacking = install::ensure(&needs, &args.install);
    if lacking.iter().any(|need| need.package == qemu.package || need.package == IMAGES.package) {
        return Err("there is no QEMU to ask".into());
    }
    let virtc = if let Some(path) = &args.virtc {
        path.clone()
    } else {
        process::run(process::cargo().args(["build", "--quiet", "--package", "virtc-cli"]), 0)?;
        process::built("debug", "virtc")
    };
    let binary = Binary::ask(&virtc, &args.qemu)?;
    let mut files = BTreeSet::new();
    for path in &args.paths {
        collect(path, &mut files)?;
    }
    let files: Vec<PathBuf> = files.into_iter().filter(|f| f.display().to_string().contains(&args.only)).collect();
    let (next, verdicts) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    // A try waits most of its time.
    let threads = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict =
                        one(args, &virtc, &binary, file).unwrap_or_else(|error| Verdict::Refused(error.to_string()));
                    if let Ok(mut verdicts) = verdicts.lock() {
                        verdicts.insert(file.clone(), verdict);
                    }
                }
            });
        }
    });
    let mut verdicts = verdicts.into_inner().map_err(|error| error.to_string())?;
    // What was refused among the others is asked once more, only: on a busy machine QEMU may answer too late.
    for (file, verdict) in verdicts.iter_mut().filter(|(_, verdict)| matches!(verdict, Verdict::Refused(_))) {
        *verdict = one(args, &virtc, &binary, file).unwrap_or_else(|error| Verdict::Refused(error.to_string()));
    }
    let key = if arm { "accept-aarch64" } else { "accept" };
    let summary = summary::Summary::of(key, &verdicts)?;
    if args.only.is_empty() {
        summary.say_idle();
    }
    summary.print();
    if let Some(document) = &args.report {
        summary.report(document, &binary.version)?;
    }
    let floor = floors.get(key).copied().filter(|_| lacking.is_empty());
    if floor.is_none() && args.floors.is_some() {
        println!("left out: the floor, since not everything that it counts on is installed");
    }
    summary.judge(floor.unwrap_or_default())
}

/// Definitions of guests below `path`: those of the corpus that say what they become are no definitions of their own.
fn collect(path: &Path, out: &mut BTreeSet<PathBuf>) -> Outcome {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            collect(&entry?.path(), out)?;
        }
        return Ok(());
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_result = name.matches('.').count() > 1;
    if !is_result
        && path.extension().is_some_and(|end| end == "xml")
        && std::fs::read_to_string(path).is_ok_and(|text| text.contains("<domain"))
    {
        out.insert(path.to_owned());
    }
    Ok(())
}

/// What this QEMU has.
struct Binary {
    devices: BTreeSet<String>,
    machines: BTreeSet<String>,
    version: String,
}

impl Binary {
    fn ask(virtc: &Path, qemu: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let output = Command::new(virtc).args(["qemu", "probe"]).arg(qemu).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        let caps: Value = serde_json::from_slice(&output.stdout)?;
        let devices = caps.get("devices").and_then(Value::as_object).ok_or("the capabilities name no devices")?;
        let numbers = caps.get("version").and_then(Value::as_array).ok_or("the capabilities name no version")?;
        let numbers: Vec<String> = numbers.iter().map(Value::to_string).collect();
        // This list has the other names of machines too.
        let output = Command::new(qemu).args(["-machine", "help"]).output()?;
        let machines = String::from_utf8_lossy(&output.stdout)
            .lines()
            .skip(1)
            .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
            .collect();
        Ok(Self { devices: devices.keys().cloned().collect(), machines, version: numbers.join(".") })
    }

    /// What it lacks of what the options name.
    fn lacks(&self, options: &[Opt]) -> Option<String> {
        let machine = options.iter().find(|o| o.name == "-machine").and_then(Opt::first);
        if let Some(machine) = machine.filter(|machine| !self.machines.contains(*machine)) {
            return Some(format!("this QEMU has no machine `{machine}`"));
        }
        let drivers = options.iter().filter(|o| o.name == "-device").filter_map(|o| o.get("driver"));
        let is_absent = |driver: &&str| {
            let pci = format!("{driver}-pci");
            !self.devices.contains(*driver) && !self.devices.contains(&pci) && !ALIASES.contains(driver)
        };
        drivers.into_iter().find(is_absent).map(|driver| format!("this QEMU has no `{driver}`"))
    }
}

fn one(args: &Args, virtc: &Path, binary: &Binary, file: &Path) -> Result<Verdict, Box<dyn std::error::Error>> {
    let mut command = Command::new(virtc);
    command.args(["compile", "--emit", "argv", "--format", "json"]);
    if let Some(host) = &args.host {
        command.arg("--host").arg(host);
    }
    let output = command.arg(file).output()?;
    let made: Value = serde_json::from_slice(&output.stdout)?;
    let Some(made_words) = made.as_array() else {
        let first = made.get("diagnostics").and_then(Value::as_array).and_then(|all| {
            all.iter().find(|d| d.get("severity").and_then(Value::as_str) == Some("error")).or(all.first())
        });
        let say = |key: &str| first.and_then(|d| d.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned();
        return Ok(Verdict::NotCompiled(say("name")));
    };
    let dir = tempfile::tempdir()?;
    let state = dir.path().display().to_string();
    let words: Vec<String> =
        made_words.iter().filter_map(Value::as_str).map(|word| word.replace("{state}", &state)).collect();
    if is_arm(&args.qemu.to_string_lossy()) != words.first().is_some_and(|own| is_arm(own)) {
        return Ok(Verdict::LeftOut("it is for another architecture".to_owned()));
    }
    let words = without_own(words, &std::fs::read_to_string(file)?);
    let taken = options::options(words.get(1..).unwrap_or_default());
    if let Some(lack) = binary.lacks(&taken) {
        return Ok(Verdict::LeftOut(lack));
    }
    let mut stand_ins = StandIns::new(dir.path(), binary.devices.contains("qxl"));
    let replaced = match stand_ins.replace(taken) {
        Ok(replaced) => replaced,
        Err(reason) => return Ok(Verdict::LeftOut(reason)),
    };
    let words: Vec<String> = replaced.iter().flat_map(Opt::words).collect();
    Ok(match qemu::accepts(&args.qemu, &words, &stand_ins.monitor(), dir.path()) {
        Ok(()) => Verdict::Accepted { stand_ins: stand_ins.devices },
        Err(said) => {
            if args.verbose {
                println!("{}\n  {}", file.display(), words.join(" "));
            }
            Verdict::Refused(said.replace(&state, "@"))
        }
    })
}

/// Whether a binary is the one for guests of Arm.
fn is_arm(binary: &str) -> bool {
    binary.ends_with("qemu-system-aarch64") || binary.ends_with("qemu-system-arm")
}

/// The words without those that the definition itself has as arguments for QEMU: they are the user's, and are
/// together.
fn without_own(mut words: Vec<String>, definition: &str) -> Vec<String> {
    let Ok(document) = roxmltree::Document::parse(definition) else { return words };
    let arguments = document.descendants().filter(|node| {
        node.tag_name().name() == "arg" && node.parent().is_some_and(|p| p.tag_name().name() == "commandline")
    });
    let own: Vec<String> = arguments.filter_map(|node| Some(node.attribute("value")?.to_owned())).collect();
    let at = (0..words.len()).find(|at| !own.is_empty() && words.get(*at..at + own.len()) == Some(&own[..]));
    if let Some(at) = at {
        words.drain(at..at + own.len());
    }
    words
}
