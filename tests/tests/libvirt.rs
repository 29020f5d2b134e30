//! virtc makes of the definitions in testdata/libvirt what libvirt was recorded to make of them.
#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

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

/// So many lines of a difference are shown.
const SHOWN: usize = 12;

fn folder() -> PathBuf {
    repository::root().join(recorded::FOLDER)
}

/// What virtc makes of the definitions that `how` chooses.
fn made(definitions: &[&Definition], emit: Emit) -> BTreeMap<String, Made> {
    let files: Vec<PathBuf> = definitions.iter().map(|definition| definition.path.clone()).collect();
    let virtc = repository::virtc().unwrap();
    compile::all(&virtc, &folder().join(recorded::HOST), emit, &QEMU, &files).unwrap()
}

/// The difference between two lists of lines; empty where there is none.
fn difference(theirs: &[String], ours: &[String]) -> String {
    let (theirs, ours): (Vec<&str>, Vec<&str>) =
        (theirs.iter().map(String::as_str).collect(), ours.iter().map(String::as_str).collect());
    let diff = TextDiff::from_slices(&theirs, &ours);
    let changes = diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal);
    changes.take(SHOWN).map(|change| format!("    {}{}\n", change.tag(), change.value())).collect()
}

/// Where the two differ, by name and what, with the difference.
fn differences() -> BTreeMap<(String, &'static str), String> {
    let definitions = recorded::definitions(&folder()).unwrap();
    let mut found = BTreeMap::new();
    let chosen = |wanted: fn(How) -> bool| definitions.iter().filter(move |definition| wanted(definition.how));
    let refusal = |made: Option<&Made>| match made {
        Some(Made::Refused { first, .. }) => format!("    virtc refuses it: {first}\n"),
        Some(Made::Text(_)) => String::new(),
        None => "    virtc says nothing of it\n".to_owned(),
    };
    let all: Vec<&Definition> = chosen(|how| how != How::Refuse).collect();
    let own = made(&all, Emit::Xml);
    for definition in all {
        let made = own.get(&definition.path.display().to_string());
        let difference = if let Some(Made::Text(ours)) = made {
            let theirs = fs::read_to_string(definition.stored()).unwrap_or_else(|_| "<missing/>".to_owned());
            let machine = alias(definition);
            difference(&lines(&theirs, machine.as_deref()).unwrap(), &lines(ours, None).unwrap())
        } else {
            refusal(made)
        };
        found.insert((definition.name.clone(), "xml"), difference);
    }
    let all: Vec<&Definition> = chosen(|how| how == How::Translate || how == How::Start).collect();
    let own = made(&all, Emit::Argv);
    for definition in all {
        let made = own.get(&definition.path.display().to_string());
        let difference = if let Some(Made::Text(ours)) = made {
            let words = fs::read_to_string(definition.argv()).unwrap_or_default();
            let mut theirs: Vec<String> = recorded::from_text(&words).iter().map(|word| same(word)).collect();
            with_alias(&mut theirs, alias(definition).as_deref());
            difference(&theirs, &ours.lines().map(same).collect::<Vec<_>>())
        } else {
            refusal(made)
        };
        found.insert((definition.name.clone(), "argv"), difference);
    }
    let all: Vec<&Definition> = chosen(|how| how == How::Refuse).collect();
    let own = made(&all, Emit::Argv);
    for definition in all {
        let difference = match own.get(&definition.path.display().to_string()) {
            Some(Made::Refused { names, first }) if names.iter().all(|name| name == "not-yet-supported") => {
                format!("    virtc refuses it as not supported: {first}\n")
            }
            Some(Made::Refused { .. }) => String::new(),
            Some(Made::Text(_)) => "    virtc does not refuse it\n".to_owned(),
            None => "    virtc says nothing of it\n".to_owned(),
        };
        found.insert((definition.name.clone(), "refused"), difference);
    }
    found
}

/// Makes the machine type on a command line the alias that the definition names.
fn with_alias(words: &mut [String], alias: Option<&str>) {
    let at = words.iter().position(|word| word == "-machine").map(|at| at + 1);
    if let (Some(alias), Some(word)) = (alias, at.and_then(|at| words.get_mut(at))) {
        if let Some((_, rest)) = word.clone().split_once(',') {
            *word = format!("{alias},{rest}");
        }
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

/// The machine type as the definition names it; libvirt's default is the alias `pc`.
fn alias(definition: &Definition) -> Option<String> {
    Some(machine_type(&definition.text).unwrap_or_else(|| "pc".to_owned()))
}
