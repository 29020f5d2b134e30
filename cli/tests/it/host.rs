//! `virtc host`

use crate::program::{Folder, GOOD};

#[test]
fn a_snapshot_is_a_host_file() {
    let folder = Folder::with("good.xml", GOOD);
    let ran = folder.virtc(&["host", "snapshot"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let host = virtc_inventory::HostFile::from_json(&ran.out).unwrap();
    assert!(host.hardware.is_some_and(|hardware| !hardware.cpus.is_empty()));
    folder.write("host.json", &ran.out);
    assert_eq!(folder.virtc(&["check", "--host", "host.json", "good.xml"]).code, 0);
    assert_eq!(folder.virtc(&["host", "show", "host.json"]).out, folder.virtc(&["host", "show"]).out);
}

#[test]
fn a_host_file_is_shown() {
    let lab = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/hosts/sriov-lab.json");
    insta::assert_snapshot!(Folder::new().virtc(&["host", "show", lab]).out);
}
