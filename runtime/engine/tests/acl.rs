//! The device ACL of a running VM, in both hierarchies: what is denied, and the rules that a device adds and removes.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "these are tests")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Bed, can_run, config, skip, supervise};
use virtc_plan::{Access, Action, DeviceRule, Node, Step};
use virtc_runtime::{AclChoice, Request, RunConfig};

/// The result of opening the node in a process of this group: `ok`, or an error.
fn open_in(group: &Path, node: &Path, how: &str) -> String {
    let script =
        format!("echo 0 > {}/cgroup.procs && exec 2>&1 && : {how} {} && echo ok", group.display(), node.display());
    let out = Command::new("sh").args(["-c", &script]).env("LC_ALL", "C").output().unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    if said.contains("Operation not permitted") { "EPERM".into() } else { said.trim().to_owned() }
}

fn make_node(bed: &Bed, name: &str, minor: u64) -> std::path::PathBuf {
    use nix::sys::stat::{Mode, SFlag, makedev, mknod};
    let path = bed.root.path().join(name);
    mknod(&path, SFlag::S_IFCHR, Mode::from_bits_truncate(0o600), makedev(1, minor)).unwrap();
    path
}

fn comes_and_goes(acl: AclChoice, hierarchy: &str) {
    if !can_run() {
        return;
    }
    if hierarchy == "v1" && !Path::new("/sys/fs/cgroup/devices").exists() {
        return skip("this host has no `devices` hierarchy");
    }
    let bed = Bed::new(hierarchy);
    // 1:3 is /dev/null, in the default set; 1:11 is /dev/kmsg, which is not.
    let (null, kmsg) = (make_node(&bed, "null", 3), make_node(&bed, "kmsg", 11));
    let config = RunConfig { acl, ..config() };
    let allow = |access| Step::Allow {
        rules: vec![DeviceRule::Node { node: Node::Path(kmsg.display().to_string()), access, optional: false }],
    };
    let group = bed.group(hierarchy);
    let ended = supervise(&bed, &bed.plan(), &config, |asking, pid| {
        let own = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        assert!(own.lines().any(|line| line.ends_with(&format!("virtc-{}", bed.name))), "{own}");
        let asked = || [open_in(&group, &null, "<>"), open_in(&group, &kmsg, "<"), open_in(&group, &kmsg, ">")];
        assert_eq!(asked(), ["ok", "EPERM", "EPERM"]);
        let device = |action, name, steps| asking.device(bed.device(action, name, steps, vec![])).unwrap();
        device(Action::Attach, "a", vec![allow(Access::R)]);
        assert_eq!(asked(), ["ok", "ok", "EPERM"]);
        device(Action::Attach, "b", vec![allow(Access::RW)]);
        assert_eq!(asked(), ["ok", "ok", "ok"]);
        device(Action::Detach, "b", vec![]);
        assert_eq!(asked(), ["ok", "ok", "EPERM"]);
        device(Action::Detach, "a", vec![]);
        assert_eq!(asked(), ["ok", "EPERM", "EPERM"]);
        asking.ask(Request::Quit).unwrap();
    });
    assert_eq!(ended.map(|ended| ended.is_clean), Ok(true));
    bed.is_as_before();
}

#[test]
fn version_2() {
    comes_and_goes(AclChoice::V2, "v2");
}

#[test]
fn version_1() {
    comes_and_goes(AclChoice::V1, "v1");
}
