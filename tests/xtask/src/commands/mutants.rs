//! `cargo xtask mutants`: virtc's verdicts next to jing's, on random mutants and with two grammars.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use virtc_rng::Validator;

use crate::hold::corpus::{Case, well_formed};
use crate::hold::grammar::{self, Root};
use crate::hold::mutation::mutate;
use crate::hold::random::Random;
use crate::hold::rivals::Rival;
use crate::hold::vocabulary::Vocabulary;
use crate::install::{self, GRAMMAR, JING};
use crate::{Outcome, process};

/// Hold virtc's verdicts on random mutants against jing's, with libvirt's grammar and with ours
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    install: install::Options,
    /// A folder with definitions to start from; those in testdata/grammar come on top
    #[arg(long)]
    corpus: PathBuf,
    /// How many mutants; all definitions as they are come on top
    #[arg(long, default_value_t = 20_000)]
    count: usize,
    /// Where the random numbers begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The kind of definition
    #[arg(long, value_enum, default_value_t = Root::Domain)]
    root: Root,
    /// Where documents are kept on which verdicts differ [default: target/mutants]
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// A document to be judged.
struct Subject {
    file: String,
    origin: String,
}

/// The verdicts of one validator: the files that it refuses.
type Refused = BTreeSet<String>;

/// Compares.
///
/// # Errors
/// When something is missing, or verdicts differ.
pub fn run(args: &Args) -> Outcome {
    if !install::ensure(&[JING, GRAMMAR], &args.install).is_empty() {
        return Err("there is nothing to compare with".into());
    }
    let cases = args.root.cases(&args.corpus)?;
    let folder = tempfile::tempdir()?;
    let theirs = args.root.libvirt(folder.path())?;
    let subjects = write(args, &cases, folder.path())?;
    let files: Vec<String> = subjects.iter().map(|subject| subject.file.clone()).collect();
    println!("{} documents from {} definitions, seed {}", files.len(), cases.len(), args.seed);

    let libvirt = grammar::read(&theirs)?;
    let columns = [
        ("jing, libvirt's grammar", jing(&theirs, folder.path(), &files)?),
        ("virtc, libvirt's grammar", virtc(&mut libvirt.validator(), folder.path(), &files)?),
        ("jing, our grammar", jing(&args.root.source(), folder.path(), &files)?),
        ("virtc, our grammar", virtc(&mut args.root.embedded().validator(), folder.path(), &files)?),
    ];
    for (name, refused) in &columns {
        println!("{name:<26} {:>6} valid, {:>6} refused", files.len() - refused.len(), refused.len());
    }
    let keep = args.keep.clone().unwrap_or_else(|| process::root().join("target/mutants"));
    let mut differ = 0;
    for subject in &subjects {
        let refused: Vec<bool> = columns.iter().map(|(_, refused)| refused.contains(&subject.file)).collect();
        if refused.iter().all(|verdict| Some(verdict) == refused.first()) {
            continue;
        }
        differ += 1;
        std::fs::create_dir_all(&keep)?;
        let kept = keep.join(&subject.file);
        std::fs::copy(folder.path().join(&subject.file), &kept)?;
        println!("{}: {}", kept.display(), subject.origin);
        for ((name, _), verdict) in columns.iter().zip(refused) {
            println!("    {name:<26} {}", if verdict { "refused" } else { "valid" });
        }
    }
    println!("{differ} of {} documents with different verdicts", files.len());
    if differ == 0 { Ok(()) } else { Err("verdicts differ".into()) }
}

/// Writes the definitions as they are and their mutants into `folder`.
fn write(args: &Args, cases: &[Case], folder: &Path) -> Result<Vec<Subject>, Box<dyn std::error::Error>> {
    let words = Vocabulary::of(cases);
    let mut random = Random::new(args.seed);
    let mut subjects = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let file = format!("o{number:06}.xml");
        std::fs::write(folder.join(&file), case.text())?;
        subjects.push(Subject { file, origin: format!("{} as it is", case.path.display()) });
    }
    let mut made = 0;
    while made < args.count {
        let Some(case) = random.pick(cases) else { break };
        // Half of them have one change, so that many are still valid.
        let changes = if random.once_in(2) { 1 } else { 2 + random.below(3) };
        let Some(mutant) = mutate(&case.document, &words, changes, &mut random) else { continue };
        let file = format!("m{made:06}.xml");
        std::fs::write(folder.join(&file), &mutant.text)?;
        subjects.push(Subject { file, origin: format!("{} {:?}", case.path.display(), mutant.kinds) });
        made += 1;
    }
    Ok(subjects)
}

fn jing(grammar: &Path, folder: &Path, files: &[String]) -> Result<Refused, Box<dyn std::error::Error>> {
    Ok(Rival::Jing.run(grammar, folder, files)?.into_keys().collect())
}

fn virtc(
    validator: &mut Validator<'_>,
    folder: &Path,
    files: &[String],
) -> Result<Refused, Box<dyn std::error::Error>> {
    let mut refused = Refused::new();
    for file in files {
        let text = std::fs::read_to_string(folder.join(file))?;
        let document = well_formed(file, &text).ok_or_else(|| format!("{file} is not well-formed"))?;
        let quick = validator.is_valid(&document);
        let (checked, diagnostics) = validator.validate(&document);
        // The short way, the long way and the messages must say the same.
        if quick != checked.is_sound() || quick == diagnostics.has_errors() {
            let kept = folder.join(file);
            return Err(format!("virtc is not of one mind about {}:\n{text}\n{diagnostics:?}", kept.display()).into());
        }
        if !quick {
            refused.insert(file.clone());
        }
    }
    Ok(refused)
}
