//! For tests: compiles elements of a domain.

use crate::passes::fixture::{self, Compiled};

/// What the passes make of a domain.
pub struct Trial {
    /// The filled-in XML without indentation and line breaks.
    pub xml: String,
    /// The options that contain one of the given words.
    pub argv: Vec<String>,
    /// The messages.
    pub faults: Vec<String>,
    /// What the runtime does not support.
    pub refused: Vec<String>,
}

/// Compiles `parts` in a domain on machine type `pc` with `devices` and without a memory balloon.
pub fn trial(parts: &str, devices: &str, words: &[&str]) -> Trial {
    let machine = if parts.contains("<os>") { "" } else { "<os><type arch='x86_64' machine='pc'>hvm</type></os>" };
    let text = format!(
        "<domain type='kvm'><name>t</name>{machine}{parts}<devices>{devices}<memballoon model='none'/></devices></domain>"
    );
    of_text(text, words)
}

/// Compiles `parts` in a domain on `q35` that removes libvirt's capability `name`.
pub fn trial_of(name: &str, parts: &str) -> Trial {
    let text = format!(
        "<domain type='kvm' xmlns:qemu='{}'><name>t</name><memory>1024</memory><os><type machine='q35'>hvm</type></os>{parts}\
         <qemu:capabilities><qemu:del capability='{name}'/></qemu:capabilities></domain>",
        crate::model::elements::extensions::NAMESPACE
    );
    of_text(text, &["-"])
}

fn of_text(text: String, words: &[&str]) -> Trial {
    let Compiled { xml, options, faults, refused, .. } = fixture::compile(text, None);
    let argv = options.iter().map(fixture::shown).filter(|arg| words.iter().any(|word| arg.contains(word))).collect();
    Trial { xml: xml.lines().map(str::trim).collect(), argv, faults, refused }
}
