//! virtc makes of the definitions in testdata/libvirt what libvirt was recorded to make of them.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may fail at once, and reads files")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use similar::{ChangeTag, TextDiff};
use virtc_tests::libvirt::compile::{self, Emit, Made};
use virtc_tests::libvirt::normal::{lines, machine_type, same};
use virtc_tests::libvirt::recorded::{self, Definition, How, Known};
use virtc_tests::repository;

/// The QEMU with which all was recorded.
const QEMU: [&str; 2] = ["--qemu", "10.0"];

/// So many definitions are there at the least.
const AT_LEAST: usize = 150;

/// The machine type of a definition that names none.
const DEFAULT: &str = "pc";

/// So many lines of a difference are shown.
const SHOWN: usize = 12;

fn folder() -> PathBuf {
    repository::root().join(recorded::FOLDER)
}

/// The difference between two lists of lines; empty where there is none.
fn difference(theirs: &[String], ours: &[String]) -> String {
    let (theirs, ours): (Vec<&str>, Vec<&str>) =
        (theirs.iter().map(String::as_str).collect(), ours.iter().map(String::as_str).collect());
    let diff = TextDiff::from_slices(&theirs, &ours);
    let changes = diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal);
    let mut text = String::new();
    for change in changes.take(SHOWN) {
        text.push_str("    ");
        text.push_str(&change.tag().to_string());
        text.push_str(change.value());
        text.push('\n');
    }
    text
}

/// What is compared of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// The definition with all that libvirt fills in.
    Xml,
    /// The command line.
    Argv,
    /// The command line of the definition that libvirt has stored.
    Stored,
    /// That it is refused.
    Refused,
}

impl What {
    /// The word for it, as in `differences.tsv`.
    fn word(self) -> &'static str {
        match self {
            Self::Xml => "xml",
            Self::Argv => "argv",
            Self::Stored => "stored",
            Self::Refused => "refused",
        }
    }

    /// Whether it is recorded.
    fn is_recorded(self, how: How) -> bool {
        match self {
            Self::Xml => how != How::Refuse,
            Self::Argv | Self::Stored => how == How::Translate || how == How::Start,
            Self::Refused => how == How::Refuse,
        }
    }

    /// What virtc is given.
    fn input(self, definition: &Definition) -> PathBuf {
        if self == Self::Stored { definition.stored() } else { definition.path.clone() }
    }

    /// What is not equal.
    fn difference(self, definition: &Definition, made: Option<&Made>) -> String {
        let alias = Some(machine_type(&definition.text).unwrap_or_else(|| DEFAULT.to_owned()));
        match (self, made) {
            (_, None) => "    virtc says nothing of it\n".to_owned(),
            (Self::Refused, Some(Made::Text(_))) => "    virtc does not refuse it\n".to_owned(),
            (Self::Refused, Some(Made::Refused { names, first })) => {
                let limit = names.iter().all(|name| name == "not-yet-supported");
                if limit { format!("    virtc refuses it as not supported: {first}\n") } else { String::new() }
            }
            (_, Some(Made::Refused { first, .. })) => format!("    virtc refuses it: {first}\n"),
            (Self::Xml, Some(Made::Text(ours))) => {
                let theirs = fs::read_to_string(definition.stored()).unwrap();
                difference(&lines(&theirs, alias.as_deref()).unwrap(), &lines(ours, None).unwrap())
            }
            (Self::Argv | Self::Stored, Some(Made::Text(ours))) => {
                let words = fs::read_to_string(definition.argv()).unwrap();
                let mut theirs: Vec<String> = recorded::from_text(&words).iter().map(|word| same(word)).collect();
                if self == Self::Argv {
                    with_alias(&mut theirs, alias.as_deref());
                }
                difference(&theirs, &ours.lines().map(same).collect::<Vec<_>>())
            }
        }
    }
}

