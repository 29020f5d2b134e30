//! `virtc check`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use virtc_compiler::Target;
use virtc_diag::{Diagnostic, Severity, SourceFile};

use crate::args::{HostArg, SchemaArg};
use crate::exit::Exit;
use crate::input::{Input, expand};
use crate::jobs::Jobs;
use crate::output::Output;
use crate::pipeline::{Depth, Pipeline, Report, Settings};
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
        let depth = if self.only.iter().all(|name| name == "schema") && !self.only.is_empty() {
            Depth::Schema
        } else {
            Depth::Full
        };
        let target = Target::default();
        let settings = Settings { schema: schema.as_ref(), host: host.as_ref(), target: &target };
        let mut exit = Exit::Fine;
        let inputs = expand(&self.paths, &mut |message| exit = out.usage(message));
        let least = if self.deny.is_some() { Severity::Warning } else { Severity::Error };
        let terminal = out.terminal;
        let results = self.jobs.map(&inputs, settings, |pipeline, input| -> Result<_, String> {
            let (mut report, fixed) = self.one(input, pipeline, depth, &only)?;
            let text = if self.format.is_by_file() && !self.diff {
                let text = render::render(self.format, std::slice::from_ref(&report), least, terminal)?;
                forget(&mut report);
                text
            } else {
                String::new()
            };
            Ok::<_, String>((report, fixed, text))
        })?;

        let (mut reports, mut texts) = (Vec::new(), Vec::new());
        let mut fixed = 0;
        for result in results {
            match result {
                Ok((report, count, text)) => {
                    reports.push(report);
                    texts.push(text);
                    fixed += count;
                }
                Err(message) => exit = out.usage(message),
            }
        }
        if reports.iter().flat_map(|report| &report.diagnostics).any(|found| found.severity >= least) {
            exit = exit.max(Exit::Findings);
        }
        if self.diff {
            for Report { source, diagnostics, .. } in &reports {
                out.print(&fix::diff(source.name(), source.text(), &fix::apply(source, diagnostics).0));
            }
        } else {
            if self.format.is_by_file() {
                texts.iter().filter(|text| !text.is_empty()).for_each(|text| out.print(text));
            } else {
                out.print(&render::render(self.format, &reports, least, out.terminal)?);
            }
            if self.format == Format::Human {
                out.note(&summary(&reports, fixed));
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

    /// The report of one input, and how many fixes were made in it.
    fn one(
        &self,
        input: &Input,
        pipeline: &mut Pipeline<'_>,
        depth: Depth,
        only: &BTreeSet<&str>,
    ) -> Result<(Report, usize), String> {
        let mut last = wanted(pipeline.check(input, depth)?, only);
        let Input::File(path) = input else {
            return if self.fix {
                Err("`--fix` cannot change standard input; `--diff` prints the change".into())
            } else {
                Ok((last, 0))
            };
        };
        let mut made = 0;
        if self.fix {
            let was = last.source.text().to_owned();
            for _ in 0..ROUNDS {
                let (text, more) = fix::apply(&last.source, &last.diagnostics);
                if more == 0 {
                    break;
                }
                made += more;
                let text = SourceFile::new(last.source.name(), text);
                last = wanted(pipeline.check_text(text, depth), only);
            }
            if last.source.text() != was {
                fix::write(path, last.source.text())?;
            }
        }
        if last.diagnostics.is_empty() {
            forget(&mut last);
        }
        Ok((last, made))
    }
}

/// Drops what is shown already: with thousands of files, texts are what takes memory.
fn forget(report: &mut Report) {
    report.source = SourceFile::new(report.source.name(), "");
    let found = std::mem::take(&mut report.diagnostics).into_iter();
    let bare = |found: Diagnostic| Diagnostic { message: String::new(), labels: Vec::new(), help: None, ..found };
    report.diagnostics = found.map(bare).collect();
}

/// The report without what was not asked for. Faults of the XML stay, since all else is meaningless then.
fn wanted(mut report: Report, only: &BTreeSet<&str>) -> Report {
    if !only.is_empty() {
        let is_xml = |name: &str| virtc_xml::codes::ALL.iter().any(|code| code.name == name);
        let found = std::mem::take(&mut report.diagnostics).into_iter();
        report.diagnostics = found.filter(|found| only.contains(found.code.name) || is_xml(found.code.name)).collect();
        report.skipped.retain(|name| only.contains(name));
    }
    report
}

/// `3 files: 1 error, 2 warnings; …`
fn summary(reports: &[Report], fixed: usize) -> String {
    let all = || reports.iter().flat_map(|report| &report.diagnostics);
    let count = |severity| all().filter(|found: &&virtc_diag::Diagnostic| found.severity == severity).count();
    let mut text = render::count(reports.len(), "file");
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
    let skipped: BTreeSet<&str> = reports.iter().flat_map(|report| report.skipped.iter().copied()).collect();
    if !skipped.is_empty() {
        let _ = write!(
            text,
            "; {} skipped for want of host facts (give `--host FILE`): {}",
            render::count(skipped.len(), "lint"),
            skipped.into_iter().collect::<Vec<_>>().join(", ")
        );
    }
    text.push('\n');
    text
}
