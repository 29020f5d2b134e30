//! `virtc compile`

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use virtc_compiler::emit::argv::{MapEntry, argv};
use virtc_compiler::emit::{plan, script};
use virtc_compiler::{Machine, Sound};
use virtc_diag::{Diagnostics, SourceFile};

use crate::args::{HostArg, OutputFormat, QemuArg, SchemaArg};
use crate::exit::Exit;
use crate::input::Input;
use crate::jobs::Jobs;
use crate::output::Output;
use crate::pipeline::{Pipeline, Report, Settings};
use crate::render::{self, json};

/// Compile definitions to QEMU command lines, plans or complete XML
#[derive(Debug, Args)]
pub struct Compile {
    /// Definitions, or - for standard input; several need `--format json`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What is made
    #[arg(long, value_enum, default_value_t = Emit::Argv)]
    emit: Emit,
    /// Say where argument N of the command line comes from; the binary is argument 0
    #[arg(long, value_name = "N", conflicts_with = "emit")]
    why: Option<usize>,
    #[command(flatten)]
    qemu: QemuArg,
    #[command(flatten)]
    host: HostArg,
    #[command(flatten)]
    schema: SchemaArg,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    #[command(flatten)]
    jobs: Jobs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Emit {
    /// The command line: a shell script as text, an array of strings as JSON
    Argv,
    /// The definition with all that libvirt fills in
    Xml,
    /// All that has to be done to a host to run it: a line for each step as text; `virtc run` takes the JSON
    Plan,
    /// For each argument the place that it comes from, or the rule that added it
    Map,
}

impl Emit {
    /// The key in a line of JSON.
    fn key(self) -> &'static str {
        match self {
            Self::Argv => "argv",
            Self::Xml => "xml",
            Self::Plan => "plan",
            Self::Map => "map",
        }
    }
}

/// What came of a file.
enum Made {
    Text(String),
    Json(Value),
}

/// Why nothing came of it.
enum Refusal {
    /// It is wrong with the definition.
    Findings(Diagnostics),
    /// It is wrong with the question.
    Usage(String),
}

impl From<Diagnostics> for Refusal {
    fn from(faults: Diagnostics) -> Self {
        Self::Findings(faults)
    }
}

impl Compile {
    /// Runs it.
    pub fn run(self, out: &mut Output) -> Result<Exit, String> {
        let several = self.files.len() > 1;
        if several && self.format == OutputFormat::Text {
            return Err("several files need `--format json`, which prints one line for each".into());
        }
        let (target, host, schema) = (self.qemu.load()?, self.host.load()?, self.schema.load()?);
        let settings = Settings { schema: schema.as_ref(), host: host.as_ref(), target: &target };
        let inputs: Vec<Input> = self.files.iter().map(|path| Input::new(path)).collect();
        let results = self.jobs.map(&inputs, settings, |pipeline, input| self.one(input, pipeline))?;
        let mut exit = Exit::Fine;
        for result in results {
            let done = match result {
                Ok((report, made)) => self.answer(&report, made, several, out)?,
                Err(message) => out.usage(message),
            };
            exit = exit.max(done);
        }
        Ok(exit)
    }

    fn one(&self, input: &Input, pipeline: &mut Pipeline<'_>) -> Result<(Report, Option<Made>), String> {
        let loaded = input.load()?;
        if self.emit == Emit::Xml && self.why.is_none() {
            let (report, definition) = pipeline.define(loaded);
            let xml = definition.map(|definition| definition.to_xml());
            let made = xml.map(|xml| match self.format {
                OutputFormat::Text => Made::Text(xml),
                OutputFormat::Json => Made::Json(xml.into()),
            });
            return Ok((report, made));
        }
        let (mut report, machine) = pipeline.machine(loaded);
        let Some(machine) = machine else { return Ok((report, None)) };
        match self.make(&machine, &report.source) {
            Ok(made) => Ok((report, Some(made))),
            Err(Refusal::Usage(message)) => Err(message),
            Err(Refusal::Findings(faults)) => {
                report.diagnostics.extend(faults);
                report.diagnostics = report.diagnostics.sorted();
                Ok((report, None))
            }
        }
    }

