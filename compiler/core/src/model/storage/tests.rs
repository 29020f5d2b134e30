//! Tests of disk sources: the block nodes, and what is refused.

use virtc_inventory::HostFile;

use crate::passes::fixture::{self, Compiled};
use crate::qemu::{Payload, json_arg};

/// `-object` and `-blockdev` of a guest with this disk on this host, and the messages.
fn nodes(disk: &str, host: Option<&HostFile>) -> (Vec<String>, Vec<String>) {
    let text = format!(
        "<domain type='kvm'><name>t</name><memory>1024</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>\
         <devices>{disk}<memballoon model='none'/></devices></domain>"
    );
    let Compiled { xml, options, faults, .. } = fixture::compile(text, host);
    let items = options.iter().filter_map(|item| match &item.payload {
        Payload::Json(props) if item.option == "blockdev" || json_arg(props).display().contains("secret") => {
            Some(json_arg(props).display().into_owned())
        }
        Payload::None | Payload::Word(_) | Payload::Opts(_) | Payload::Json(_) | Payload::Chardev(_) => None,
    });
    assert_eq!(fixture::compile(xml.clone(), host).xml, xml, "no fixed point");
    (items.collect(), faults)
}

/// A disk of this type with this content.
fn disk(kind: &str, content: &str) -> String {
    format!("<disk type='{kind}'>{content}<target dev='vda' bus='virtio'/></disk>")
}

