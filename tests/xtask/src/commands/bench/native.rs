//! `cargo xtask bench native`: one definition compiled by a new process, next to `virsh domxml-to-native`.

use std::process::Command;

use super::{OneFile, in_turn, timed};
use crate::hold::libvirt::{Libvirt, What, adapted, virsh};
use crate::install::{DRIVER, LIBVIRT, QEMU, VIRSH};
use crate::{Outcome, process};

/// How many times faster a compilation has to be.
const AIM: f64 = 4.0;

/// `virtc compile FILE` next to `virsh domxml-to-native qemu-argv`, which asks a daemon that runs already
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    given: OneFile,
}

/// Measures.
///
/// # Errors
/// When a program is missing or fails, or virtc falls short of the aim.
pub fn run(Args { given }: &Args) -> Outcome {
    let OneFile { runs, .. } = given;
    let file = given.ready(&[QEMU, LIBVIRT, DRIVER, VIRSH])?;
    let folder = tempfile::tempdir()?;
    // Both get what this machine's libvirt can take.
    let text = adapted(&std::fs::read_to_string(&file)?, What::Argv).ok_or("the file is no definition")?;
    let path = folder.path().join("domain.xml");
    std::fs::write(&path, &text)?;
    let _libvirt = Libvirt::find()?;
    let virtc = || {
        let mut command = Command::new(process::built("release", "virtc"));
        command.args(["compile", "--format", "json"]).arg(&path);
        command
    };
    let native = || {
        let mut command = virsh();
        command.args(["domxml-to-native", "qemu-argv", "--xml"]).arg(&path);
        command
    };
    // The daemon looks at QEMU once, the first time that it is asked.
    timed(native())?;
    let (ours, theirs) = in_turn(*runs, virtc, native)?;
    let (ours, theirs) = (ours.as_secs_f64(), theirs.as_secs_f64());
    println!(
        "{} ({} bytes, without its network cards), median of {runs} runs each, in turn",
        file.display(),
        text.len()
    );
    println!("virtc compile           {:8.2} ms", ours * 1e3);
    println!("virsh domxml-to-native  {:8.2} ms", theirs * 1e3);
    println!("virsh / virtc           {:8.2} (aim: at least {AIM})", theirs / ours);
    if theirs / ours < AIM { Err("virtc falls short of the aim".into()) } else { Ok(()) }
}