/// Where the two differ, by name and what, with the difference.
fn differences() -> BTreeMap<(String, &'static str), String> {
    let definitions = recorded::definitions(&folder()).unwrap();
    let virtc = repository::virtc().unwrap();
    let mut found = BTreeMap::new();
    for what in [What::Xml, What::Argv, What::Stored, What::Refused] {
        let all: Vec<&Definition> = definitions.iter().filter(|one| what.is_recorded(one.how)).collect();
        let inputs: Vec<PathBuf> = all.iter().map(|definition| what.input(definition)).collect();
        let emit = if what == What::Xml { Emit::Xml } else { Emit::Argv };
        let own = compile::all(&virtc, &folder().join(recorded::HOST), emit, &QEMU, &inputs).unwrap();
        for (definition, input) in all.into_iter().zip(&inputs) {
            let difference = what.difference(definition, own.get(&input.display().to_string()));
            found.insert((definition.name.clone(), what.word()), difference);
        }
    }
    found
}

/// Makes the machine type on a command line the alias that the definition names.
fn with_alias(words: &mut [String], alias: Option<&str>) {
    let at = words.iter().position(|word| word == "-machine").map(|at| at + 1);
    let word = at.and_then(|at| words.get_mut(at));
    if let (Some(alias), Some(word)) = (alias, word)
        && let Some((_, rest)) = word.clone().split_once(',')
    {
        *word = format!("{alias},{rest}");
    }
}

/// What of the differences is not known, and what is known and is no difference.
fn faults(differences: &BTreeMap<(String, &'static str), String>, known: &[Known]) -> Vec<String> {
    let is_known = |name: &str, what: &str| known.iter().any(|known| known.name == name && known.what == what);
    let new = differences.iter().filter(|((name, what), text)| !text.is_empty() && !is_known(name, what));
    let mut faults: Vec<String> =
        new.map(|((name, what), text)| format!("{name}: the {what} differs (-libvirt +virtc)\n{text}")).collect();
    for known in known {
        let found = differences.iter().find(|((name, what), _)| *name == known.name && *what == known.what);
        match found {
            None => faults.push(format!("{}: {} is not recorded, and has a reason", known.name, known.what)),
            Some((_, text)) if text.is_empty() => {
                faults.push(format!("{}: {} is equal: its reason in differences.tsv may go", known.name, known.what));
            }
            Some(_) => {}
        }
    }
    faults
}

#[test]
fn virtc_makes_what_libvirt_makes() {
    let differences = differences();
    let known = recorded::known(&folder()).unwrap();
    let faults = faults(&differences, &known);
    println!("{} comparisons, {} known differences", differences.len(), known.len());
    assert!(faults.is_empty(), "\n{}\n{} differ", faults.join("\n"), faults.len());
}

#[test]
fn the_recordings_are_complete() {
    let faults = recorded::set_faults(&folder()).unwrap();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    let count = recorded::definitions(&folder()).unwrap().len();
    assert!(count >= AT_LEAST, "{count} definitions, and {AT_LEAST} are wanted");
}

#[test]
fn a_difference_is_found_until_it_is_known() {
    let differences = BTreeMap::from([
        (("a".to_owned(), "argv"), "    -x\n".to_owned()),
        (("a".to_owned(), "xml"), String::new()),
        (("b".to_owned(), "xml"), "    +y\n".to_owned()),
    ]);
    let known = |name: &str, what: &str| Known { name: name.into(), what: what.into(), reason: "because".into() };
    assert_eq!(faults(&differences, &[known("a", "argv"), known("b", "xml")]), Vec::<String>::new());
    let found = faults(&differences, &[known("a", "argv"), known("a", "xml"), known("c", "xml")]);
    let places: Vec<&str> = found.iter().map(|fault| fault.split(':').next().unwrap()).collect();
    assert_eq!(places, ["b", "a", "c"]);
    assert_eq!(difference(&["a".into(), "b".into()], &["a".into(), "c".into()]), "    -b\n    +c\n");
}
