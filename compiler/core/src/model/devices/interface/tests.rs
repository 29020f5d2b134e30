//! Interfaces through all passes.

use virtc_inventory::{Forward, HostFile, Network, Resources};

use crate::passes::fixture::{self, Compiled};

/// What the passes make of some interfaces.
struct Made {
    argv: Vec<String>,
    xml: String,
    faults: Vec<String>,
    refused: Vec<String>,
}

fn host() -> HostFile {
    let bridged = Network { forward: Forward::Nat, bridge: Some("virbr0".into()), ..Network::default() };
    let switched =
        Network { forward: Forward::Bridge, bridge: Some("ovs".into()), openvswitch: true, ..Network::default() };
    let vepa = Network { forward: Forward::Vepa, devices: vec!["eth0".into()], ..Network::default() };
    let functions = vec!["0000:03:10.0".parse().unwrap(), "0000:03:10.2".parse().unwrap()];
    let pool = Network { forward: Forward::Hostdev, functions, ..Network::default() };
    let networks = [("nat", bridged), ("ovs", switched), ("vepa", vepa), ("pool", pool)];
    let networks = networks.into_iter().map(|(name, network)| (name.to_owned(), network)).collect();
    HostFile { resources: Some(Resources { networks, ..Resources::default() }), ..HostFile::default() }
}

/// What becomes of `devices`; arguments are kept where they hold a word of `words`.
fn made(devices: &str, words: &[&str]) -> Made {
    let host = host();
    let text = format!(
        "<domain type='kvm'><name>t</name><memory>1024</memory><memoryBacking><access mode='shared'/></memoryBacking>\
         <os><type arch='x86_64' machine='q35'>hvm</type></os><devices>{devices}<memballoon model='none'/></devices></domain>"
    );
    let Compiled { xml, options, faults, refused, .. } = fixture::compile(text, Some(&host));
    let wanted = |arg: &String| words.iter().any(|word| arg.contains(word));
    let argv = options.iter().map(fixture::shown).filter(wanted).collect();
    let general = "`virtc run` does not support ";
    let refused = refused.iter().filter_map(|message| message.strip_prefix(general).map(str::to_owned)).collect();
    Made { argv, xml: xml.lines().map(str::trim).collect(), faults, refused }
}

fn netdevs(devices: &str) -> Vec<String> {
    let made = made(devices, &["-netdev", "-add-fd", "charnet", "vfio-pci"]);
    assert_eq!(made.faults, Vec::<String>::new(), "{devices}");
    made.argv
}

#[test]
fn sockets_and_user_networks() {
    let argv = netdevs(
        "<interface type='user'><ip address='10.9.0.0' prefix='24'/><ip address='fd00::' family='ipv6' prefix='64'/></interface>\
         <interface type='udp'><source address='10.0.0.1' port='5'><local address='10.0.0.2' port='6'/></source></interface>\
         <interface type='server'><source address='10.0.0.1' port='7'/></interface>\
         <interface type='internal'><source name='x'/></interface>\
         <interface type='user'><backend type='passt'/></interface>",
    );
    assert_eq!(
        argv,
        [
            r#"-netdev {"type":"user","net":"10.9.0.0/24","ipv6-prefix":"fd00::","ipv6-prefixlen":64,"id":"hostnet0"}"#,
            r#"-netdev {"type":"socket","udp":"10.0.0.1:5","localaddr":"10.0.0.2:6","id":"hostnet1"}"#,
            r#"-netdev {"type":"socket","listen":"10.0.0.1:7","id":"hostnet2"}"#,
            r#"-netdev {"type":"user","id":"hostnet3"}"#,
            r#"-netdev {"type":"stream","addr":{"type":"unix","path":"{state}/passt-net4.socket"},"server":false,"reconnect-ms":5000,"id":"hostnet4"}"#,
        ]
    );
}

