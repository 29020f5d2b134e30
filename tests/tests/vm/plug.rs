//! Devices come and go, supervisors die.

use virtc_tests::guest;

use crate::bed::{Bed, CARD};

const SERIAL: &str = "<serial type='unix'><source mode='connect' path='PLACE/serial'/><target port='0'/></serial>";

/// Places for the USB controller, for the disk, and for two more.
const PORTS: &str = "<controller type='pci' index='0' model='pcie-root'/>
    <controller type='pci' model='pcie-root-port'/><controller type='pci' model='pcie-root-port'/>
    <controller type='pci' model='pcie-root-port'/><controller type='pci' model='pcie-root-port'/>";

#[test]
fn a_card_comes_and_goes_and_the_guest_is_stopped() {
    let Some(bed) = Bed::new("plug") else { return };
    let (card, other) = (bed.write("card.xml", CARD), bed.write("other.xml", &CARD.replace(":01", ":02")));
    let (card, other) = (card.to_str().unwrap(), other.to_str().unwrap());
    let name = bed.name.as_str();
    let absent = bed.virtc(&["attach", name, card]);
    assert_eq!(absent.code, 2);
    assert!(absent.err.contains(&format!("there is no guest `{name}`, nor any other")), "{}", absent.err);

    let definition = bed.define("", &format!("{SERIAL}{PORTS}"));
    let lines = bed.listen("serial");
    let mut running = bed.run(&definition);
    running.line(&lines, guest::HELLO);
    running.until("it can be asked", || bed.is_running());
    assert_eq!(bed.succeeds(&["list"]), bed.succeeds(&["status", name]));
    let twice = bed.virtc(&["run", definition.to_str().unwrap()]);
    assert_eq!(twice.code, 3);
    assert!(twice.err.contains("a VM of this name runs already"), "{}", twice.err);

    // The second card gets the next name and place, and the first one's place is free again when it has gone.
    assert_eq!(bed.succeeds(&["attach", name, card]), "net0\n");
    assert_eq!(bed.succeeds(&["attach", name, other]), "net1\n");
    let full = bed.virtc(&["attach", name, bed.write("third.xml", &CARD.replace(":01", ":03")).to_str().unwrap()]);
    assert_eq!(full.code, 1);
    assert!(full.err.contains("no free place"), "{}", full.err);
    assert_eq!(bed.succeeds(&["detach", name, card]), "net0\n");
    running.line(&lines, guest::RELEASED);
    let gone = bed.virtc(&["detach", name, card]);
    assert_eq!(gone.code, 1);
    assert!(gone.err.contains("the domain has no such `<interface>`"), "{}", gone.err);
    // As with libvirt the number is one above the highest.
    assert_eq!(bed.succeeds(&["attach", name, card]), "net2\n");
    for card in [other, card] {
        bed.succeeds(&["detach", name, card]);
        running.line(&lines, guest::RELEASED);
    }

    bed.succeeds(&["stop", name]);
    running.line(&lines, guest::POWER_OFF);
    assert_eq!(running.ended(), 0);
    bed.is_as_before();
}

#[test]
fn disks_that_come_and_go_keep_their_nodes() {
    let Some(bed) = Bed::new("disk") else { return };
    let disk = |target: &str| {
        bed.write(target, "content of a disk");
        let source = bed.path(target);
        let xml = format!(
            "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{}'/>
            <target dev='{target}' bus='virtio'/></disk>",
            source.display()
        );
        bed.write(&format!("{target}.xml"), &xml).to_str().unwrap().to_owned()
    };
    let (b, c) = (disk("vdb"), disk("vdc"));
    let lines = bed.listen("serial");
    let name = bed.name.as_str();
    let mut running = bed.run(&bed.define("", &format!("{SERIAL}{PORTS}")));
    running.line(&lines, guest::HELLO);
    running.until("it can be asked", || bed.is_running());
    for (action, disk) in
        [("attach", &b), ("attach", &c), ("detach", &b), ("attach", &b), ("detach", &c), ("detach", &b)]
    {
        bed.succeeds(&[action, name, disk]);
    }
    bed.succeeds(&["stop", "--force", name]);
    assert_eq!(running.ended(), 0);
    bed.is_as_before();
}

#[test]
fn a_guest_that_does_not_answer_keeps_its_card() {
    let Some(bed) = Bed::new("holds") else { return };
    bed.boot(&vec![0; guest::IMAGE_SIZE]);
    let card = bed.write("card.xml", CARD);
    let name = bed.name.as_str();
    let mut running = bed.run(&bed.define("", ""));
    running.until("it can be asked", || bed.is_running());
    bed.succeeds(&["attach", name, card.to_str().unwrap()]);
    let holds = bed.virtc(&["detach", name, card.to_str().unwrap()]);
    assert_eq!(holds.code, 5, "{}", holds.err);
    assert!(holds.err.contains("the guest has not released the device `net0`"), "{}", holds.err);
    bed.succeeds(&["stop", "--force", name]);
    assert_eq!(running.ended(), 0);
    bed.is_as_before();
}

#[test]
fn what_a_killed_supervisor_leaves_is_recovered() {
    let Some(bed) = Bed::new("killed") else { return };
    let lines = bed.listen("serial");
    let name = bed.name.as_str();
    let mut running = bed.run(&bed.define("", SERIAL));
    running.line(&lines, guest::HELLO);
    let refused = bed.virtc(&["recover", name]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    assert!(bed.succeeds(&["list"]).contains("its supervisor has died"));
    let stop = bed.virtc(&["stop", name]);
    assert!(stop.code == 2 && stop.err.contains(&format!("`virtc recover {name}`")), "{}", stop.err);
    let left = bed.virtc(&["recover", name]);
    assert_eq!(left.code, 3, "{}", left.err);
    assert!(left.err.contains("QEMU still runs") && !bed.processes().is_empty(), "{}", left.err);
    bed.succeeds(&["recover", "--all", "--kill"]);
    assert_eq!(bed.succeeds(&["list"]), "");
    bed.is_as_before();
}
