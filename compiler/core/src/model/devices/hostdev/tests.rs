use crate::model::devices::chardev::trial::trial;

fn scsi(source: &str) -> String {
    format!("<hostdev mode='subsystem' type='scsi'>{source}</hostdev>")
}

fn iscsi(name: &str, rest: &str) -> String {
    scsi(&format!("<source protocol='iscsi' name='{name}'><host name='::1'/></source>{rest}"))
}

const MDEV: &str = "<source><address uuid='53764d0e-85a0-42b4-af5c-2046b460b1dc'/></source>";

#[test]
fn scsi_devices_get_units_and_a_controller() {
    let t = trial(
        &(iscsi("iqn.a:b", "<readonly/>") + &iscsi("iqn.a:b/7", "<boot order='1'/>")),
        &["hostdev", "libvirt-", "\"scsi0\""],
    );
    assert_eq!(t.faults, Vec::<String>::new());
    assert_eq!(
        t.argv,
        [
            r#"-device {"driver":"lsi","id":"scsi0","bus":"pci.0","addr":"0x2"}"#,
            r#"-blockdev {"driver":"iscsi","portal":"[::1]:3260","target":"iqn.a:b","lun":0,"transport":"tcp","node-name":"libvirt-1-backend","read-only":true}"#,
            r#"-device {"driver":"scsi-generic","drive":"libvirt-1-backend","id":"hostdev0","bus":"scsi0.0","scsi-id":0}"#,
            r#"-blockdev {"driver":"iscsi","portal":"[::1]:3260","target":"iqn.a:b","lun":7,"transport":"tcp","node-name":"libvirt-2-backend","read-only":false}"#,
            r#"-device {"driver":"scsi-generic","drive":"libvirt-2-backend","id":"hostdev1","bus":"scsi0.0","scsi-id":1,"bootindex":1}"#,
        ]
    );
}

#[test]
fn vhost_and_mediated_devices() {
    let vhost = "<source protocol='vhost' wwpn='naa.5123456789abcde0'/></hostdev>";
    let t = trial(
        &format!(
            "<hostdev type='scsi_host' model='virtio-transitional'>{vhost}<graphics type='vnc'/>\
             <hostdev mode='subsystem' type='mdev' model='vfio-pci' display='on' ramfb='on'>{MDEV}</hostdev>"
        ),
        &["hostdev"],
    );
    assert_eq!(t.faults, Vec::<String>::new());
    assert_eq!(
        t.argv,
        [
            r#"-device {"driver":"vhost-scsi-pci-transitional","wwpn":"naa.5123456789abcde0","vhostfd":"{fd:hostdev0-vhost}","id":"hostdev0","bus":"pci.0","addr":"0x3"}"#,
            r#"-device {"driver":"vfio-pci-nohotplug","id":"hostdev1","sysfsdev":"/sys/bus/mdev/devices/53764d0e-85a0-42b4-af5c-2046b460b1dc","display":"on","ramfb":true,"bus":"pci.0","addr":"0x4"}"#,
        ]
    );
}

#[test]
fn what_does_not_fit() {
    let pci = "<source><address bus='6' slot='1'/></source>";
    let mdev = |attributes: &str| format!("<hostdev type='mdev' model='vfio-pci' {attributes}>{MDEV}</hostdev>");
    for (devices, fault) in [
        (
            "<hostdev mode='capabilities' type='misc'><source><char>/dev/x</char></source></hostdev>".to_owned(),
            "devices of mode `capabilities` are for containers, QEMU has none",
        ),
        (
            format!("<hostdev type='pci'><driver name='xen'/>{pci}</hostdev>"),
            "QEMU has no back end `xen` for devices of the host",
        ),
        (
            format!("<hostdev type='pci'>{}</hostdev>", pci.replace("<source", "<source writeFiltering='no'")),
            "QEMU filters no writes to the configuration space of a device",
        ),
        (
            format!("<hostdev type='mdev' model='vfio-ap'>{MDEV}</hostdev>"),
            "a mediated device of model `vfio-ap` exists on s390x only",
        ),
        (mdev("display='on'"), "`display='on'` needs `<graphics>`, and the guest has none"),
        (mdev("") + &mdev(""), "this device of the host is given to the guest twice"),
        (
            format!("<hostdev type='mdev' model='vfio-pci'>{MDEV}<boot order='1'/></hostdev>"),
            "the guest cannot boot from a device of type `mdev`",
        ),
        (
            iscsi("iqn.a", "<address type='drive' unit='1'/>") + &iscsi("iqn.b", "<address type='drive' unit='1'/>"),
            "another SCSI device has this address",
        ),
        (iscsi("iqn.a/b", ""), "`name` of an iSCSI source ends in `/` and the number of a LUN"),
        (
            scsi("<source><adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/></source>"),
            "the host file does not say which `/dev/sg` node this SCSI device has",
        ),
        (
            scsi("<source><adapter type='fc_host' wwnn='1' wwpn='2'/><address bus='0' target='0' unit='0'/></source>"),
            "the adapter of a SCSI device goes by its name, such as `scsi_host0`, and no other way",
        ),
    ] {
        assert_eq!(trial(&devices, &[]).faults, [fault], "{devices}");
    }
}
