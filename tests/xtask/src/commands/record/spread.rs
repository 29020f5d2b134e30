//! How much of the grammar definitions use.

use std::path::Path;

use virtc_xml::Element;

use crate::Outcome;
use crate::hold::corpus::{self, Case};
use crate::hold::edit::elements;
use crate::hold::grammar::Root;
use crate::hold::growth::coverage::{Coverage, holder};

/// The grammar's names and values, with those in the domains under `folder` marked.
fn coverage(folder: &Path) -> Result<(usize, Coverage), Box<dyn std::error::Error>> {
    let mut coverage = Coverage::of(Root::Domain.embedded());
    let stored = |case: &Case| case.path.to_string_lossy().ends_with(".stored.xml");
    let is_domain = |case: &Case| case.document.root().is_some_and(|root| root.is("domain"));
    let cases: Vec<Case> = corpus::read(folder)?.into_iter().filter(|case| is_domain(case) && !stored(case)).collect();
    for case in &cases {
        for element in elements(&case.document) {
            mark(&mut coverage, element);
        }
    }
    Ok((cases.len(), coverage))
}

fn mark(coverage: &mut Coverage, element: Element<'_>) {
    let holder = holder(element.parent().map_or("", |parent| parent.name()), element.name());
    let text = element.text();
    if !text.trim().is_empty() {
        coverage.put(&format!("{holder}={}", text.trim()));
    }
    for attribute in element.attributes() {
        let key = format!("{holder}@{}", attribute.name());
        coverage.put(&format!("{key}={}", attribute.value()));
        coverage.put(&key);
    }
    coverage.put(&holder);
}

/// Prints it; with `never`, also what of the grammar is not used and begins with that.
///
/// # Errors
/// When a file cannot be read.
pub fn print(folder: &Path, never: Option<&str>) -> Outcome {
    let (count, coverage) = coverage(folder)?;
    println!("{count} definitions in {}", folder.display());
    println!("{coverage}");
    println!("kinds of devices: {}", devices(&coverage, true).len());
    if let Some(start) = never {
        for key in coverage.never().into_iter().filter(|key| start == "/" || key.starts_with(start)) {
            println!("  never: {key}");
        }
    }
    Ok(())
}

/// The kinds of devices that are used, or those that are not.
fn devices(coverage: &Coverage, used: bool) -> Vec<String> {
    let is_kind = |key: &&str| key.starts_with("devices/") && !key.contains(['@', '=']);
    let kinds = if used { coverage.used() } else { coverage.never() };
    kinds.into_iter().filter(is_kind).map(|key| key.trim_start_matches("devices/").to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use virtc_tests::libvirt::recorded;

    use super::*;
    use crate::process;

    /// Devices that libvirt's QEMU driver does not have on the machines of the recordings, and why.
    const NOT_HERE: &[(&str, &str)] = &[("nvram", "only the machine `pseries` has it")];

    #[test]
    fn every_kind_of_device_is_recorded() {
        let (count, coverage) = coverage(&process::root().join(recorded::FOLDER)).unwrap();
        assert!(count > 0);
        let mut missing = devices(&coverage, false);
        missing.retain(|kind| NOT_HERE.iter().all(|(known, _)| known != kind));
        assert_eq!(missing, Vec::<String>::new());
        let idle = NOT_HERE.iter().filter(|(kind, _)| devices(&coverage, true).iter().any(|used| used == kind));
        assert_eq!(idle.collect::<Vec<_>>(), Vec::<&(&str, &str)>::new());
    }
}
