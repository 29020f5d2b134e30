//! Any bytes: no pass may panic, hang or overflow; what is stored must be taken again, and stay what it is.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use virtc_compiler::emit::argv::argv;
use virtc_compiler::emit::{plan, script};
use virtc_compiler::{Definition, Facts, Target, define, lower, lower_device, prepare};
use virtc_diag::{Diagnostics, SourceFile};
use virtc_inventory::HostFile;
use virtc_lints::Context;

fn host() -> &'static HostFile {
    static HOST: OnceLock<HostFile> = OnceLock::new();
    let text = include_str!("../../testdata/hosts/libvirt-test.json");
    HOST.get_or_init(|| HostFile::from_json(text).expect("the host file is one"))
}

/// The definition in a text, and everything that was found on the way to it.
fn definition(source: &SourceFile) -> (Option<Definition>, Diagnostics) {
    let facts = Facts::new(Some(host()));
    let (document, mut found) = virtc_xml::parse(source);
    let (checked, faults) = virtc_schemas::domain().validate(&document);
    found.extend(faults);
    let _ = lower_device(&checked);
    let (domain, faults) = lower(&checked);
    found.extend(faults);
    let whole = domain.as_ref().filter(|domain| domain.unread == 0 && !found.has_errors());
    let (definition, faults) = whole.map(|domain| define(domain.clone(), facts)).unzip();
    found.extend(faults.unwrap_or_default());
    let _ = virtc_lints::check(&Context::new(&document, domain.as_ref(), definition.as_ref(), Some(host())));
    (definition.filter(|_| !found.has_errors()), found)
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = SourceFile::new("fuzz", text);
    let (definition, mut found) = definition(&source);
    for fault in &found {
        if let Some(span) = fault.span {
            // A place outside the text would be a panic here.
            let _ = source.locate(span);
        }
    }
    let Some(made) = definition else { return };
    let stored = made.to_xml();
    let (machine, faults) = prepare(made, &Target::default(), Facts::new(Some(host())));
    found.extend(faults);
    if let Some(machine) = machine.sound(&found) {
        assert_eq!(argv(&machine).map(&source).len(), argv(&machine).display().len());
        let _ = plan::plan(&machine, &source);
        let _ = script::script(&machine);
    }
    let (again, faults) = self::definition(&SourceFile::new("stored", stored.as_str()));
    let again = again.unwrap_or_else(|| panic!("what is stored is refused: {faults:?}\n{stored}"));
    assert_eq!(again.to_xml(), stored, "what is stored is stored otherwise");
});