#[test]
fn descriptors_of_the_host() {
    let argv = netdevs(
        "<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>\
         <interface type='vdpa'><source dev='/dev/vhost-vdpa-1'/><model type='virtio'/><driver queues='3'/></interface>\
         <interface type='direct'><source dev='eth0'/><model type='virtio'/><driver name='qemu' queues='2'/><tune><sndbuf>0</sndbuf></tune>\
         </interface>\
         <interface type='vhostuser'><source type='unix' path='/s' mode='server'/></interface>",
    );
    assert_eq!(
        argv,
        [
            "-add-fd set=0,fd={fd:net0-vdpa},opaque=net0-vdpa",
            r#"-netdev {"type":"vhost-vdpa","vhostdev":"/dev/fdset/0","id":"hostnet0"}"#,
            "-add-fd set=1,fd={fd:net1-vdpa},opaque=net1-vdpa",
            r#"-netdev {"type":"vhost-vdpa","vhostdev":"/dev/fdset/1","queues":3,"id":"hostnet1"}"#,
            r#"-netdev {"type":"tap","fds":"{fd:macvtapfd-net20}:{fd:macvtapfd-net21}","sndbuf":0,"id":"hostnet2"}"#,
            "-chardev socket,id=charnet3,path=/s,server=on",
            r#"-netdev {"type":"vhost-user","chardev":"charnet3","id":"hostnet3"}"#,
        ]
    );
}

#[test]
fn networks_are_what_the_host_says() {
    let made = made(
        "<interface type='network'><source network='nat'/></interface>\
         <interface type='network'><source network='vepa'/></interface>\
         <interface type='network'><source network='pool'/></interface>\
         <interface type='network'><source network='pool'/><vlan><tag id='3'/></vlan></interface>\
         <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='4' slot='0' function='0'/></source></hostdev>",
        &["-netdev", "vfio-pci"],
    );
    assert_eq!(made.faults, Vec::<String>::new());
    let starts = [
        r#"-netdev {"type":"tap","fd":"{fd:tapfd-net00}","id":"hostnet0"}"#,
        r#"-netdev {"type":"tap","fd":"{fd:macvtapfd-net10}","id":"hostnet1"}"#,
        r#"-device {"driver":"vfio-pci","host":"0000:04:00.0","id":"hostdev2""#,
        r#"-device {"driver":"vfio-pci","host":"0000:03:10.0","id":"hostdev0""#,
        r#"-device {"driver":"vfio-pci","host":"0000:03:10.2","id":"hostdev1""#,
    ];
    assert_eq!(made.argv.len(), starts.len());
    for (arg, start) in made.argv.iter().zip(starts) {
        assert!(arg.starts_with(start), "{arg}");
    }
    assert!(!made.xml.contains("<source network='pool'/><model"), "a device of the host has no model");
    let vf = "setting the MAC address and VLAN of a VF (added by rule `derived-mac`)";
    assert_eq!(made.refused, [vf, "macvtap interfaces (`<interface type='direct'>`)"]);
}

#[test]
fn options_of_the_guests_end() {
    let made = made(
        "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='b'/><model type='VirtIO-Transitional'/>\
         <driver txmode='timer' rss='on' rss_hash_report='off' queues='1'><guest csum='off' ufo='on'/><host gso='off' mrg_rxbuf='on'/></driver>\
         <mtu size='9000'/><teaming type='persistent'/><alias name='ua-n'/><acpi index='7'/></interface>\
         <interface type='ethernet'><mac address='52:54:00:00:00:02'/><target dev='vnet3'/><model type='e1000'/><driver queues='4'/>\
         <backend vhost='/dev/x'/></interface>",
        &["\"netdev\""],
    );
    assert_eq!(made.faults, Vec::<String>::new());
    let first = made.argv.first().unwrap();
    for member in [
        r#""driver":"virtio-net-pci-transitional""#,
        r#""tx":"timer""#,
        r#""gso":false"#,
        r#""mrg_rxbuf":true"#,
        r#""guest_csum":false"#,
        r#""guest_ufo":true"#,
        r#""rss":true"#,
        r#""hash":false"#,
        r#""host_mtu":9000"#,
        r#""failover":true"#,
        r#""acpi-index":7"#,
    ] {
        assert!(first.contains(member), "{member} in {first}");
    }
    assert!(!first.contains("vectors"), "one pair of queues is none");
    assert!(made.xml.contains(
        "<driver txmode='timer' rss='on' rss_hash_report='off'><host gso='off' mrg_rxbuf='on'/><guest csum='off' ufo='on'/></driver>"
    ));
    assert!(
        made.xml.contains("<interface type='ethernet'><mac address='52:54:00:00:00:02'/><model type='e1000'/><address")
    );
}

