//! A running VM is asked through its control socket.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "these are tests")]

mod common;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::{Bed, DEFINITION, attaching, can_run, command, config, eventually, released, supervise, with_undo};
use serde_json::{Value, json};
use virtc_plan::{Action, DevicePlan};
use virtc_runtime::control::{AttachArguments, CONTROL_SOCKET, CallError, Client, DetachArguments};
use virtc_runtime::{Found, inspect};

const TIME: Duration = Duration::from_secs(60);

fn add(bed: &Bed) -> DevicePlan {
    let add = vec![
        with_undo(
            command("netdev_add", json!({"type": "hubport", "id": "n0", "hubid": 0})),
            "netdev_del",
            json!({"id": "n0"}),
        ),
        command("device_add", json!({"driver": "e1000", "id": "net0", "netdev": "n0", "romfile": ""})),
    ];
    bed.device(Action::Attach, "net0", vec![], add)
}

fn remove(bed: &Bed, deadline_ms: u64) -> DetachArguments {
    let remove = vec![
        released(command("device_del", json!({"id": "net0"})), "net0", deadline_ms),
        command("netdev_del", json!({"id": "n0"})),
    ];
    DetachArguments { plan: bed.device(Action::Detach, "net0", vec![], remove) }
}

/// Sends bytes as they are; the answer up to its NUL.
fn raw(bed: &Bed, bytes: &[u8]) -> Value {
    let mut stream = UnixStream::connect(bed.dir().join(CONTROL_SOCKET)).unwrap();
    stream.set_read_timeout(Some(TIME)).unwrap();
    // One who is refused before all was sent cannot send the rest.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).unwrap() == 1 && byte != [0] {
        answer.extend(byte);
    }
    serde_json::from_slice(&answer).unwrap()
}

#[test]
fn a_card_comes_and_goes_through_the_socket() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("control");
    assert_eq!(inspect(&bed.dir(), TIME), Ok(Found::Nothing));
    assert_eq!(Client::connect(&bed.dir(), TIME).unwrap_err(), CallError::NotRunning);
    let ended = supervise(&bed, &bed.plan(), &config(), |_, pid| {
        let socket = bed.dir().join(CONTROL_SOCKET);
        eventually("it listens", || socket.exists());
        assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        let mut client = Client::connect(&bed.dir(), TIME).unwrap();
        let status = client.status().unwrap();
        assert_eq!((status.name.as_str(), status.state.as_str(), status.pid), (&*bed.name, "running", Some(pid)));
        assert_eq!(inspect(&bed.dir(), TIME), Ok(Found::Running(status)));
        let serial = bed.dir().join("qemu/serial.log");
        eventually("the guest is up", || std::fs::read_to_string(&serial).unwrap() == "up\n");

        let described = client.describe().unwrap();
        assert_eq!((described.definition.as_str(), described.generation), (DEFINITION, 0));
        let with =
            AttachArguments { definition: Some("with a card".into()), generation: Some(0), ..attaching(add(&bed)) };
        client.attach(&with).unwrap();
        assert_eq!(client.attach(&with), Err(CallError::Changed));
        let described = client.describe().unwrap();
        assert_eq!((described.definition.as_str(), described.generation), ("with a card", 1));
        let kept: Value = serde_json::from_slice(&std::fs::read(bed.dir().join("machine.json")).unwrap()).unwrap();
        assert_eq!(kept["definition"], "with a card");

        let wrong = DetachArguments { plan: add(&bed) };
        let refused = client.detach(&wrong).unwrap_err();
        assert_eq!(refused.to_string(), "the device plan is for another action than the one that was asked for");
        client.detach(&remove(&bed, 20_000)).unwrap();
        let described = client.describe().unwrap();
        assert_eq!((described.generation, described.released), (2, vec!["net0".to_owned()]));
        let gone = client.detach(&remove(&bed, 300)).unwrap_err();
        assert!(matches!(gone, CallError::Refused { is_guest: false, .. }), "{gone:?}");
        client.quit().unwrap();
    });
    assert_eq!(ended.map(|ended| ended.is_clean), Ok(true));
    bed.is_as_before();
}

#[test]
fn it_speaks_varlink_and_takes_no_nonsense() {
    if !can_run() {
        return;
    }
    let bed = Bed::new("wire");
    // Nothing to boot from: no guest releases a device.
    std::fs::write(bed.image(), vec![0; 1_474_560]).unwrap();
    let ended = supervise(&bed, &bed.plan(), &config(), |_, _| {
        eventually("it listens", || bed.dir().join(CONTROL_SOCKET).exists());
        let mut client = Client::connect(&bed.dir(), TIME).unwrap();
        let info = client.call("org.varlink.service.GetInfo", &json!({})).unwrap();
        assert_eq!(info["interfaces"], json!(["org.varlink.service", "io.virtc.Machine"]));
        let asked = json!({"interface": "io.virtc.Machine"});
        let description = client.call("org.varlink.service.GetInterfaceDescription", &asked).unwrap();
        let description = description["description"].as_str().unwrap();
        for method in ["Status", "Describe", "Attach", "Detach", "PowerDown", "Quit"] {
            assert!(description.contains(&format!("method {method}(")), "{method}");
        }
        let error = |bytes: &[u8]| raw(&bed, bytes)["error"].as_str().unwrap().to_owned();
        assert_eq!(error(b"no json\0"), "org.varlink.service.InvalidParameter");
        assert_eq!(error(b"{}\0"), "org.varlink.service.InvalidParameter");
        assert_eq!(error(b"{\"method\":\"io.virtc.Machine.Fly\"}\0"), "org.varlink.service.MethodNotFound");
        assert_eq!(error(b"{\"method\":\"io.other.Status\"}\0"), "org.varlink.service.InterfaceNotFound");
        let attach = b"{\"method\":\"io.virtc.Machine.Attach\",\"parameters\":{\"plan\":{\"format\":2}}}\0";
        assert_eq!(error(attach), "org.varlink.service.InvalidParameter");
        assert_eq!(
            error(&vec![b' '; virtc_runtime::control::LONGEST + 10_000]),
            "org.varlink.service.InvalidParameter"
        );

        client.attach(&attaching(add(&bed))).unwrap();
        let holds = client.detach(&remove(&bed, 300)).unwrap_err();
        assert!(matches!(holds, CallError::Refused { is_guest: true, .. }), "{holds:?}");
        client.quit().unwrap();
    });
    assert_eq!(ended.map(|ended| ended.is_clean), Ok(true));
    bed.is_as_before();
}
