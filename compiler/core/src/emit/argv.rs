//! The command line, with the origin of each argument.

use std::borrow::Cow;

use serde::Serialize;
use virtc_diag::SourceFile;
use virtc_plan::Arg;

use crate::ir::Origin;
use crate::prepare::Machine;
use crate::qemu::{Payload, json_arg, opts_arg, word_arg};
use crate::valid::Valid;

/// One argument.
#[derive(Debug, Clone)]
pub struct Argument {
    /// The argument.
    pub arg: Arg,
    /// Its origin.
    pub origin: Origin,
}

/// A command line; the first argument is the binary.
#[derive(Debug, Clone)]
pub struct Argv(pub Vec<Argument>);

/// The origin of an argument, as `--emit map` shows it.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct MapEntry {
    /// The number of the argument; the binary is 0.
    pub index: usize,
    /// The argument, with its placeholders.
    pub argument: String,
    /// The file, where the argument comes from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// That line, without the white space around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The rule that added it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    /// What the rule does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
}

/// The command line of a machine.
pub fn argv(machine: &Valid<Machine>) -> Argv {
    let options = machine.get().options();
    let mut out = Vec::with_capacity(2 * options.len());
    for item in options {
        let origin = item.origin;
        if !item.option.is_empty() {
            let mut arg = Arg::with_capacity(1 + item.option.len());
            arg.push("-");
            arg.push(item.option);
            out.push(Argument { arg, origin });
        }
        out.extend(value_arg(&item.payload).map(|arg| Argument { arg, origin }));
    }
    Argv(out)
}

/// The argument after an option, where it has one.
pub(crate) fn value_arg(payload: &Payload) -> Option<Arg> {
    match payload {
        Payload::None => None,
        Payload::Word(word) => Some(word_arg(word)),
        Payload::Opts(opts) => Some(opts_arg(opts)),
        Payload::Json(props) => Some(json_arg(props)),
        Payload::Chardev(chardev) => Some(opts_arg(&chardev.opts())),
    }
}

impl Argv {
    /// The arguments as text, with their placeholders.
    pub fn display(&self) -> Vec<Cow<'_, str>> {
        self.0.iter().map(|a| a.arg.display()).collect()
    }

    /// The origin of each argument.
    pub fn map(&self, source: &SourceFile) -> Vec<MapEntry> {
        let entry = |(index, argument): (usize, &Argument)| {
            let place = match argument.origin {
                Origin::Xml(span) => Some(source.line_column(span.start)),
                Origin::Rule(..) => None,
            };
            let rule = argument.origin.by_rule();
            MapEntry {
                index,
                argument: argument.arg.display().into_owned(),
                file: place.map(|_| source.name().to_owned()),
                line: place.map(|p| p.line),
                column: place.map(|p| p.column),
                source: place.map(|p| source.line(p.line).trim().to_owned()),
                rule: rule.map(|r| r.name),
                why: rule.map(|r| r.text),
            }
        };
        self.0.iter().enumerate().map(entry).collect()
    }
}