#[test]
fn what_is_refused() {
    for (content, message) in [
        ("type='null'>", "QEMU has no interfaces of type `null`"),
        ("type='bridge'>", "an `<interface type='bridge'>` needs `<source bridge>`, which is missing"),
        (
            "type='vhostuser'><source type='unix' path='/s' mode='client'/><model type='e1000'/>",
            "an interface of type `vhostuser` has a virtio model",
        ),
        (
            "type='vhostuser'><source type='unix' path='/s' mode='server'><reconnect enabled='yes' timeout='1'/></source>",
            "`<reconnect>` is for sockets of `mode='client'` only",
        ),
        ("type='user'><script path='/x'/>", "`<script>` is not for an interface of type `user`"),
        ("type='user'><mtu size='1400'/>", "`<mtu>` is not for an interface of type `user`"),
        (
            "type='ethernet'><coalesce><rx><frames max='3'/></rx></coalesce>",
            "`<coalesce>` is not for an interface of type `ethernet`",
        ),
        ("type='user'><port isolated='yes'/>", "an interface of type `user` has no port that could be isolated"),
        (
            "type='bridge'><source bridge='b'/><ip address='10.0.0.1'/>",
            "QEMU cannot set the guest's address on an interface of type `bridge`",
        ),
        ("type='user'><ip address='10.0.0.1' prefix='28'/>", "`prefix` of an IPv4 address is 4 to 27 here"),
        ("type='user'><ip address='fd00::' prefix='63'/>", "`prefix` of an IPv6 address is 64 here"),
        ("type='user'><ip address='fd00::' family='ipv4'/>", "fd00:: is no address of the family `ipv4`"),
        ("type='user'><portForward proto='tcp'/>", "only passt forwards ports"),
        (
            "type='bridge'><source bridge='b'/><backend type='passt'/>",
            "passt moves no frames of an interface of type `bridge`",
        ),
        ("type='user'><model type='virtio'/><driver queues='2'/>", "`queues` is not for an interface of type `user`"),
        ("type='user'><filterref filter='f'/>", "`<filterref>` is not for an interface of type `user`"),
        ("type='user'><teaming type='persistent'/>", "`<teaming type='persistent'>` needs a virtio interface"),
        (
            "type='network'><source network='nat'/><vlan><tag id='3'/></vlan>",
            "an interface of type `network` cannot set a VLAN",
        ),
        ("type='user'><driver iommu='on'/>", "this option of `<driver>` is for virtio devices only"),
        (
            "type='network'><source network='pool'/><bandwidth><inbound average='1'/></bandwidth>",
            "`<bandwidth>` is not for devices of the host",
        ),
        (
            "type='bridge'><source bridge='b'/><virtualport type='midonet'/>",
            "the `<virtualport>` of this interface has no `interfaceid`",
        ),
        (
            "type='direct'><source dev='e'/><backend tap='/dev/x'/>",
            "`tap` of `<backend>` is not for an interface of type `direct`",
        ),
    ] {
        assert_eq!(made(&format!("<interface {content}</interface>"), &[]).faults, [message], "{content}");
    }
}

#[test]
fn a_pair_needs_both() {
    let hostdev = "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='4' slot='0' function='0'/></source>\
                   <teaming type='transient' persistent='ua-n'/></hostdev>";
    let stays =
        "<interface type='user'><model type='virtio'/><teaming type='persistent'/><alias name='ua-n'/></interface>";
    let both = made(&format!("{stays}{hostdev}"), &["failover_pair_id"]);
    assert_eq!((both.faults, both.argv.len()), (Vec::new(), 1));
    assert_eq!(made(hostdev, &[]).faults, ["no interface with the alias `ua-n` has `<teaming type='persistent'/>`"]);
}

#[test]
fn ports_of_switches_get_an_identity() {
    let devices = "<interface type='bridge'><source bridge='b'/><vlan><tag id='1' nativeMode='tagged'/><tag id='2'/></vlan>\
                   <virtualport type='openvswitch'/></interface>";
    let made = made(devices, &[]);
    assert_eq!(made.faults, Vec::<String>::new());
    assert!(made.xml.contains("<vlan trunk='yes'><tag id='1' nativeMode='tagged'/><tag id='2'/></vlan>"));
    assert!(made.xml.contains("<virtualport type='openvswitch'><parameters interfaceid='"));
    assert_eq!(made.refused, ["`<virtualport>`", "`<vlan>` of an interface"]);
}
