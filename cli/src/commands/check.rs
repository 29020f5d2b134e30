//! `virtc check`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use virtc::{Compiler, Findings, Goal, Report, SourceFile};
use virtc_diag::{Diagnostic, Severity};

use crate::args::{HostArg, SchemaArg};
use crate::exit::Exit;
use crate::input::{Input, expand};
use crate::jobs::Jobs;
use crate::output::Output;
use crate::render::{self, Format};
use crate::{fix, registry};

/// Check definitions: XML, grammar, what libvirt and QEMU refuse, and lints
#[derive(Debug, Args)]
pub struct Check {
    /// Files, directories (searched for *.xml that are domains), or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    host: HostArg,
    #[command(flatten)]
    schema: SchemaArg,
    /// Report only these; `schema` stops after XML and grammar. A file that is not well-formed is always reported
    #[arg(long, value_name = "schema|NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Exit with 1 on warnings, too
    #[arg(long, value_name = "WHAT")]
    deny: Option<Deny>,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Change the files: apply the fixes that keep the meaning, then report what is left
    #[arg(long, conflicts_with = "diff")]
    fix: bool,
    /// Print what `--fix` would change as a unified diff instead of the findings
    #[arg(long, conflicts_with = "format")]
    diff: bool,
    #[command(flatten)]
    jobs: Jobs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Deny {
    Warnings,
}

/// A fix may uncover another one; more rounds than this do not come.
const ROUNDS: usize = 10;

impl Check {
    /// Runs it.
    pub fn run(self, out: &mut Output) -> Result<Exit, String> {
        let only = self.only()?;
        let host = self.host.load()?;
        let schema = self.schema.load()?;
        let is_grammar = self.only.iter().all(|name| name == "schema") && !self.only.is_empty();
        let goal = if is_grammar { Goal::Grammar } else { Goal::Check };
        let compiler = Compiler::new().host(host.as_ref()).schema(schema.as_ref());
        let mut exit = Exit::Fine;
        let inputs = expand(&self.paths, &mut |message| exit = out.usage(message));
        let least = if self.deny.is_some() { Severity::Warning } else { Severity::Error };
        let terminal = out.terminal;
        let results = self.jobs.map(&inputs, compiler, |compiler, input| -> Result<_, String> {
            let mut checked = self.one(input, compiler, goal, &only)?;
            let mut text = String::new();
            if self.format.is_by_file() && !self.diff {
                text = render::render(self.format, std::slice::from_ref(&checked.findings), least, terminal)?;
                checked.findings = forget(checked.findings);
            }
            Ok::<_, String>((checked, text))
        })?;

        let (mut all, mut texts) = (Vec::new(), Vec::new());
        let (mut fixed, mut skipped) = (0, BTreeSet::new());
        for result in results {
            match result {
                Ok((checked, text)) => {
                    all.push(checked.findings);
                    texts.push(text);
                    fixed += checked.fixed;
                    skipped.extend(checked.skipped);
                }
                Err(message) => exit = out.usage(message),
            }
        }
        if all.iter().flatten().any(|found| found.severity >= least) {
            exit = exit.max(Exit::Findings);
        }
        if self.diff {
            for findings in &all {
                let source = findings.source();
                out.print(&fix::diff(source.name(), source.text(), &fix::apply(source, findings.diagnostics()).0));
            }
        } else {
            if self.format.is_by_file() {
                texts.iter().filter(|text| !text.is_empty()).for_each(|text| out.print(text));
            } else {
                out.print(&render::render(self.format, &all, least, out.terminal)?);
            }
            if self.format == Format::Human {
                out.note(&summary(&all, fixed, &skipped));
            }
        }
        Ok(exit)
    }

    /// The names that are reported; empty: all.
    fn only(&self) -> Result<BTreeSet<&'static str>, String> {
        let mut only = BTreeSet::new();
        for name in &self.only {
            if name == "schema" {
                only.extend(registry::schema().map(|code| code.name));
            } else {
                only.insert(registry::find(name).ok_or_else(|| registry::unknown(name))?.code.name);
            }
        }
        Ok(only)
    }

