//! A real QEMU from its start to its end.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "these are tests")]

mod common;

use common::{Bed, can_run, command, config, eventually, planned, released, supervise, with_undo};
use serde_json::json;
use virtc_plan::{Action, Limit, Step};
use virtc_runtime::{AclChoice, Request, RunConfig, UserChoice, dry_run};

fn status(pid: u32, key: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap().trim().to_owned()
}

fn user_of(name: &[&str]) -> u32 {
    name.iter().find_map(|name| nix::unistd::User::from_name(name).unwrap()).unwrap().uid.as_raw()
}

#[test]
fn start_hotplug_stop() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("life");
    let plan = bed.plan();
    let ended = supervise(&bed, &plan, &config(), |asking, pid| {
        assert_eq!(asking.ask(Request::Status).unwrap()["state"], "running");
        // In its own group, unprivileged, and with only the descriptors that it was given.
        let uid = user_of(&["libvirt-qemu", "qemu", "nobody"]).to_string();
        assert!(status(pid, "Uid").split_whitespace().all(|one| one == uid), "{}", status(pid, "Uid"));
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(status(pid, set), "0000000000000000", "{set}");
        }
        assert_eq!(status(pid, "NoNewPrivs"), "1");
        assert_eq!(status(pid, "Seccomp"), "2");
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let locked = limits.lines().find(|line| line.starts_with("Max locked memory")).unwrap();
        assert_eq!(locked.split_whitespace().nth(3), Some("4194304"), "{locked}");
        let procs = std::fs::read_to_string(bed.group("v2").join("cgroup.procs")).unwrap();
        assert_eq!(procs.trim(), pid.to_string());
        // The guest runs.
        let serial = bed.dir().join("qemu/serial.log");
        eventually("the guest is up", || std::fs::read_to_string(&serial).unwrap() == "up\n");
        // A network card is attached and detached, twice; the guest releases it.
        for _ in 0..2 {
            let add = vec![
                with_undo(
                    command("netdev_add", json!({"type": "hubport", "id": "n0", "hubid": 0})),
                    "netdev_del",
                    json!({"id": "n0"}),
                ),
                command("device_add", json!({"driver": "e1000", "id": "net0", "netdev": "n0", "romfile": ""})),
            ];
            asking.device(bed.device(Action::Attach, "net0", vec![], add.clone())).unwrap();
            let twice = asking.device(bed.device(Action::Attach, "net0", vec![], add)).unwrap_err();
            assert_eq!((twice.exit_code(), twice.not_reverted.len()), (3, 0), "{twice}");
            let remove = vec![
                released(command("device_del", json!({"id": "net0"})), "net0", 20_000),
                command("netdev_del", json!({"id": "n0"})),
            ];
            asking.device(bed.device(Action::Detach, "net0", vec![], remove)).unwrap();
        }
        // A refused second command reverts the first: the name is free again.
        let bad = |id: &str| {
            let add = vec![
                with_undo(
                    command("netdev_add", json!({"type": "hubport", "id": "n1", "hubid": 0})),
                    "netdev_del",
                    json!({"id": "n1"}),
                ),
                command("device_add", json!({"driver": "no-such-device", "id": id})),
            ];
            asking.device(bed.device(Action::Attach, id, vec![], add)).unwrap_err()
        };
        for id in ["net1", "net2"] {
            let failure = bad(id);
            assert!(failure.to_string().contains("'no-such-device' is not a valid device model name"), "{failure}");
            assert_eq!(failure.exit_code(), 3);
        }
        asking.ask(Request::Quit).unwrap();
    });
    assert_eq!(ended.map(|ended| (ended.status, ended.is_clean)), Ok(("exit status 0".into(), true)));
    bed.is_as_before();
}

#[test]
fn a_guest_that_holds_on_is_an_error_of_its_own() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("holds");
    // Nothing to boot from: no guest answers.
    std::fs::write(bed.image(), vec![0; 1_474_560]).unwrap();
    let plan = bed.plan();
    let ended = supervise(&bed, &plan, &config(), |asking, _| {
        let netdev = json!({"type": "hubport", "id": "n0", "hubid": 0});
        let device = json!({"driver": "e1000", "id": "net0", "netdev": "n0", "romfile": ""});
        let add = vec![command("netdev_add", netdev), command("device_add", device)];
        asking.device(bed.device(Action::Attach, "net0", vec![], add)).unwrap();
        let device_del = || released(command("device_del", json!({"id": "net0"})), "net0", 300);
        let del = || vec![device_del(), command("netdev_del", json!({"id": "n0"}))];
        let failure = asking.device(bed.device(Action::Detach, "net0", vec![], del())).unwrap_err();
        assert_eq!(failure.exit_code(), 5, "{failure}");
        assert_eq!(failure.to_string(), "the guest has not released the device `net0` after 300 ms");
        // A device that was never there is an error.
        let other = vec![released(command("device_del", json!({"id": "net7"})), "net7", 300)];
        let failure = asking.device(bed.device(Action::Detach, "net7", vec![], other)).unwrap_err();
        assert_eq!(failure.exit_code(), 3, "{failure}");
        // A reset releases it, and what was made for it is reverted without another request.
        let reset = vec![command("system_reset", json!({}))];
        asking.device(bed.device(Action::Attach, "reset", vec![], reset)).unwrap();
        let link = vec![command("set_link", json!({"name": "n0", "up": false}))];
        let has_link = || asking.device(bed.device(Action::Detach, "link", vec![], link.clone())).is_ok();
        eventually("the network's end is gone", || !has_link());
        let again = asking.device(bed.device(Action::Detach, "net0", vec![], vec![device_del()])).unwrap_err();
        assert_eq!(again.exit_code(), 3, "{again}");
        asking.ask(Request::Quit).unwrap();
    });
    assert_eq!(ended.map(|ended| ended.is_clean), Ok(true));
    bed.is_as_before();
}

