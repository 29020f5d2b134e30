//! `virtc compile`

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use virtc::{Compiler, Findings, Machine, MapEntry, Report};

use crate::args::{HostArg, OutputFormat, QemuArg, SchemaArg};
use crate::exit::Exit;
use crate::input::Input;
use crate::jobs::Jobs;
use crate::output::Output;
use crate::render::json;

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
    Findings(Findings),
    /// It is wrong with the question.
    Usage(String),
}

impl From<Findings> for Refusal {
    fn from(faults: Findings) -> Self {
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
        let compiler = Compiler::new().host(host.as_ref()).target(target).schema(schema.as_ref());
        let inputs: Vec<Input> = self.files.iter().map(|path| Input::new(path)).collect();
        let results = self.jobs.map(&inputs, compiler, |compiler, input| self.one(input, compiler))?;
        let mut exit = Exit::Fine;
        for result in results {
            let done = match result {
                Ok((findings, made)) => self.answer(&findings, made, several, out)?,
                Err(message) => out.usage(message),
            };
            exit = exit.max(done);
        }
        Ok(exit)
    }

    fn one(&self, input: &Input, compiler: &mut Compiler<'_>) -> Result<(Findings, Option<Made>), String> {
        let source = input.load()?;
        let is_definition = self.emit == Emit::Xml && self.why.is_none();
        let report = if is_definition { compiler.define(source) } else { compiler.compile(source) };
        let made = if is_definition { Ok(self.definition(&report)) } else { self.machine(&report) };
        match made {
            Ok(made) => Ok((report.into_findings(), made)),
            Err(Refusal::Usage(message)) => Err(message),
            Err(Refusal::Findings(faults)) => Ok((report.into_findings().and(faults), None)),
        }
    }

    fn definition(&self, report: &Report) -> Option<Made> {
        let xml = report.definition().ok().map(virtc::Definition::to_xml);
        xml.map(|xml| match self.format {
            OutputFormat::Text => Made::Text(xml),
            OutputFormat::Json => Made::Json(xml.into()),
        })
    }

    fn machine(&self, report: &Report) -> Result<Option<Made>, Refusal> {
        report.machine().ok().map(|machine| self.make(machine, report.findings().source().name())).transpose()
    }

    /// What is asked for, of a machine.
    fn make(&self, machine: Machine<'_>, name: &str) -> Result<Made, Refusal> {
        if let Some(number) = self.why {
            let map = machine.map();
            let last = map.len().saturating_sub(1);
            let absent = || Refusal::Usage(format!("{name}: the arguments have the numbers 0 to {last}"));
            let entry = map.get(number).ok_or_else(absent)?;
            return self.show(entry, || why(entry));
        }
        match self.emit {
            Emit::Plan => {
                let plan = machine.plan()?;
                self.show(&plan, || plan.to_text())
            }
            Emit::Map => {
                let map = machine.map();
                self.show(&map, || lines(&map))
            }
            Emit::Argv | Emit::Xml => match self.format {
                OutputFormat::Text => Ok(Made::Text(machine.script()?)),
                OutputFormat::Json => Ok(Made::Json(machine.argv().into())),
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
    fn answer(&self, findings: &Findings, made: Option<Made>, several: bool, out: &mut Output) -> Result<Exit, String> {
        if made.is_none() && self.format == OutputFormat::Json {
            let found = serde_json::to_value(json::Finding::all(findings)).map_err(|error| error.to_string())?;
            let file = several.then(|| findings.source().name());
            out.print(&object(file, "diagnostics", found));
            return Ok(Exit::Findings);
        }
        out.findings([findings]);
        match made {
            None => return Ok(Exit::Findings),
            Some(Made::Text(text)) => out.print(&text),
            Some(Made::Json(value)) if several => {
                out.print(&object(Some(findings.source().name()), self.emit.key(), value));
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