    /// What was found in one input, after the fixes that were asked for.
    fn one(
        &self,
        input: &Input,
        compiler: &mut Compiler<'_>,
        goal: Goal,
        only: &BTreeSet<&str>,
    ) -> Result<Checked, String> {
        let mut last = Checked::new(compiler.run(input.load()?, goal), only);
        let Input::File(path) = input else {
            return if self.fix {
                Err("`--fix` cannot change standard input; `--diff` prints the change".into())
            } else {
                Ok(last)
            };
        };
        if self.fix {
            let was = last.findings.source().text().to_owned();
            for _ in 0..ROUNDS {
                let source = last.findings.source();
                let (text, more) = fix::apply(source, last.findings.diagnostics());
                if more == 0 {
                    break;
                }
                let text = SourceFile::new(source.name(), text);
                last = Checked { fixed: last.fixed + more, ..Checked::new(compiler.run(text, goal), only) };
            }
            if last.findings.source().text() != was {
                fix::write(path, last.findings.source().text())?;
            }
        }
        if last.findings.is_empty() {
            last.findings = forget(last.findings);
        }
        Ok(last)
    }
}

/// What was found in one input.
struct Checked {
    findings: Findings,
    /// The names of lints that would have needed host facts.
    skipped: BTreeSet<&'static str>,
    /// How many fixes were made.
    fixed: usize,
}

impl Checked {
    /// A report without what was not asked for. Faults of the XML stay, since all else is meaningless then.
    fn new(report: Report, only: &BTreeSet<&str>) -> Self {
        let mut skipped = report.skipped().clone();
        let findings = report.into_findings();
        if only.is_empty() {
            return Self { findings, skipped, fixed: 0 };
        }
        skipped.retain(|name| only.contains(name));
        let is_xml = |name: &str| virtc_xml::codes::ALL.iter().any(|code| code.name == name);
        let findings = findings.only(|found| only.contains(found.code.name) || is_xml(found.code.name));
        Self { findings, skipped, fixed: 0 }
    }
}

/// Drops what is shown already: with thousands of files, texts are what takes memory.
fn forget(findings: Findings) -> Findings {
    let source = SourceFile::new(findings.source().name(), "");
    let bare = |found: Diagnostic| Diagnostic { message: String::new(), labels: Vec::new(), help: None, ..found };
    Findings::new(source, findings.into_iter().map(bare).collect())
}

/// `3 files: 1 error, 2 warnings; …`
fn summary(files: &[Findings], fixed: usize, skipped: &BTreeSet<&str>) -> String {
    let all = || files.iter().flatten();
    let count = |severity| all().filter(|found: &&virtc_diag::Diagnostic| found.severity == severity).count();
    let mut text = render::count(files.len(), "file");
    text.push_str(": ");
    text.push_str(&render::count(count(Severity::Error), "error"));
    text.push_str(", ");
    text.push_str(&render::count(count(Severity::Warning), "warning"));
    if count(Severity::Info) > 0 {
        let _ = write!(text, ", {}", render::count(count(Severity::Info), "remark"));
    }
    if fixed > 0 {
        let _ = write!(text, "; {} made", render::count(fixed, "fix"));
    }
    let open =
        all().filter_map(|found| found.fix.as_ref()).filter(|fix| fix.safety == virtc_diag::Safety::Safe).count();
    if open > 0 {
        let _ = write!(text, "; `--fix` mends {open}");
    }
    if !skipped.is_empty() {
        let _ = write!(
            text,
            "; {} skipped for want of host facts (give `--host FILE`): {}",
            render::count(skipped.len(), "lint"),
            skipped.iter().copied().collect::<Vec<_>>().join(", ")
        );
    }
    text.push('\n');
    text
}