#[test]
fn without_control_groups_qemu_is_found_by_its_mark() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("off");
    let config = RunConfig { acl: AclChoice::Off, ..config() };
    let ended = supervise(&bed, &bed.plan(), &config, |asking, pid| {
        assert_eq!(bed.processes(), [pid]);
        assert!(!bed.group("v2").exists());
        // The guest has no power button driver: after the grace QEMU is asked to quit.
        asking.ask(Request::PowerDown).unwrap();
    });
    assert_eq!(ended.map(|ended| ended.status), Ok("exit status 0".into()));
    bed.is_as_before();
}

#[test]
fn root_without_capabilities_and_a_limit_set_later() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("root");
    let config = RunConfig { user: UserChoice::Root, ..config() };
    let ended = supervise(&bed, &bed.plan(), &config, |asking, pid| {
        assert_eq!((status(pid, "Uid"), status(pid, "CapEff")), ("0\t0\t0\t0".into(), "0000000000000000".into()));
        let limit = vec![Step::Memlock { limit: Limit::Bytes(2 << 20) }];
        asking.device(bed.device(Action::Attach, "limit", limit, vec![])).unwrap();
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let locked = limits.lines().find(|line| line.starts_with("Max locked memory")).unwrap();
        assert_eq!(locked.split_whitespace().nth(3), Some("2097152"), "{locked}");
        asking.ask(Request::Quit).unwrap();
    });
    assert_eq!(ended.map(|ended| ended.is_clean), Ok(true));
    bed.is_as_before();
}

#[test]
fn a_tap_interface_joins_its_bridge_and_is_removed() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("tap");
    let bridge = format!("vb{}", std::process::id());
    let ip = |args: &[&str]| std::process::Command::new("ip").args(args).status();
    if !ip(&["link", "add", &bridge, "type", "bridge"]).is_ok_and(|s| s.success()) {
        common::skip("this host makes no bridges");
        return;
    }
    let tap = Step::Tap {
        fds: vec!["tap0".into(), "tap1".into()],
        vhost_fds: vec![],
        name: bed.tap(),
        bridge: Some(bridge.clone()),
        mac: Some("fe:54:00:12:34:56".into()),
        mtu: Some(1400),
        vnet_hdr: true,
    };
    let net = std::path::Path::new("/sys/class/net").join(bed.tap());
    let read = |name: &str| std::fs::read_to_string(net.join(name)).unwrap().trim().to_owned();
    let ended = supervise(&bed, &bed.plan(), &config(), |asking, _| {
        let mut add = Vec::new();
        for fd in ["tap0", "tap1"] {
            let mut get = with_undo(command("getfd", json!({"fdname": fd})), "closefd", json!({"fdname": fd}));
            get.call.fd = Some(fd.into());
            add.push(get);
        }
        let netdev = json!({"type": "tap", "id": "n0", "fds": "tap0:tap1"});
        add.push(with_undo(command("netdev_add", netdev), "netdev_del", json!({"id": "n0"})));
        let device = json!({"driver": "virtio-net-pci", "id": "net0", "netdev": "n0", "mq": true, "romfile": ""});
        add.push(command("device_add", device));
        asking.device(bed.device(Action::Attach, "net0", vec![tap.clone()], add)).unwrap();
        assert!(net.join("master").canonicalize().unwrap().ends_with(&bridge));
        assert_eq!((read("address"), read("mtu")), ("fe:54:00:12:34:56".into(), "1400".into()));
        let remove = vec![
            released(command("device_del", json!({"id": "net0"})), "net0", 20_000),
            command("netdev_del", json!({"id": "n0"})),
        ];
        eventually("the guest is up", || std::fs::read_to_string(bed.dir().join("qemu/serial.log")).unwrap() == "up\n");
        asking.device(bed.device(Action::Detach, "net0", vec![], remove)).unwrap();
        assert!(!net.exists());
        // A bridge that is not there is refused before anything is made.
        let mut lost = tap.clone();
        if let Step::Tap { bridge, .. } = &mut lost {
            *bridge = Some("no-such-bridge".into());
        }
        let failure = asking.device(bed.device(Action::Attach, "net1", vec![lost], vec![])).unwrap_err();
        assert_eq!(failure.to_string(), "rule test: this host has no bridge no-such-bridge");
        asking.ask(Request::Quit).unwrap();
    });
    let is_removed = ip(&["link", "del", &bridge]).is_ok_and(|s| s.success());
    assert_eq!(ended.map(|ended| ended.is_clean), Ok(true));
    assert!(is_removed);
    bed.is_as_before();
}

#[test]
fn a_dry_run_leaves_the_host_alone() {
    let bed = Bed::new("dry");
    let mut plan = bed.plan();
    let config = RunConfig { acl: AclChoice::Off, ..config() };
    let changes = dry_run(&plan, &bed.dir(), &config).unwrap();
    let words: Vec<String> = changes.iter().map(|dry| dry.change.apply.describe()).collect();
    assert!(words.iter().any(|w| w.contains("fd={fd:monitor},server=on")), "{words:#?}");
    plan.steps.push(planned(Step::VfioBind { device: "ffff:1f:1f.7".parse().unwrap(), managed: true }));
    let failure = dry_run(&plan, &bed.dir(), &config).unwrap_err();
    assert_eq!(failure.to_string(), "rule test: this host has no PCI function ffff:1f:1f.7");
    bed.is_as_before();
}
