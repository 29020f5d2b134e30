//! What is reachable, and what is not.
#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use virtc::{Compiler, MissingDevice, Record, Source, SourceFile};

fn domain(devices: &str) -> SourceFile {
    let text = format!(
        "<domain type='kvm'><name>a</name><memory unit='GiB'>1</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>\
         <devices>{devices}</devices></domain>"
    );
    SourceFile::new("guest.xml", text)
}

fn names(findings: &virtc::Findings) -> Vec<&'static str> {
    findings.iter().map(|found| found.code.name).collect()
}

#[test]
fn what_is_in_error_is_out_of_reach() {
    let two = "<disk type='file'><source file='/a'/><target dev='vda'/></disk>".repeat(2);
    let report = Compiler::new().compile(domain(&two));
    assert!(report.document().is_ok() && report.domain().is_ok());
    let refused = report.machine().map(|machine| machine.argv()).unwrap_err();
    assert!(report.definition().is_err() && refused.has_errors());
    assert_eq!(names(&refused), names(report.findings()));
    let shown = refused.to_string();
    assert!(shown.starts_with("guest.xml:1:") && shown.contains(": error[conflicting-definition] "), "{shown}");
    assert_eq!(format!("{refused:?}"), shown);
}

#[test]
fn an_error_of_a_lint_refuses_the_machine_only() {
    // No VF: a lint knows it by the host.
    let host = virtc::HostFile::from_json(include_str!("../../../testdata/hosts/libvirt-test.json")).unwrap();
    let devices = "<interface type='hostdev'><source><address type='pci' domain='0' bus='6' slot='0x12' function='3'/></source></interface>";
    let report = Compiler::new().host(&host).compile(domain(devices));
    assert!(names(report.findings()).contains(&"hostdev-net-not-vf"), "{}", report.findings());
    assert!(report.definition().is_ok() && report.machine().is_err());
    assert!(Compiler::new().compile(domain(devices)).skipped().contains("hostdev-net-not-vf"));
}

#[test]
fn each_goal_makes_what_it_says() {
    let mut compiler = Compiler::new();
    assert!(compiler.check(domain("")).machine().is_err() && compiler.check(domain("")).findings().is_empty());
    let defined = compiler.define(domain(""));
    assert!(defined.definition().is_ok() && defined.machine().is_err());
    let again = compiler.clone().compile(domain(""));
    assert_eq!(again.definition().unwrap().to_xml(), defined.definition().unwrap().to_xml());
}

#[test]
fn bytes_that_are_no_text_are_a_finding() {
    let source = || Source::from_bytes("b.xml", b"<domain>\xff".to_vec());
    let mut compiler = Compiler::new();
    let report = compiler.compile(source());
    assert_eq!(report.findings().to_string(), "b.xml:1:9: error[xml-encoding] byte 0xff is no UTF-8");
    assert!(report.document().is_err());
    let guest = compiler.running(domain(""));
    let change = compiler.attach(&guest, source());
    assert_eq!(names(&change.change().map(|_| ()).unwrap_err()), ["xml-encoding"]);
    let guest = compiler.running(source());
    let change = compiler.attach(&guest, SourceFile::new("d.xml", "<disk><target dev='vda'/><x/></disk>"));
    // The device is looked at all the same.
    assert_eq!(change.findings().map(names), [vec!["xml-encoding"], vec!["unknown-element"]]);
    assert_eq!(names(&change.change().map(|_| ()).unwrap_err()), ["xml-encoding"]);
}

#[test]
fn findings_are_rendered_for_people() {
    let report = Compiler::new().check(domain("<disk><target/></disk>"));
    let shown = report.findings().render(virtc::render::Style::default());
    assert!(shown.contains("guest.xml:1:") && shown.contains("<target/>"), "{shown}");
}

/// The set of descriptors and the device that use it, of a change.
fn sets(change: &virtc::Change<'_>) -> Vec<String> {
    let calls = change.qmp().unwrap().into_iter().map(|call| call.to_string());
    calls.filter(|call| call.contains("fdset")).collect()
}

#[test]
fn a_record_keeps_the_numbers_that_run() {
    let mut compiler = Compiler::new();
    let rng =
        "<rng model='virtio'><backend model='egd' type='file'><source mode='connect' path='/tmp/rng'/></backend></rng>";
    let report = compiler.compile(domain(&format!("<controller type='virtio-serial'/>{rng}")));
    let started = report.machine().unwrap().running();
    assert!(started.to_record().contains(r#""fd_sets":{"rng0":0}"#), "{}", started.to_record());

    // A channel comes before a random number generator where sets are numbered at a start; here it is the second.
    let channel = "<channel type='file'><source path='/tmp/c'/><target type='virtio' name='c'/></channel>";
    let channel = || SourceFile::new("channel.xml", channel);
    let report = compiler.attach(&started.into(), channel());
    let attached = report.change().unwrap();
    assert!(sets(&attached).iter().any(|call| call.contains("/dev/fdset/1")), "{:?}", sets(&attached));
    let record = attached.running().to_record();
    assert!(record.contains(r#""fd_sets":{"channel0":1,"rng0":0}"#), "{record}");

    let read = || Record::from_json(&record).unwrap();
    let guest = compiler.recorded(read(), "<a>", &[]);
    assert_eq!(guest.running().unwrap().to_record(), record);
    let report = compiler.detach(&guest, MissingDevice::Refuse, channel());
    let gone = report.change().unwrap();
    assert_eq!(gone.alias(), "channel0");
    assert!(sets(&gone).iter().all(|call| call.contains(r#""fdset-id":1"#)), "{:?}", sets(&gone));

    let released = compiler.recorded(read(), "<a>", &["channel0".to_owned()]);
    let report = compiler.detach(&released, MissingDevice::Refuse, channel());
    assert_eq!(names(&report.change().map(|_| ()).unwrap_err()), ["conflicting-definition"]);
}
