//! The guest in real QEMU: it says hello, answers, lets go of devices, and switches itself off.
#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use std::time::Duration;

use serde_json::json;
use virtc_tests::qemu::Qemu;
use virtc_tests::{guest, tools};

const TIME: Duration = Duration::from_secs(30);

/// Boots the guest on `machine`, takes the device `id` that `add` makes away from it, and presses the power button.
fn whole_life(args: &[&str], bus: &str) {
    let Some(binary) = tools::find("qemu-system-x86_64") else {
        return tools::skipped("the guest was not booted: no qemu-system-x86_64 here");
    };
    let mut qemu = Qemu::start(&binary, &guest::image(), args).unwrap();
    qemu.line(guest::HELLO, TIME).unwrap();

    qemu.type_in("ping 1\n").unwrap();
    qemu.line("PING 1", TIME).unwrap();

    for _ in 0..2 {
        qemu.command("device_add", &json!({"driver": "virtio-net-pci", "id": "extra", "bus": bus})).unwrap();
        qemu.command("device_del", &json!({"id": "extra"})).unwrap();
        let gone = |event: &serde_json::Value| event.pointer("/data/device").is_some_and(|id| id == "extra");
        while !gone(&qemu.event("DEVICE_DELETED", TIME).unwrap()) {}
        qemu.line(guest::RELEASED, TIME).unwrap();
    }

    qemu.command("system_powerdown", &json!({})).unwrap();
    let event = qemu.event("SHUTDOWN", TIME).unwrap();
    assert_eq!(event.pointer("/data/reason").unwrap(), "guest-shutdown");
    qemu.line(guest::POWER_OFF, TIME).unwrap();
    assert!(qemu.ended(TIME).unwrap().success());
}

#[test]
fn on_pc() {
    whole_life(&["-machine", "pc"], "pci.0");
}

#[test]
fn on_q35_behind_a_root_port() {
    whole_life(&["-machine", "q35", "-device", "pcie-root-port,id=rp1,chassis=1"], "rp1");
}

#[test]
fn an_empty_disk_never_lets_go() {
    let Some(binary) = tools::find("qemu-system-x86_64") else {
        return tools::skipped("the empty disk was not booted: no qemu-system-x86_64 here");
    };
    let args = ["-machine", "pc", "-device", "virtio-net-pci,id=extra"];
    let mut qemu = Qemu::start(&binary, &vec![0; guest::IMAGE_SIZE], &args).unwrap();
    qemu.command("device_del", &json!({"id": "extra"})).unwrap();
    assert!(qemu.event("DEVICE_DELETED", Duration::from_secs(2)).is_err());
}
