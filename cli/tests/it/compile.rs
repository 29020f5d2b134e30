//! `virtc compile`

use serde_json::Value;
use virtc_plan::Plan;

use crate::program::{Folder, GOOD, USB, with_devices};

/// A folder with a definition that compiles, one that is refused by the grammar, and one that a lint refuses.
fn folder() -> Folder {
    let folder = Folder::with("good.xml", GOOD);
    folder.write("bad.xml", GOOD.replace("<vcpu>1", "<vcpu>one"));
    folder.write("usb.xml", with_devices(USB));
    folder
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn a_command_line_is_an_array_of_strings() {
    let ran = folder().virtc(&["compile", "--format", "json", "good.xml"]);
    assert_eq!((ran.code, ran.err.as_str(), ran.out.lines().count()), (0, "", 1));
    let [argv] = ran.json().try_into().unwrap();
    let argv = strings(&argv);
    assert!(argv[0].starts_with('/') && argv.windows(2).any(|pair| pair == ["-uuid", pair[1]]), "{argv:?}");
}

#[test]
fn several_files_have_a_line_each_in_their_order() {
    let folder = folder();
    let ran = folder.virtc(&["compile", "--format", "json", "bad.xml", "good.xml", "none.xml", "usb.xml"]);
    assert_eq!((ran.code, ran.err.as_str()), (2, "virtc: there is no file `none.xml`\n"));
    let [bad, good, usb] = ran.json().try_into().unwrap();
    assert_eq!((&bad["file"], &bad["diagnostics"][0]["name"]), (&"bad.xml".into(), &"bad-value".into()));
    assert_eq!((&good["file"], strings(&good["argv"]).is_empty()), (&"good.xml".into(), false));
    assert_eq!((&usb["file"], &usb["diagnostics"][0]["name"]), (&"usb.xml".into(), &"hostdev-net-usb".into()));
    assert_eq!(bad.as_object().unwrap().len(), 2);

    let one = folder.virtc(&["compile", "--format", "json", "good.xml"]).json();
    assert_eq!(good["argv"], one[0], "one file alone comes to the same");
    let text = folder.virtc(&["compile", "good.xml", "bad.xml"]);
    assert_eq!(text.code, 2);
    assert!(text.err.contains("several files need `--format json`"), "{}", text.err);
}

#[test]
fn what_is_refused_says_why_in_the_format_asked_for() {
    let folder = folder();
    for emit in ["argv", "xml", "plan", "map"] {
        let json = folder.virtc(&["compile", "--emit", emit, "--format", "json", "bad.xml"]);
        let [refused] = json.json().try_into().unwrap();
        assert_eq!((json.code, json.err.as_str(), refused.as_object().unwrap().len()), (1, "", 1));
        assert_eq!(refused["diagnostics"][0]["line"], 4);
        let text = folder.virtc(&["compile", "--emit", emit, "bad.xml"]);
        assert_eq!((text.code, text.out.as_str()), (1, ""));
        assert!(text.err.contains("bad.xml:4:9"), "{}", text.err);
    }
    for content in ["", "<domain", "text", "<network><name>n</name></network>", "\u{0}"] {
        folder.write("odd.xml", content);
        let ran = folder.virtc(&["compile", "--format", "json", "odd.xml"]);
        let [refused] = ran.json().try_into().unwrap();
        assert_eq!((ran.code, refused["diagnostics"][0]["severity"].as_str()), (1, Some("error")), "{content}");
    }
}

#[test]
fn the_script_is_one_for_the_shell() {
    let folder = folder();
    let ran = folder.virtc(&["compile", "good.xml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    folder.write("run.sh", &ran.out);
    assert!(std::process::Command::new("sh").arg("-n").arg(folder.path("run.sh")).status().unwrap().success());
    assert!(ran.out.starts_with("#!/bin/sh\n"), "{}", ran.out);
}

#[test]
fn complete_xml_comes_to_itself() {
    let folder = folder();
    let xml = folder.virtc(&["compile", "--emit", "xml", "good.xml"]);
    assert_eq!((xml.code, xml.err.as_str()), (0, ""));
    folder.write("complete.xml", &xml.out);
    let again = folder.virtc(&["compile", "--emit", "xml", "complete.xml"]);
    assert_eq!((again.code, &again.out), (0, &xml.out));
    let json = folder.virtc(&["compile", "--emit", "xml", "--format", "json", "good.xml"]).json();
    assert_eq!(json, [Value::from(xml.out)]);
}

#[test]
fn a_plan_is_one_that_the_runtime_reads() {
    let folder = folder();
    let json = folder.virtc(&["compile", "--emit", "plan", "--format", "json", "good.xml"]);
    let plan = Plan::from_json(&json.out).unwrap();
    assert_eq!((json.code, json.out.lines().count(), plan.domain.name.as_str()), (0, 1, "good"));
    let text = folder.virtc(&["compile", "--emit", "plan", "good.xml"]);
    assert_eq!((text.code, text.out), (0, plan.to_text()));
}

#[test]
fn every_argument_has_an_origin() {
    let folder = folder();
    let argv = folder.virtc(&["compile", "--format", "json", "good.xml"]).json().remove(0);
    let map = folder.virtc(&["compile", "--emit", "map", "--format", "json", "good.xml"]).json().remove(0);
    let map = map.as_array().unwrap();
    assert_eq!(map.len(), strings(&argv).len());
    for (number, entry) in map.iter().enumerate() {
        assert_eq!((&entry["index"], &entry["argument"]), (&number.into(), &argv[number]));
        assert!(entry["line"].is_u64() != entry["rule"].is_string(), "{entry}");
    }
    let name = map.iter().position(|entry| entry["argument"] == "-name").unwrap();
    let why = folder.virtc(&["compile", "--why", &name.to_string(), "good.xml"]);
    assert_eq!((why.code, why.out), (0, format!("argument {name}: -name\n  from good.xml:2:9  <name>good</name>\n")));
    let far = folder.virtc(&["compile", "--why", "100000", "good.xml"]);
    let last = map.len() - 1;
    assert_eq!((far.code, far.err), (2, format!("virtc: good.xml: the arguments have the numbers 0 to {last}\n")));
}

#[test]
fn the_version_of_qemu_is_one_that_is_known() {
    let folder = folder();
    for version in ["10.0", "7.2"] {
        assert_eq!(folder.virtc(&["compile", "--qemu", version, "good.xml"]).code, 0, "{version}");
    }
    let ran = folder.virtc(&["compile", "--qemu", "3.1", "good.xml"]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (2, "virtc: QEMU 3.1 is not known; known are 10.0, 7.2, and the files of `virtc qemu probe`\n")
    );
}

#[test]
fn an_allowed_lint_does_not_refuse() {
    let folder = Folder::new();
    let vf = "<interface type='hostdev' managed='yes'><source><address type='pci' bus='4'/></source></interface>\n";
    let host = r#"{"format": 1, "hardware": {"pci": {"0000:04:00.0":
        {"vendor": "0x8086", "device": "0x10d3", "class": "0x020000", "bus": "express"}}}}"#;
    folder.write("host.json", host);
    folder.write("plain.xml", with_devices(vf));
    folder.write("allowed.xml", with_devices(&format!("<!-- virtc: allow(hostdev-net-not-vf) -->\n{vf}")));
    let code = |file: &str| folder.virtc(&["compile", "--format", "json", "--host", "host.json", file]).code;
    assert_eq!((code("plain.xml"), code("allowed.xml")), (1, 0));
}

