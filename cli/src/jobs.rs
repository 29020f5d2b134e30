//! Several files at a time, and how far they are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use virtc::Compiler;

use crate::input::Input;

/// What takes less time than this needs no bar.
const PATIENCE: Duration = Duration::from_millis(400);

/// How many files are done, on standard error where that is a terminal.
struct Progress(ProgressBar);

impl Progress {
    fn new(count: usize) -> Self {
        let bar = ProgressBar::with_draw_target(u64::try_from(count).ok(), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} files, {eta} left");
        Self(style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style)))
    }

    fn one_more(&self) {
        if self.0.is_hidden() && self.0.elapsed() > PATIENCE {
            // Where standard error is no terminal it stays hidden.
            self.0.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.0.inc(1);
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// `-j`.
#[derive(Debug, Clone, Copy, Args)]
pub struct Jobs {
    /// How many files to work on at a time [default: one for each CPU]
    #[arg(short, long = "jobs", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl Jobs {
    /// Takes each input through a compiler, several at a time; the answers in the order of the inputs.
    ///
    /// # Errors
    /// In words, when the system has no threads left.
    pub fn map<'s, O: Send>(
        self,
        inputs: &[Input],
        mut compiler: Compiler<'s>,
        work: impl Fn(&mut Compiler<'s>, &Input) -> O + Sync + Send,
    ) -> Result<Vec<O>, String> {
        if inputs.len() < 2 {
            return Ok(inputs.iter().map(|input| work(&mut compiler, input)).collect());
        }
        // Each thread has one compiler for all that it takes: what a validator has learnt from one file serves the next.
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        let wanted = self.jobs.map_or_else(processors, usize::from);
        let next = AtomicUsize::new(0);
        let progress = Progress::new(inputs.len());
        let worker = || {
            let mut compiler = compiler.clone();
            let mut done = Vec::new();
            while let Some((at, input)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, inputs.get(at)?)))
            {
                done.push((at, work(&mut compiler, input)));
                progress.one_more();
            }
            done
        };
        let mut done = std::thread::scope(|scope| {
            let start = || std::thread::Builder::new().spawn_scoped(scope, worker);
            let others: Result<Vec<_>, _> = (1..wanted.min(inputs.len())).map(|_| start()).collect();
            let others = others.map_err(|error| format!("cannot start threads: {error}"))?;
            let mut done = worker();
            for other in others {
                // A panic of a worker is this thread's.
                done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            Ok::<_, String>(done)
        })?;
        progress.end();
        done.sort_unstable_by_key(|(at, _)| *at);
        Ok(done.into_iter().map(|(_, made)| made).collect())
    }
}
