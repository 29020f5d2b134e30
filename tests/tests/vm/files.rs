//! Files and sockets of character devices, and the firmware's variables.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use virtc_tests::guest;

use crate::bed::Bed;

/// One of each kind, with logs.
const DEVICES: &str = "
    <serial type='file'><source path='PLACE/serial.txt' append='on'/><log file='PLACE/serial.log' append='off'/><target port='0'/></serial>
    <serial type='pty'><log file='PLACE/pty.log'/><target port='1'/></serial>
    <serial type='unix'><source mode='bind' path='PLACE/bound.sock'/><target port='2'/></serial>
    <console type='pty'><target type='virtio' port='1'/></console>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <channel type='file'><source path='PLACE/channel.txt'/><target type='virtio' name='out'/></channel>
    <channel type='unix'><source mode='bind' path='PLACE/channel.sock'/><target type='virtio' name='own'/></channel>
    <channel type='pty'><target type='virtio' name='terminal'/></channel>";

#[test]
fn character_devices_of_every_kind_run() {
    let Some(bed) = Bed::new("files") else { return };
    let read = |name: &str| fs::read_to_string(bed.path(name)).unwrap_or_default();
    bed.write("serial.txt", "before\n");
    bed.write("serial.log", "old\n");
    // A socket without a listener is there, and is replaced.
    drop(UnixListener::bind(bed.path("bound.sock")).unwrap());
    let name = bed.name.as_str();
    let mut running = bed.run(&bed.define("", DEVICES));
    let hello = format!("{}\n", guest::HELLO);
    running.until("the guest writes to its file", || read("serial.txt").replace('\r', "").ends_with(&hello));
    assert!(read("serial.txt").starts_with("before\n"));
    assert!(!read("serial.log").contains("old") && read("serial.log").contains(guest::HELLO), "{}", read("serial.log"));
    running.until("it can be asked", || bed.is_running());
    for socket in [bed.path("bound.sock"), bed.path("channel.sock"), bed.state().join("channel-org.qemu.guest_agent.0")]
    {
        UnixStream::connect(&socket).unwrap_or_else(|error| unreachable!("{}: {error}", socket.display()));
    }
    let mode = |name: &str| fs::metadata(bed.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("channel.txt"), mode("channel.sock")), (0o600, 0o660));
    // A process listens there now: a second guest must not replace it.
    let second = bed.define("", DEVICES);
    let other = fs::read_to_string(&second).unwrap().replace(name, &format!("{name}-2"));
    let refused = bed.virtc(&["run", bed.write("second.xml", &other).to_str().unwrap()]);
    assert_eq!(refused.code, 3);
    assert!(refused.err.contains("a process listens at"), "{}", refused.err);
    assert!(UnixStream::connect(bed.path("bound.sock")).is_ok());

    bed.succeeds(&["stop", name]);
    assert_eq!(running.ended(), 0);
    // Sockets go, data stays, and a file that nobody wrote to goes.
    for gone in ["bound.sock", "channel.sock", "channel.txt", "pty.log"] {
        assert!(!bed.path(gone).exists(), "{gone}");
    }
    assert!(read("serial.txt").contains(guest::POWER_OFF) && read("serial.log").contains(guest::POWER_OFF));
    bed.is_as_before();
}

#[test]
fn a_socket_that_is_bound_carries_the_guests_words() {
    let Some(bed) = Bed::new("bound") else { return };
    let serial = "<serial type='unix'><source mode='bind' path='PLACE/s.sock'/><target port='0'/></serial>";
    let mut running = bed.run(&bed.define("", serial));
    running.until("it can be asked", || bed.is_running());
    let mut stream = UnixStream::connect(bed.path("s.sock")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut said = String::new();
    running.until("the guest answers", || {
        let mut chunk = [0; 256];
        let _ = stream.write_all(b"ping\n");
        let count = stream.read(&mut chunk).unwrap_or_default();
        said.push_str(&String::from_utf8_lossy(&chunk[..count]));
        said.contains("PING")
    });
    bed.succeeds(&["stop", "--force", &bed.name]);
    assert_eq!(running.ended(), 0);
    assert!(!bed.path("s.sock").exists());
    bed.is_as_before();
}

#[test]
fn variables_of_the_firmware_come_from_their_template() {
    let Some(bed) = Bed::new("nvram") else { return };
    bed.write("code.fd", &"\0".repeat(1 << 18));
    let os = "<loader readonly='yes' type='pflash'>PLACE/code.fd</loader><nvram template='PLACE/template.fd'>PLACE/vars.fd</nvram>";
    let definition = bed.define(os, "");
    let run = || bed.virtc(&["run", definition.to_str().unwrap()]);
    let none = run();
    assert_eq!(none.code, 3);
    assert!(none.err.contains("vars.fd does not exist, and neither does its template"), "{}", none.err);
    assert!(!bed.path("vars.fd").exists());
    bed.is_as_before();

    bed.write("template.fd", &"v".repeat(1 << 18));
    let mut running = bed.run(&definition);
    running.until("it can be asked", || bed.is_running());
    bed.succeeds(&["stop", "--force", &bed.name]);
    assert_eq!(running.ended(), 0);
    assert_eq!(fs::metadata(bed.path("vars.fd")).unwrap().permissions().mode() & 0o777, 0o600);
    // It is the guest's from now on.
    bed.write("vars.fd", &"w".repeat(1 << 18));
    let mut running = bed.run(&definition);
    running.until("it can be asked", || bed.is_running());
    bed.succeeds(&["stop", "--force", &bed.name]);
    assert_eq!(running.ended(), 0);
    assert_eq!(fs::read(bed.path("vars.fd")).unwrap(), vec![b'w'; 1 << 18]);
    bed.is_as_before();
}
