//! `cargo xtask accept`: every command line that virtc makes is given to the real QEMU.

mod options;
mod qemu;
mod stand_in;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::{Outcome, process};
use options::Opt;
use stand_in::StandIns;

/// Start the real QEMU with what virtc makes of the conformance corpus and of testdata, with stand-ins for what the host lacks
#[derive(clap::Args)]
pub struct Args {
    /// Directories with definitions, or single ones; those of aarch64 and the like are passed over
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
    /// Fewer accepted command lines than this are a failure
    #[arg(long, default_value_t = 0)]
    floor: usize,
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
    let virtc = match &args.virtc {
        Some(path) => path.clone(),
        None => {
            process::run(process::cargo().args(["build", "--quiet", "--package", "virtc"]), 0)?;
            process::built("debug", "virtc")
        }
    };
    let (devices, has_spice) = devices(&virtc, &args.qemu)?;
    let mut files = BTreeSet::new();
    for path in &args.paths {
        collect(path, &mut files)?;
    }
    let files: Vec<PathBuf> = files.into_iter().filter(|f| f.display().to_string().contains(&args.only)).collect();
    let (next, verdicts) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = one(args, &virtc, &devices, has_spice, file)
                        .unwrap_or_else(|error| Verdict::Refused(error.to_string()));
                    if let Ok(mut verdicts) = verdicts.lock() {
                        verdicts.insert(file.clone(), verdict);
                    }
                }
            });
        }
    });
    let verdicts = verdicts.into_inner().map_err(|error| error.to_string())?;
    summary(&verdicts, args.floor)
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
    if !is_result && name.ends_with(".xml") && std::fs::read_to_string(path).is_ok_and(|text| text.contains("<domain"))
    {
        out.insert(path.to_owned());
    }
    Ok(())
}

/// The devices of this QEMU, and whether it has SPICE.
fn devices(virtc: &Path, qemu: &Path) -> Result<(BTreeSet<String>, bool), Box<dyn std::error::Error>> {
    let output = Command::new(virtc).args(["qemu", "probe"]).arg(qemu).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let caps: Value = serde_json::from_slice(&output.stdout)?;
    let devices = caps.get("devices").and_then(Value::as_object).ok_or("the capabilities name no devices")?;
    Ok((devices.keys().cloned().collect(), devices.contains_key("qxl")))
}

fn one(
    args: &Args,
    virtc: &Path,
    devices: &BTreeSet<String>,
    has_spice: bool,
    file: &Path,
) -> Result<Verdict, Box<dyn std::error::Error>> {
    let mut command = Command::new(virtc);
    command.args(["compile", "--emit", "argv", "--format", "json"]);
    if let Some(host) = &args.host {
        command.arg("--host").arg(host);
    }
    let output = command.arg(file).output()?;
    let made: Value = serde_json::from_slice(&output.stdout)?;
    let Some(argv) = made.as_array() else {
        let first = made.get("diagnostics").and_then(Value::as_array).and_then(|all| {
            all.iter().find(|d| d.get("severity").and_then(Value::as_str) == Some("error")).or(all.first())
        });
        let say = |key: &str| first.and_then(|d| d.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned();
        return Ok(Verdict::NotCompiled(say("name")));
    };
    let dir = tempfile::tempdir()?;
    let state = dir.path().display().to_string();
    let words: Vec<String> =
        argv.iter().filter_map(Value::as_str).map(|word| word.replace("{state}", &state)).collect();
    let words = without_own(words, &std::fs::read_to_string(file)?);
    let taken = options::options(words.get(1..).unwrap_or_default());
    let absent = taken.iter().filter(|o| o.name == "-device").filter_map(|o| o.get("driver")).find(|driver| {
        let pci = format!("{driver}-pci");
        !devices.contains(*driver) && !devices.contains(&pci) && !ALIASES.contains(driver)
    });
    if let Some(driver) = absent {
        return Ok(Verdict::LeftOut(format!("this QEMU has no `{driver}`")));
    }
    let mut stand_ins = StandIns::new(dir.path(), has_spice);
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

/// The words without those that the definition itself has as arguments for QEMU: they are the user's, and stand together.
fn without_own(mut words: Vec<String>, definition: &str) -> Vec<String> {
    let values = definition.split("arg value=").skip(1).filter_map(|rest| {
        let quote = rest.chars().next()?;
        rest.get(1..)?.split(quote).next()
    });
    let plain =
        |value: &str| value.replace("&quot;", "\"").replace("&apos;", "'").replace("&lt;", "<").replace("&amp;", "&");
    let own: Vec<String> = values.map(plain).collect();
    let at = (0..words.len()).find(|at| !own.is_empty() && words.get(*at..at + own.len()) == Some(&own[..]));
    if let Some(at) = at {
        words.drain(at..at + own.len());
    }
    words
}

fn summary(verdicts: &BTreeMap<PathBuf, Verdict>, floor: usize) -> Outcome {
    let (mut accepted, mut with, mut refused) = (0, 0, 0);
    let (mut left, mut not): (BTreeMap<&str, usize>, BTreeMap<&str, usize>) = Default::default();
    for (file, verdict) in verdicts {
        match verdict {
            Verdict::Accepted { stand_ins } => {
                accepted += 1;
                with += usize::from(*stand_ins > 0);
            }
            Verdict::Refused(said) => {
                refused += 1;
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                println!("refused  {name}: {said}");
            }
            Verdict::LeftOut(why) => *left.entry(why).or_default() += 1,
            Verdict::NotCompiled(why) => *not.entry(why).or_default() += 1,
        }
    }
    for (why, count) in &left {
        println!("left out {count:4}  {why}");
    }
    for (why, count) in &not {
        println!("not compiled {count:4}  {why}");
    }
    let (left, not): (usize, usize) = (left.values().sum(), not.values().sum());
    println!(
        "accepted {accepted} of {} (of these {with} with other devices in place of the host's), refused {refused}; left out {left}, not compiled {not}",
        accepted + refused
    );
    if accepted < floor { Err(format!("{accepted} accepted, and the floor is {floor}").into()) } else { Ok(()) }
}
