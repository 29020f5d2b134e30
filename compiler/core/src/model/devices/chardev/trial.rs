//! For tests: what becomes of a few devices.

use crate::passes::fixture::{self, Compiled};
use crate::qemu::{Payload, json_arg};

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

/// What becomes of `devices` on a machine of type `pc`; options are kept where they hold a word of `words`.
pub fn trial(devices: &str, words: &[&str]) -> Trial {
    let text = format!(
        "<domain type='kvm'><name>t</name><memory>1024</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>\
         <devices>{devices}<memballoon model='none'/></devices></domain>"
    );
    let Compiled { xml, options, faults, .. } = fixture::compile(text, None);
    let argv = options.iter().map(fixture::shown).filter(|arg| words.iter().any(|word| arg.contains(word))).collect();
    let backends = options.iter().filter_map(|item| match &item.payload {
        Payload::Chardev(chardev) if chardev.id() != "charmonitor" => {
            Some(json_arg(&chardev.backend()).display().into_owned())
        }
        Payload::None | Payload::Word(_) | Payload::Opts(_) | Payload::Json(_) | Payload::Chardev(_) => None,
    });
    // What could not be read was not defined.
    let body =
        xml.split_once("<devices>").and_then(|(_, tail)| tail.split_once("</devices>")).map_or("", |(body, _)| body);
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
    Trial { xml: lines.concat(), argv, faults, backends: backends.collect() }
}