    /// What is asked for, of a machine.
    fn make(&self, machine: &Sound<Machine>, source: &SourceFile) -> Result<Made, Refusal> {
        if let Some(number) = self.why {
            let map = argv(machine).map(source);
            let last = map.len().saturating_sub(1);
            let absent = || Refusal::Usage(format!("{}: the arguments have the numbers 0 to {last}", source.name()));
            let entry = map.get(number).ok_or_else(absent)?;
            return self.show(entry, || why(entry));
        }
        match self.emit {
            Emit::Plan => {
                let plan = plan::plan(machine, source)?;
                self.show(&plan, || plan.to_text())
            }
            Emit::Map => {
                let map = argv(machine).map(source);
                self.show(&map, || lines(&map))
            }
            Emit::Argv | Emit::Xml => match self.format {
                OutputFormat::Text => Ok(Made::Text(script::script(machine)?)),
                OutputFormat::Json => Ok(Made::Json(argv(machine).display().into())),
            },
        }
    }

    fn show(&self, value: &impl serde::Serialize, text: impl FnOnce() -> String) -> Result<Made, Refusal> {
        match self.format {
            OutputFormat::Text => Ok(Made::Text(text())),
            OutputFormat::Json => {
                serde_json::to_value(value).map(Made::Json).map_err(|error| Refusal::Usage(error.to_string()))
            }
        }
    }

    /// Prints what came of a file.
    fn answer(&self, report: &Report, made: Option<Made>, several: bool, out: &mut Output) -> Result<Exit, String> {
        if made.is_none() && self.format == OutputFormat::Json {
            let found = serde_json::to_value(json::Finding::all(report)).map_err(|error| error.to_string())?;
            let file = several.then(|| report.source.name());
            out.print(&object(file, "diagnostics", found));
            return Ok(Exit::Findings);
        }
        out.note(&render::human::render(std::slice::from_ref(report), out.error_terminal));
        match made {
            None => return Ok(Exit::Findings),
            Some(Made::Text(text)) => out.print(&text),
            Some(Made::Json(value)) if several => {
                out.print(&object(Some(report.source.name()), self.emit.key(), value));
            }
            Some(Made::Json(value)) => out.print(&format!("{value}\n")),
        }
        Ok(Exit::Fine)
    }
}

/// `{"file":…, KEY:…}` on a line.
pub fn object(file: Option<&str>, key: &str, value: Value) -> String {
    let file = file.map(|file| ("file".to_owned(), Value::from(file)));
    let line: Map<String, Value> = file.into_iter().chain([(key.to_owned(), value)]).collect();
    format!("{}\n", Value::from(line))
}

/// Where an argument comes from, on one line.
fn origin(entry: &MapEntry) -> String {
    if let (Some(rule), Some(why)) = (entry.rule, entry.why) {
        return format!("rule {rule}: {why}");
    }
    let place = entry.line.zip(entry.column).map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
    format!("{}{place}  {}", entry.file.as_deref().unwrap_or_default(), entry.source.as_deref().unwrap_or_default())
}

/// The arguments, and below each run of one origin where it comes from.
fn lines(map: &[MapEntry]) -> String {
    let mut text = String::new();
    for (at, entry) in map.iter().enumerate() {
        let _ = writeln!(text, "{:>4}  {}", entry.index, entry.argument);
        let from = origin(entry);
        if map.get(at + 1).is_none_or(|next| origin(next) != from) {
            let _ = writeln!(text, "      {from}");
        }
    }
    text
}

fn why(entry: &MapEntry) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "argument {}: {}", entry.index, entry.argument);
    let _ = writeln!(text, "  from {}", origin(entry));
    text
}