#[test]
fn servers() {
    for (source, wanted) in [
        (
            "protocol='gluster' name='vol/dir/a.img'><host name='h'/><host transport='unix' socket='/s'/>",
            r#""driver":"gluster","volume":"vol","path":"dir/a.img","server":[{"type":"inet","host":"h","port":"24007"},{"type":"unix","path":"/s"}],"debug":4"#,
        ),
        (
            "protocol='nfs' name='/a/b'><host name='h'/><identity user='+7' group='root'/>",
            r#""driver":"nfs","server":{"host":"h","type":"inet"},"path":"/a/b","user":7,"group":0"#,
        ),
        (
            "protocol='rbd' name='pool/space/image'><snapshot name='s'/><config file='/c'/>",
            r#""driver":"rbd","pool":"pool","image":"space/image","snapshot":"s","conf":"/c""#,
        ),
        (
            "protocol='iscsi' name='iqn.t'><host name='fe80::1'/><initiator><iqn name='iqn.i'/></initiator>",
            r#""driver":"iscsi","portal":"[fe80::1]:3260","target":"iqn.t","lun":0,"transport":"tcp","initiator-name":"iqn.i""#,
        ),
        (
            "protocol='ssh' name='/a'><host name='h'/><identity username='u' keyfile='/k'/>",
            r#""driver":"ssh","path":"/a","server":{"host":"h","port":"22"},"user":"u""#,
        ),
        (
            "protocol='ftps' name='a b'><host name='h'/><ssl verify='no'/><timeout seconds='3'/>",
            r#""driver":"ftps","url":"ftps://h:990/a%20b","sslverify":false,"timeout":3"#,
        ),
        (
            "protocol='nbd' name='x'><host transport='unix' socket='/s'/><reconnect delay='4'/>",
            r#""driver":"nbd","server":{"type":"unix","path":"/s"},"export":"x","reconnect-delay":4"#,
        ),
    ] {
        let (items, faults) = nodes(&disk("network", &format!("<source {source}</source>")), None);
        assert_eq!(faults, Vec::<String>::new(), "{source}");
        assert_eq!(items, [format!(r#"{{{wanted},"node-name":"libvirt-1-storage","read-only":false}}"#)], "{source}");
    }
}

#[test]
fn secrets_are_placeholders_encrypted_with_the_master_key() {
    let rbd = "<source protocol='rbd' name='p/i'><auth username='u'><secret type='ceph' usage='k'/></auth>\
        <encryption format='luks2' engine='librbd'><secret type='passphrase' usage='a'/>\
        <secret type='passphrase' usage='b'/></encryption></source>";
    let (items, faults) = nodes(&disk("network", rbd), None);
    assert_eq!(faults, Vec::<String>::new());
    let secret = |id: &str| {
        format!(
            r#"{{"qom-type":"secret","id":"{id}","data":"{{secret:{id}}}","keyid":"masterKey0","iv":"{{secret-iv:{id}}}","format":"base64"}}"#
        )
    };
    let key = r#"{"qom-type":"secret","id":"masterKey0","format":"raw","file":"{state}/master-key.aes"}"#;
    let node = r#"{"driver":"rbd","pool":"p","image":"i","encrypt":{"format":"luks2","key-secret":"libvirt-1-storage-encryption-secret0","parent":{"format":"luks2","key-secret":"libvirt-1-storage-encryption-secret1"}},"user":"u","auth-client-required":["cephx","none"],"key-secret":"libvirt-1-storage-auth-secret0","node-name":"libvirt-1-storage","read-only":false}"#;
    let [auth, first, second] =
        ["auth-secret0", "encryption-secret0", "encryption-secret1"].map(|n| format!("libvirt-1-storage-{n}"));
    assert_eq!(items, [key.to_owned(), secret(&auth), secret(&first), secret(&second), node.to_owned()]);
}

#[test]
fn chains_and_data_files() {
    let content = "<driver name='qemu' type='qcow2' cache='none' discard='unmap' detect_zeroes='on'/>\
        <source file='/top'><dataStore type='file'><format type='raw'/><source file='/data'/></dataStore></source>\
        <backingStore type='file'><format type='vmdk'/><source file='/mid'/>\
        <backingStore type='block'><format type='vpc'/><source dev='/low'/></backingStore></backingStore>";
    let (items, faults) = nodes(&disk("file", content), None);
    assert_eq!(faults, Vec::<String>::new());
    let cache = r#""cache":{"direct":true,"no-flush":false}"#;
    let storage = |driver: &str, path: &str, n: u32| {
        format!(
            r#"{{"driver":"{driver}","filename":"{path}","node-name":"libvirt-{n}-storage","auto-read-only":true,"discard":"unmap",{cache}}}"#
        )
    };
    let wanted = [
        storage("host_device", "/low", 4),
        format!(
            r#"{{"node-name":"libvirt-4-format","read-only":true,"discard":"unmap",{cache},"driver":"vpc","file":"libvirt-4-storage"}}"#
        ),
        storage("file", "/mid", 3),
        format!(
            r#"{{"node-name":"libvirt-3-format","read-only":true,"discard":"unmap",{cache},"driver":"vmdk","file":"libvirt-3-storage","backing":"libvirt-4-format"}}"#
        ),
        format!(
            r#"{{"driver":"file","filename":"/data","node-name":"libvirt-2-storage","read-only":false,"discard":"unmap",{cache}}}"#
        ),
        storage("file", "/top", 1),
        format!(
            r#"{{"node-name":"libvirt-1-format","read-only":false,"discard":"unmap","detect-zeroes":"on",{cache},"driver":"qcow2","data-file":"libvirt-2-storage","file":"libvirt-1-storage","backing":"libvirt-3-format"}}"#
        ),
    ];
    assert_eq!(items, wanted);
}

#[test]
fn the_host_file_knows_volumes_and_chains() {
    let host = r#"{"format":1,"resources":{
        "images":{"/top":{"backing":{"path":"/low","format":"qcow2"}},"/low":{}},
        "pools":{"p":{"kind":"logical","volumes":{"v":{"kind":"block","path":"/dev/vg/v"}}},
                 "i":{"kind":"iscsi","host":{"name":"h","port":99},"device":"iqn.t","auth":{"username":"u","secret":"s"}}}}}"#;
    let host = HostFile::from_json(host).unwrap();
    let (items, faults) = nodes(&disk("file", "<driver type='qcow2'/><source file='/top'/>"), Some(&host));
    assert_eq!(faults, Vec::<String>::new());
    assert!(items[1].ends_with(r#""driver":"qcow2","file":"libvirt-2-storage","backing":null}"#), "{items:?}");
    assert!(items[3].ends_with(r#""backing":"libvirt-2-format"}"#), "{items:?}");
    let (items, faults) = nodes(&disk("volume", "<source pool='p' volume='v'/>"), Some(&host));
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(
        items,
        [r#"{"driver":"host_device","filename":"/dev/vg/v","node-name":"libvirt-1-storage","read-only":false}"#]
    );
    let (items, faults) = nodes(&disk("volume", "<source pool='i' volume='unit:0:0:5' mode='direct'/>"), Some(&host));
    assert_eq!(faults, Vec::<String>::new());
    assert!(
        items[2]
            .starts_with(r#"{"driver":"iscsi","portal":"h:99","target":"iqn.t","lun":5,"transport":"tcp","user":"u""#),
        "{items:?}"
    );
    for (source, message) in [
        ("<source pool='q' volume='v'/>", "storage pool `q` is not known"),
        ("<source pool='p' volume='w'/>", "storage pool `p` has no volume `w`"),
        ("<source pool='p' volume='v' mode='host'/>", "`mode` is supported for volumes of iSCSI pools only"),
        (
            "<source pool='i' volume='v' mode='direct'/>",
            "the name of an iSCSI volume has the form `unit:0:0:LUN`, not `v`",
        ),
    ] {
        assert_eq!(nodes(&disk("volume", source), Some(&host)).1, [message], "{source}");
    }
}

#[test]
fn what_is_refused() {
    let server = |source: &str| disk("network", &format!("<source {source}</source>"));
    let file = |content: &str| disk("file", &format!("{content}<source file='/a'/>"));
    let luks = |format: &str| {
        let secret = "<secret type='passphrase' usage='a'/>";
        disk("file", &format!("<source file='/a'><encryption format='{format}'>{secret}</encryption></source>"))
    };
    for (disk, message) in [
        (server("protocol='sheepdog' name='a'><host name='h'/>"), "protocol `sheepdog` is no longer supported by QEMU"),
        (server("protocol='iscsi' name='a'>"), "protocol `iscsi` needs exactly one `<host>`, not 0"),
        (server("protocol='iscsi' name='a/b'><host name='h'/>"), "`a/b` does not end with `/LUN`"),
        (server("protocol='rbd' name='a'>"), "`a` does not have the form `pool/image`"),
        (server("protocol='ssh'><host name='h'/>"), "a network source needs the attribute `name`"),
        (
            server("protocol='http' name='a'><host transport='unix' socket='/s'/>"),
            "protocol `http` over transport `unix` is not supported by QEMU",
        ),
        (
            server("protocol='nfs' name='a'><host name='h' port='1'/>"),
            "`port` of an NFS server is not supported by QEMU",
        ),
        (
            server("protocol='nfs' name='a'><host name='h'/><identity user='bob'/>"),
            "the numeric id of `bob` is not known",
        ),
        (
            server(
                "protocol='iscsi' name='a'><host name='h'/><auth username='u'><secret type='ceph' usage='k'/></auth>",
            ),
            "`<auth>` for protocol `iscsi` needs a secret of type `iscsi`, not `ceph`",
        ),
        (file("<driver type='cow'/>"), "image format `cow` is no longer supported by QEMU"),
        (file("<driver type='luks'/>"), "`luks` is not an image format, but an encryption format"),
        (file("<driver type='fat'/>"), "format `fat` is supported for `<disk type='dir'>` only"),
        (file("<driver type='raw' discard_no_unref='on'/>"), "`discard_no_unref` is for qcow2 images only"),
        (
            file("<driver><metadata_cache><max_size>1</max_size></metadata_cache></driver>"),
            "`<metadata_cache>` is supported for qcow2 only",
        ),
        (luks("qcow"), "the legacy encryption of qcow and qcow2 is no longer supported"),
        (luks("luks2"), "encryption format `luks2` is not supported by QEMU"),
        (disk("dir", "<driver type='fat'/><source dir='/d'/>"), "`<disk type='dir'>` must be read-only"),
        (
            disk("dir", "<source dir='/d'/><readonly/>"),
            "`<disk type='dir'>` needs the format `fat` (added by rule `raw-disk`)",
        ),
        (
            disk("file", &format!("<source file='/a'>{}</source>", "<seclabel model='dac' relabel='no'/>".repeat(2))),
            "the source has a label of model `dac` already",
        ),
        (disk("block", "<source dev='/d'/><transient/>"), "`<transient/>` is for disks of type `file` only"),
        (
            disk("block", "<source dev='/d'><reservations managed='yes'/></source>"),
            "`<reservations>` is for `device='lun'` only",
        ),
        (
            disk("block", "<source dev='/d' startupPolicy='requisite'/>"),
            "`startupPolicy='requisite'` is for CD-ROMs and floppies only",
        ),
        (
            file("<backingStore type='file'><format type='raw'/><source file='/b'/></backingStore>"),
            "an image of format `raw` has no `<backingStore>`",
        ),
        (disk("vhostuser", "<source type='unix' path='/s'/>"), "a disk of type `vhostuser` needs shared guest memory"),
    ] {
        assert_eq!(nodes(&disk, None).1, [message], "{disk}");
    }
}
