//! For tests: what becomes of a few devices.

use virtc_diag::SourceFile;
use virtc_rng::Validated;

use crate::qemu::{Payload, QemuOption};
use crate::qemu::{json_arg, opts_arg};
use crate::{Facts, Target, define, lower, prepare};

/// What the passes make of a domain with some devices.
pub struct Trial {
    /// The filled-in XML of the devices whose elements were asked for, without indentation and line breaks.
    pub xml: String,
    /// The options that speak of these devices.
    pub argv: Vec<String>,
    /// The messages.
    pub faults: Vec<String>,
    /// The `backend` of each character device but the monitor.
    pub backends: Vec<String>,
}

fn shown(item: &QemuOption) -> Option<String> {
    let value = match &item.payload {
        Payload::Opts(opts) => opts_arg(opts),
        Payload::Json(props) => json_arg(props),
        Payload::Chardev(chardev) => opts_arg(&chardev.opts()),
        Payload::None | Payload::Word(_) => return None,
    };
    Some(format!("-{} {}", item.option, value.display()))
}

/// What becomes of `devices` on a machine of type `pc`; options are kept where they hold a word of `words`.
pub fn trial(devices: &str, words: &[&str]) -> Trial {
    let text = format!(
        "<domain type='kvm'><name>t</name><memory>1024</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>\
         <devices>{devices}<memballoon model='none'/></devices></domain>"
    );
    let (document, _) = virtc_xml::parse(&SourceFile::new("t.xml", text));
    let (domain, mut found) = lower(&Validated::unchecked(&document));
    let (definition, more) = define(domain.unwrap(), Facts::default());
    found.extend(more);
    let xml = definition.to_xml();
    let is_refused = found.has_errors();
    let (machine, more) = prepare(definition, &Target::default(), Facts::default());
    // What is refused never comes to be held against QEMU.
    found.extend(more.into_iter().filter(|d| !is_refused || *d.code != crate::codes::UNKNOWN_TO_QEMU).collect());
    let argv =
        machine.options().iter().filter_map(shown).filter(|arg| words.iter().any(|word| arg.contains(word))).collect();
    let backends = machine.options().iter().filter_map(|item| match &item.payload {
        Payload::Chardev(chardev) if chardev.id() != "charmonitor" => {
            Some(json_arg(&chardev.backend()).display().into_owned())
        }
        _ => None,
    });
    let body = xml.split_once("<devices>").unwrap().1.split_once("</devices>").unwrap().0;
    let wanted = ["<serial", "<console", "<channel", "<rng"];
    let mut lines = Vec::new();
    let mut inside = false;
    for line in body.lines() {
        if line.starts_with("    <") {
            inside = wanted.iter().any(|w| line.trim_start().starts_with(w)) || (inside && line.starts_with("    </"));
        }
        if inside {
            lines.push(line.trim());
        }
    }
    let faults = found.iter().map(|d| d.message.clone()).collect();
    Trial { xml: lines.concat(), argv, faults, backends: backends.collect() }
}
