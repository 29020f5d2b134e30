//! `cargo xtask record`: what an installed libvirt makes of the definitions in testdata/libvirt, written down next to
//! them.

mod lab;
mod spread;
mod start;

use std::path::{Path, PathBuf};

use virtc_tests::libvirt::normal;
use virtc_tests::libvirt::recorded::{self, Definition, How};

use crate::hold::libvirt::{Answer, Libvirt, native, stored};
use crate::install::{self, DRIVER, FIRMWARE, LIBVIRT, MODULES, QEMU, QEMU_ARM, SWTPM, VIRSH};
use crate::{Outcome, process};
use lab::Lab;

/// Record what an installed libvirt makes of the definitions in testdata/libvirt (as root, with KVM)
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    install: install::Options,
    /// Only definitions whose name contains this
    #[arg(default_value = "")]
    only: String,
    /// Record nothing; say how much of the grammar the definitions use
    #[arg(long)]
    coverage: bool,
    /// The definitions whose coverage is told, in place of our own
    #[arg(long, requires = "coverage")]
    of: Option<PathBuf>,
    /// Name what of the grammar they do not use and whose key begins with this (`disk/`; `/` for all)
    #[arg(long, requires = "coverage")]
    never: Option<String>,
}

/// Records, or tells the coverage.
///
/// # Errors
/// When a program is missing, or libvirt answers otherwise than a definition says.
pub fn run(args: &Args) -> Outcome {
    let folder = process::root().join(recorded::FOLDER);
    if args.coverage {
        return spread::print(args.of.as_deref().unwrap_or(&folder), args.never.as_deref());
    }
    let needs = [&[QEMU, QEMU_ARM, LIBVIRT, DRIVER, VIRSH, SWTPM, FIRMWARE][..], &MODULES].concat();
    if !install::ensure(&needs, &args.install).is_empty() {
        return Err("a recording needs all of these".into());
    }
    let libvirt = Libvirt::find()?;
    let scratch = tempfile::tempdir()?;
    let _lab = Lab::set_up(scratch.path())?;
    let definitions = recorded::definitions(&folder)?;
    let chosen: Vec<&Definition> =
        definitions.iter().filter(|definition| definition.name.contains(&args.only)).collect();
    let mut faults = Vec::new();
    let mut changed = 0;
    let questions: Vec<String> = chosen.iter().map(|definition| question(definition)).collect();
    for (definition, answer) in chosen.iter().zip(libvirt.ask_each(&questions)?) {
        match kept(definition, &answer).and_then(|(path, text)| write(&path, &text)) {
            Ok(new) => changed += usize::from(new),
            Err(error) => faults.push(format!("{}: {error}", definition.name)),
        }
    }
    let translated: Vec<&&Definition> = chosen.iter().filter(|definition| definition.how == How::Translate).collect();
    let questions: Vec<String> =
        translated.iter().map(|definition| native(&definition.path.display().to_string())).collect();
    let started = chosen.iter().filter(|definition| definition.how == How::Start);
    let lines = translated.into_iter().zip(libvirt.ask_each(&questions)?).chain(
        // One after the other: each has the card's bridge for itself.
        started.map(|definition| (definition, start::command_line(definition))),
    );
    for (definition, answer) in lines {
        match command_line(&answer).and_then(|text| write(&definition.argv(), &text)) {
            Ok(new) => changed += usize::from(new),
            Err(error) => faults.push(format!("{}: {error}", definition.name)),
        }
    }
    println!("{} definitions, {changed} recordings changed", chosen.len());
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n").into()) }
}

/// What is asked first: how a definition is stored; one that is to be refused may be refused when it is translated.
fn question(definition: &Definition) -> String {
    let file = definition.path.display().to_string();
    let ask = stored(&file, &normal::domain_name(&definition.text));
    if definition.how == How::Refuse { format!("{ask}\n{}", native(&file)) } else { ask }
}

/// The recording that an answer is.
fn kept(definition: &Definition, answer: &Answer) -> Result<(PathBuf, String), String> {
    match (answer, definition.how) {
        (Answer::Refused(why), How::Refuse) if !why.is_empty() => Ok((definition.refused(), format!("{why}\n"))),
        (Answer::Stored(_) | Answer::Refused(_), How::Refuse) => Err("libvirt does not refuse it".to_owned()),
        (Answer::Stored(xml), _) => Ok((definition.stored(), format!("{xml}\n"))),
        (Answer::Refused(why), _) => Err(format!("libvirt refuses it: {why}")),
    }
}

/// A command line as it is recorded.
fn command_line(answer: &Answer) -> Result<String, String> {
    match answer {
        Answer::Stored(line) => {
            let words = normal::recorded(line).map_err(|error| error.to_string())?;
            Ok(recorded::to_text(&words))
        }
        Answer::Refused(why) => Err(format!("libvirt makes no command line: {why}")),
    }
}

/// Writes a recording; answers with whether it is another one than before.
fn write(path: &Path, text: &str) -> Result<bool, String> {
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    std::fs::write(path, text).map(|()| true).map_err(|error| format!("{}: {error}", path.display()))
}
