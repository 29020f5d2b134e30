//! Any bytes: no pass may panic, hang or overflow; what is stored must be taken again, and stay what it is.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use virtc::{Compiler, Guest, HostFile, SourceFile};

fn host() -> &'static HostFile {
    static HOST: OnceLock<HostFile> = OnceLock::new();
    let text = include_str!("../../testdata/hosts/libvirt-test.json");
    HOST.get_or_init(|| HostFile::from_json(text).expect("the host file is one"))
}

/// A guest that runs, for bytes that are a device.
fn guest() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    let text = "<domain type='kvm'><name>g</name><memory unit='GiB'>1</memory><os><type arch='x86_64' machine='pc'>hvm</type></os></domain>";
    GUEST.get_or_init(|| Compiler::new().host(host()).running(SourceFile::new("guest", text)))
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = SourceFile::new("fuzz", text);
    let mut compiler = Compiler::new().host(host());
    // Displaying them would panic where a place is outside of the text.
    let _ = compiler.check(source.clone()).findings().to_string();
    if let Ok(change) = compiler.attach(guest(), source.clone()).change() {
        let _ = change.plan();
        let _ = change.running().to_record();
    }
    let report = compiler.compile(source);
    let _ = report.findings().to_string();
    if let Ok(machine) = report.machine() {
        assert_eq!(machine.map().len(), machine.argv().len());
        let _ = machine.plan();
        let _ = machine.script();
    }
    let Ok(definition) = report.definition() else { return };
    let stored = definition.to_xml();
    let again = compiler.define(SourceFile::new("stored", stored.as_str()));
    let again = again.definition().unwrap_or_else(|faults| panic!("what is stored is refused: {faults}\n{stored}"));
    assert_eq!(again.to_xml(), stored, "what is stored is stored otherwise");
});
