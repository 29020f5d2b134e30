//! For tests: what becomes of the parts of a domain.

use virtc_diag::SourceFile;
use virtc_rng::Validated;

use crate::qemu::{Payload, QemuOption, json_arg, opts_arg};
use crate::{Facts, Target, define, lower, prepare};

/// What the passes make of a domain.
pub struct Trial {
    /// The filled-in XML without indentation and line breaks.
    pub xml: String,
    /// The options that hold one of the words that were asked for.
    pub argv: Vec<String>,
    /// The messages.
    pub faults: Vec<String>,
    /// What the runtime cannot do.
    pub refused: Vec<String>,
}

fn shown(item: &QemuOption) -> String {
    let value = match &item.payload {
        Payload::Opts(opts) => opts_arg(opts).display().into_owned(),
        Payload::Json(props) => json_arg(props).display().into_owned(),
        Payload::Chardev(_) | Payload::None | Payload::Word(_) => String::new(),
    };
    format!("-{} {value}", item.option)
}

/// What becomes of `parts` in a domain on a machine of type `pc` with `devices` and without a balloon.
pub fn trial(parts: &str, devices: &str, words: &[&str]) -> Trial {
    let machine = if parts.contains("<os>") { "" } else { "<os><type arch='x86_64' machine='pc'>hvm</type></os>" };
    let text = format!(
        "<domain type='kvm'><name>t</name>{machine}{parts}<devices>{devices}<memballoon model='none'/></devices></domain>"
    );
    of_text(text, words)
}

/// What becomes of `parts` in a domain on `q35` that takes away libvirt's capability `name`.
pub fn trial_of(name: &str, parts: &str) -> Trial {
    let text = format!(
        "<domain type='kvm' xmlns:qemu='{}'><name>t</name><memory>1024</memory><os><type machine='q35'>hvm</type></os>{parts}\
         <qemu:capabilities><qemu:del capability='{name}'/></qemu:capabilities></domain>",
        crate::model::elements::extensions::NAMESPACE
    );
    of_text(text, &["-"])
}

fn of_text(text: String, words: &[&str]) -> Trial {
    let (document, _) = virtc_xml::parse(&SourceFile::new("t.xml", text));
    let (domain, mut found) = lower(&Validated::unchecked(&document));
    let (definition, more) = define(domain.unwrap(), Facts::default());
    found.extend(more);
    let xml = definition.to_xml().lines().map(str::trim).collect();
    let is_refused = found.has_errors();
    let (machine, more) = prepare(definition, &Target::default(), Facts::default());
    // What is refused never comes to be held against QEMU.
    found.extend(more.into_iter().filter(|d| !is_refused || *d.code != crate::codes::UNKNOWN_TO_QEMU).collect());
    let argv = machine.options().iter().map(shown).filter(|arg| words.iter().any(|word| arg.contains(word))).collect();
    let refused = machine.needs().faults().iter().map(|d| d.message.clone()).collect();
    Trial { xml, argv, faults: found.iter().map(|d| d.message.clone()).collect(), refused }
}