/// Devices that want files, sockets and functions of the host, and firmware with variables of its own.
const HOST_WORK: &str = "    <serial type='file'><source path='/var/log/s.txt'/><log file='/var/log/s.log' append='on'/></serial>
    <serial type='unix'><source mode='bind' path='/run/b.sock'/><target port='1'/></serial>
    <channel type='unix'><target type='virtio' name='agent.0'/></channel>
    <hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='3' slot='16' function='0'/></source></hostdev>
";

fn host_work() -> Folder {
    let os = "</type>\n    <loader readonly='yes' type='pflash'>/fw/code.fd</loader><nvram template='/fw/a b.fd'>/fw/vars.fd</nvram>";
    // UEFI needs ACPI.
    let with_firmware =
        |text: &str| text.replace("</type>", os).replace("</os>", "</os>\n  <features><acpi/></features>");
    Folder::with("work.xml", with_firmware(&crate::program::with_devices(HOST_WORK)))
}

#[test]
fn each_step_of_a_plan_says_for_which_device_it_is() {
    let folder = host_work();
    let ran = folder.virtc(&["compile", "--emit", "plan", "--format", "json", "work.xml"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let plan = ran.json().remove(0);
    let step = |planned: &serde_json::Value| {
        let (name, _) = planned["step"].as_object().unwrap().iter().next().unwrap();
        format!("{name} {}", planned["device"].as_str().unwrap_or("-"))
    };
    let steps: Vec<String> = plan["steps"].as_array().unwrap().iter().map(step).collect();
    let wanted = [
        "state-dir -",
        "vfio-bind hostdev0",
        "cgroup -",
        "copy-file -",
        "own -",
        "open serial0",
        "open serial0",
        "listen serial1",
        "listen channel0",
        "allow hostdev0",
        "own hostdev0",
        "listen -",
        "spawn -",
        "cont -",
    ];
    assert_eq!(steps, wanted);
    let general = plan["steps"].as_array().unwrap().iter().find_map(|planned| planned["step"].get("cgroup")).unwrap();
    assert!(general.get("rules").is_none(), "{general}");
}

#[test]
fn a_script_lets_qemu_open_files_and_sockets_itself() {
    let folder = host_work();
    let script = folder.virtc(&["compile", "work.xml"]).out;
    for part in [
        "\nmkdir -p \"$state/channel\"\n",
        "\n[ -e /fw/vars.fd ] || cp '/fw/a b.fd' /fw/vars.fd\n",
        "path=/var/log/s.txt,append=off,logfile=/var/log/s.log,logappend=on ",
        "path=/run/b.sock,server=on,wait=off ",
        "path=\"$state\"/channel/agent.0,server=on,wait=off ",
        "\n# first: bind 0000:03:10.0 to vfio-pci\n",
    ] {
        assert!(script.contains(part), "{part}: {script}");
    }
}
