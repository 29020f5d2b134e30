//! Tests of the choice of firmware.

use virtc_inventory::HostFile;

use crate::passes::fixture;

/// Firmware of a made-up host: secure in both formats, plain, without variables, in one piece, as ROM, and a BIOS.
fn host() -> HostFile {
    let flash = |name: &str, mode: &str, format: &str, features: &str| {
        let template = format!(r#","nvram-template":{{"filename":"/{name}.vars","format":"{format}"}}"#);
        let template = if mode == "split" { template } else { String::new() };
        let mapping = format!(
            r#"{{"device":"flash","mode":"{mode}","executable":{{"filename":"/{name}","format":"{format}"}}{template}}}"#
        );
        descriptor(name, "uefi", &mapping, features)
    };
    let rom = |name: &str, interface: &str| {
        descriptor(name, interface, &format!(r#"{{"device":"memory","filename":"/{name}"}}"#), "")
    };
    let all = [
        flash("secure.q", "split", "qcow2", r#""secure-boot","enrolled-keys","requires-smm""#),
        flash("secure", "split", "raw", r#""secure-boot","enrolled-keys","requires-smm","acpi-s3""#),
        flash("blank", "split", "raw", r#""secure-boot","requires-smm""#),
        flash("plain", "split", "raw", r#""acpi-s3","acpi-s4","amd-sev""#),
        flash("sev", "stateless", "raw", r#""amd-sev","amd-sev-es","amd-sev-snp""#),
        flash("one", "combined", "raw", ""),
        rom("rom", "uefi"),
        rom("bios", "bios"),
    ];
    HostFile::from_json(&format!(r#"{{"format":1,"resources":{{"firmware":[{}]}}}}"#, all.join(","))).unwrap()
}

fn descriptor(name: &str, interface: &str, mapping: &str, features: &str) -> String {
    format!(
        r#"{{"name":"{name}","interface-types":["{interface}"],"mapping":{mapping},
        "targets":[{{"architecture":"x86_64","machines":["pc-q35-*"]}}],"features":[{features}]}}"#
    )
}

/// The XML between `<type>` and `<boot>` once `os` (attributes, content) is defined together with `parts`; or the
/// faults.
fn chosen(attributes: &str, os: &str, parts: &str) -> String {
    let features = if parts.contains("<features>") { "" } else { "<features><acpi/></features>" };
    let text = format!(
        "<domain type='kvm'><name>t</name><memory>1024</memory>{features}{parts}\
         <os {attributes}><type machine='q35'>hvm</type>{os}</os><devices><memballoon model='none'/></devices></domain>"
    );
    let compiled = fixture::compile(text, Some(&host()));
    if !compiled.is_defined {
        return compiled.faults.join("; ");
    }
    let xml: String = compiled.xml.lines().map(str::trim).collect();
    let (_, tail) = xml.split_once("hvm</type>").unwrap();
    let os = tail.split_once("<boot").unwrap().0.replace("/var/lib/libvirt/qemu/nvram", "…");
    os.split_once("</firmware>").map_or(os.clone(), |(_, rest)| rest.to_owned())
}

const NONE: &str = "the host has no `efi` firmware that matches the definition";
const SECURE: &str = "<loader readonly='yes' secure='yes' type='pflash' format='raw'>/secure</loader>\
    <nvram template='/secure.vars' templateFormat='raw' format='raw'>…/t_VARS.fd</nvram>";
const PLAIN: &str = "<loader readonly='yes' type='pflash' format='raw'>/plain</loader>\
    <nvram template='/plain.vars' templateFormat='raw' format='raw'>…/t_VARS.fd</nvram>";

#[test]
fn the_first_that_fits_is_chosen() {
    let efi = |os: &str, parts: &str| chosen("firmware='efi'", os, parts);
    assert_eq!(efi("", ""), SECURE);
    assert_eq!(efi("", "<pm><suspend-to-disk enabled='yes'/></pm>"), PLAIN);
    assert_eq!(efi("", "<features><acpi/><smm state='off'/></features>"), PLAIN);
    assert_eq!(efi("<firmware><feature enabled='no' name='secure-boot'/></firmware>", ""), PLAIN);
    assert!(efi("<firmware><feature enabled='no' name='enrolled-keys'/></firmware>", "").contains(">/blank<"));
    assert!(efi("<nvram format='qcow2'/>", "").contains("format='qcow2'>…/t_VARS.qcow2<"));
    assert!(efi("<loader format='qcow2'/><nvram>/n</nvram>", "").contains("format='qcow2'>/n<"));
    assert!(efi("<nvram template='/plain.vars'/>", "").contains(">/plain<"));
    let stateless = "<loader readonly='yes' type='pflash' stateless='yes' format='raw'>/sev</loader>";
    assert_eq!(efi("<loader stateless='yes'/>", ""), stateless);
    let snp = "<launchSecurity type='sev-snp'><policy>1</policy></launchSecurity>";
    assert_eq!(efi("<loader stateless='yes'/>", snp), stateless);
    let sev = |policy: u32| format!("<launchSecurity type='sev'><policy>{policy}</policy></launchSecurity>");
    assert_eq!(efi("", &sev(1)), PLAIN);
    assert_eq!(efi("", &sev(5)), NONE);
    assert_eq!(efi("<loader readonly='no'/>", ""), NONE);
    assert_eq!(efi("<loader type='rom'/>", ""), "<loader type='rom' format='raw'>/rom</loader>");
    assert_eq!(efi("<loader type='rom' format='qcow2'/>", ""), NONE);
    assert_eq!(chosen("firmware='bios'", "", ""), "<loader type='rom' format='raw'>/bios</loader>");
}

#[test]
fn named_firmware_is_looked_up() {
    let named = |os: &str| chosen("", os, "");
    let flash = |path: &str| format!("<loader readonly='yes' type='pflash'>{path}</loader>");
    assert_eq!(named(&flash("/plain")), PLAIN);
    assert_eq!(named("<loader type='pflash'>/plain</loader>"), PLAIN);
    let own = "<loader readonly='yes' type='pflash' format='raw'>/own</loader><nvram format='raw'>…/t_VARS.fd</nvram>";
    assert_eq!(named(&flash("/own")), own);
    let listed = named(&flash("/usr/share/OVMF/OVMF_CODE.fd"));
    assert!(
        listed.contains("<nvram template='/usr/share/OVMF/OVMF_VARS.fd' templateFormat='raw' format='raw'>…"),
        "{listed}"
    );
    let writable = "<loader readonly='no' type='pflash' format='raw'>/one</loader>";
    assert_eq!(named("<loader readonly='no' type='pflash'>/one</loader>"), writable);
    let other = named(&(flash("/plain") + "<nvram template='/mine'/>"));
    assert!(other.contains("<nvram template='/mine' format='raw'>…/t_VARS.fd"), "{other}");
}

#[test]
fn what_firmware_cannot_be() {
    for (attributes, os, parts, fault) in [
        ("firmware='bios'", "<nvram>/n</nvram>", "", "`firmware='bios'` has no variable store (`<nvram>`)"),
        (
            "",
            "<loader stateless='yes' type='pflash'>/x</loader><nvram>/n</nvram>",
            "",
            "`<nvram>` cannot be combined with `<loader stateless='yes'>`",
        ),
        (
            "",
            "<loader stateless='no'>/x</loader>",
            "",
            "firmware of type `rom` has no variable store: `stateless='no'` needs `type='pflash'`",
        ),
        ("", "<loader type='pflash'/>", "", "no firmware is given: neither a path in `<loader>` nor `<os firmware>`"),
        ("", "<nvram>/n</nvram>", "", "no firmware is given: neither a path in `<loader>` nor `<os firmware>`"),
        ("firmware='efi'", "", "<features><apic/></features>", "UEFI needs ACPI, which is not among the `<features>`"),
        (
            "",
            "<loader secure='yes' readonly='yes' type='pflash'>/x</loader>",
            "",
            "Secure Boot (`secure='yes'`) needs System Management Mode (SMM), which is not on",
        ),
    ] {
        let found = chosen(attributes, os, parts);
        assert!(found.split("; ").any(|f| f == fault), "{os}: {found}");
    }
}
