//! `cargo xtask orders`: the note `libxml2-order` next to what libxml2 says, on valid documents with children in other
//! orders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use virtc_rng::{Schema, Validator};

use crate::hold::corpus::{self, Case, well_formed};
use crate::hold::grammar::{self, Root};
use crate::hold::order::reordered;
use crate::hold::random::Random;
use crate::hold::rivals::Rival;
use crate::hold::vocabulary::Vocabulary;
use crate::install::{self, GRAMMAR, JING, XMLLINT};
use crate::{Outcome, process};

/// Hold the note `libxml2-order` against xmllint's verdicts on valid documents with children in other orders
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    install: install::Options,
    /// A folder with definitions to start from; those in testdata/grammar come on top
    #[arg(long)]
    corpus: PathBuf,
    /// How many documents
    #[arg(long, default_value_t = 5000)]
    count: usize,
    /// Where the random numbers begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The kind of definition
    #[arg(long, value_enum, default_value_t = Root::Domain)]
    root: Root,
    /// Where documents are kept on which verdicts differ [default: target/orders]
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// The names of files.
type Files = BTreeSet<String>;

/// Compares.
///
/// # Errors
/// When something is missing, or verdicts differ.
pub fn run(args: &Args) -> Outcome {
    if !install::ensure(&[JING, XMLLINT, GRAMMAR], &args.install).is_empty() {
        return Err("there is nothing to compare with".into());
    }
    let folder = tempfile::tempdir()?;
    let grammar = args.root.libvirt(folder.path())?;
    let libvirt = grammar::read(&grammar)?;
    let mut cases = args.root.cases(&args.corpus)?;
    cases.retain(|case| libvirt.validator().is_valid(&case.document));
    let files = write(args, &cases, &libvirt, folder.path())?;
    let wrong = Rival::Jing.run(&grammar, folder.path(), &files)?;
    if let Some(file) = wrong.keys().next() {
        return Err(format!("jing refuses {file}, which virtc takes").into());
    }
    println!("{} valid documents from {} definitions, seed {}", files.len(), cases.len(), args.seed);

    let columns: [(&str, Files); 3] = [
        ("xmllint, libvirt's grammar", Rival::Xmllint.run(&grammar, folder.path(), &files)?.into_keys().collect()),
        ("virtc, libvirt's grammar", noted(&mut libvirt.validator(), folder.path(), &files)?),
        ("virtc, our grammar", noted(&mut args.root.embedded().validator(), folder.path(), &files)?),
    ];
    for (name, refused) in &columns {
        println!("{name:<26} {:>6} taken, {:>6} refused for their order", files.len() - refused.len(), refused.len());
    }
    let keep = args.keep.clone().unwrap_or_else(|| process::root().join("target/orders"));
    let mut differ = 0;
    for file in &files {
        let refused: Vec<bool> = columns.iter().map(|(_, refused)| refused.contains(file)).collect();
        if refused.iter().all(|verdict| Some(verdict) == refused.first()) {
            continue;
        }
        differ += 1;
        std::fs::create_dir_all(&keep)?;
        let kept = keep.join(file);
        std::fs::copy(folder.path().join(file), &kept)?;
        println!("{}", kept.display());
        for ((name, _), verdict) in columns.iter().zip(refused) {
            println!("    {name:<26} {}", if verdict { "refused" } else { "taken" });
        }
    }
    println!("{differ} of {} documents with different verdicts", files.len());
    if differ == 0 { Ok(()) } else { Err("verdicts differ".into()) }
}

/// Writes the definitions as they are, and as many valid ones in other orders as are asked for, into `folder`.
fn write(
    args: &Args,
    cases: &[Case],
    grammar: &Schema,
    folder: &Path,
) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let words = Vocabulary::of(cases);
    let mut random = Random::new(args.seed);
    let mut validator = grammar.validator();
    let mut files = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        files.push(format!("o{number:06}.xml"));
        std::fs::write(folder.join(format!("o{number:06}.xml")), case.text())?;
    }
    let (mut made, mut tried) = (0, 0);
    while made < args.count {
        tried += 1;
        if tried > args.count.saturating_mul(100) {
            return Err("too many of the documents turn out to be invalid".into());
        }
        let Some(case) = random.pick(cases) else { return Err("there is no valid document".into()) };
        let Some(text) = reordered(&case.document, &words, &mut random) else { continue };
        if well_formed("reordered", &text).is_some_and(|document| validator.is_valid(&document)) {
            let file = format!("r{made:06}.xml");
            std::fs::write(folder.join(&file), text)?;
            files.push(file);
            made += 1;
        }
    }
    Ok(files)
}

/// The files on which virtc notes an order that libxml2 refuses.
fn noted(validator: &mut Validator<'_>, folder: &Path, files: &[String]) -> Result<Files, Box<dyn std::error::Error>> {
    let mut found = Files::new();
    for file in files {
        let text = std::fs::read_to_string(folder.join(file))?;
        let document = corpus::well_formed(file, &text).ok_or_else(|| format!("{file} is not well-formed"))?;
        if !validator.libxml2_order(&document).is_empty() {
            found.insert(file.clone());
        }
    }
    Ok(found)
}
