//! `virtc hotplug`

use serde_json::Value;
use virtc_plan::{Action, DevicePlan};

use crate::program::{Folder, Ran, with_devices};

const NIC: &str =
    "<interface type='user'>\n  <mac address='52:54:00:00:00:01'/>\n  <model type='virtio'/>\n</interface>\n";

/// A running guest with a network card and room for another.
fn folder() -> Folder {
    let port = |n: u32| format!("<controller type='pci' index='{n}' model='pcie-root-port'/>\n");
    let ports = (1..9).map(port).collect::<Vec<_>>().concat();
    let folder = Folder::with("running.xml", with_devices(&format!("{ports}{}", NIC.replace("00:01", "00:02"))));
    folder.write("nic.xml", NIC);
    folder.write("same.xml", NIC.replace("00:01", "00:02"));
    folder
}

fn hotplug(folder: &Folder, args: &[&str]) -> Ran {
    folder.virtc(&[&["hotplug"], args, &["--domain", "running.xml"]].concat())
}

#[test]
fn attach_adds_and_detach_removes_in_reverse() {
    let folder = folder();
    let names = |args: &[&str]| {
        let ran = hotplug(&folder, &[args, &["--format", "json"]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let [calls] = ran.json().try_into().unwrap();
        let calls: Vec<Value> = calls.as_array().unwrap().clone();
        calls.iter().map(|call| call["execute"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["attach", "nic.xml"]), ["netdev_add", "device_add"]);
    assert_eq!(names(&["detach", "same.xml"]), ["device_del", "netdev_del"]);
    let text = hotplug(&folder, &["attach", "nic.xml"]);
    let lines: Vec<Value> = text.json();
    assert_eq!((text.code, lines.len(), &lines[1]["execute"]), (0, 2, &"device_add".into()));
}

#[test]
fn a_plan_says_what_is_awaited() {
    let folder = folder();
    let ran = hotplug(&folder, &["detach", "--emit", "plan", "--format", "json", "same.xml"]);
    let plan = DevicePlan::from_json(&ran.out).unwrap();
    assert_eq!((ran.code, plan.action), (0, Action::Detach));
    let awaited: Vec<&str> =
        plan.script.commands.iter().filter_map(|c| c.awaits.as_ref()).map(|a| a.event.as_str()).collect();
    assert_eq!(awaited, ["DEVICE_DELETED"]);
}

#[test]
fn what_is_refused_is_told_at_its_place() {
    let folder = folder();
    folder.write("bad.xml", NIC.replace("user", "usre"));
    let refused = |args: &[&str]| {
        let ran = hotplug(&folder, &[args, &["--format", "json"]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (1, ""));
        let found = &ran.json()[0]["diagnostics"][0];
        format!("{} {} {}", found["file"].as_str().unwrap(), found["line"], found["severity"].as_str().unwrap())
    };
    assert_eq!(refused(&["attach", "bad.xml"]), "bad.xml 1 error");
    let away = folder.virtc(&["hotplug", "detach", "--domain", "running.xml", "nic.xml"]);
    assert!(away.code == 0 && away.err.starts_with("warning: device-not-in-definition"), "{} {}", away.code, away.err);
    assert_eq!(refused(&["attach", "running.xml"]), "running.xml 1 error");
    assert_eq!(hotplug(&folder, &["attach", "none.xml"]).code, 2);
    folder.write("running.xml", "<domain>");
    assert_eq!(refused(&["attach", "nic.xml"]), "running.xml 1 error");
}
