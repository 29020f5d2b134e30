//! For unit tests: a text through all passes, whatever is in error.

use virtc_diag::{Diagnostics, Outcome, SourceFile};
use virtc_inventory::HostFile;
use virtc_rng::Validated;
use virtc_xml::Document;

use super::{Driver, Goal, Made, Passes, Root, View};
use crate::model::Facts;
use crate::qemu::{Payload, QemuOption, json_arg, opts_arg, word_arg};
use crate::target::Target;

/// What the passes make of a text that no grammar has seen.
pub(crate) struct Compiled {
    /// The definition as it would be stored, also where something is in error.
    pub xml: String,
    /// Whether nothing was in error up to the definition.
    pub is_defined: bool,
    /// What QEMU gets; nothing where the definition is in error.
    pub options: Vec<QemuOption>,
    /// The messages, in the order in which they were made.
    pub faults: Vec<String>,
    /// What the runtime cannot do.
    pub refused: Vec<String>,
}

/// Keeps the definition in error for tests to look at.
#[derive(Default)]
struct Keeper(String);

impl Driver for Keeper {
    fn validate<'d>(&mut self, _root: Root, document: &'d Document) -> Outcome<Validated<'d>> {
        Outcome::new(Validated::unchecked(document), Diagnostics::new())
    }

    fn is_keeping(&self) -> bool {
        true
    }

    fn lint(&mut self, view: View<'_>) -> Diagnostics {
        self.0 = view.definition.map(crate::define::Definition::to_xml).unwrap_or_default();
        Diagnostics::new()
    }
}

/// What the passes make of `text` on this host, for the newest QEMU.
pub(crate) fn compile(text: impl Into<String>, host: Option<&HostFile>) -> Compiled {
    let (target, facts) = (Target::default(), Facts::new(host));
    let (document, parsed) = virtc_xml::parse(&SourceFile::new("t.xml", text));
    let mut keeper = Keeper::default();
    let made = Passes { target: &target, facts }.made(&document, parsed, Goal::Machine, &mut keeper);
    let Made { machine, findings, is_defined, .. } = made;
    let refused = machine.iter().flat_map(|machine| machine.needs().faults());
    Compiled {
        refused: refused.map(|d| d.message).collect(),
        xml: keeper.0,
        is_defined,
        options: machine.map(|machine| machine.options().to_vec()).unwrap_or_default(),
        faults: findings.into_iter().map(|d| d.message).collect(),
    }
}

/// `-option value`.
pub(crate) fn shown(option: &QemuOption) -> String {
    let value = match &option.payload {
        Payload::Opts(opts) => opts_arg(opts).display().into_owned(),
        Payload::Json(props) => json_arg(props).display().into_owned(),
        Payload::Chardev(chardev) => opts_arg(&chardev.opts()).display().into_owned(),
        Payload::Word(word) => word_arg(word).display().into_owned(),
        Payload::None => String::new(),
    };
    format!("-{} {value}", option.option)
}
