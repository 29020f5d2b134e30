//! Parsing and validating a document, next to the crate `relaxng-validator`.
//!
//! That crate skips `include`, so it can take no grammar of libvirt; the grammar here is one file. It reads the grammar each time, which
//! tells on the smallest document only.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use virtc_diag::SourceFile;
use virtc_rng::{Schema, to_xml};

const SCHEMA: &str = "start = element machines { machine* }
    machine = element machine {
      attribute id { text }, attribute kind { 'physical' | 'virtual' },
      element name { text }, element memory { text }?, disk*, (element on { empty } | element off { empty }) }
    disk = element disk { attribute bus { 'virtio' | 'sata' | 'scsi' }, element file { text } }";

const MACHINE: &str = "<machine id='1' kind='virtual'><name>a</name><memory>1</memory>\
    <disk bus='virtio'><file>/a</file></disk><disk bus='scsi'><file>/b</file></disk><on/></machine>\n";

/// The best of several runs.
fn time(mut run: impl FnMut() -> bool) -> Duration {
    let once = |_| {
        let clock = Instant::now();
        assert!(black_box(run()));
        clock.elapsed()
    };
    (0..5).map(once).min().unwrap()
}

fn main() {
    let source = SourceFile::new("schema", SCHEMA);
    let xml = to_xml(&source).unwrap();
    let schema = Schema::compile(&source, &mut |_, _| Err(String::new())).unwrap();
    for count in [1, 10, 100, 1000] {
        let text = format!("<machines>{}</machines>", MACHINE.repeat(count));
        let mut validator = schema.validator();
        let ours = time(|| validator.is_valid(&virtc_xml::parse(&SourceFile::new("document", text.as_str())).0));
        let cold =
            time(|| schema.validate(&virtc_xml::parse(&SourceFile::new("document", text.as_str())).0).0.is_sound());
        let theirs = time(|| relaxng_validator::Validator::new().validate(&xml, &text).is_ok());
        println!("{:5} elements: {ours:?}, {cold:?} with a new validator; relaxng-validator {theirs:?}", count * 8 + 1);
    }
}
