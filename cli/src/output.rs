//! All that is printed goes through here.

use std::io::{self, ErrorKind, Write};

use virtc::Findings;
use virtc::render::{Style, render};

use crate::exit::Exit;
use crate::terminal;

/// Standard output and standard error. A reader that goes away early is no fault; a full disk is.
#[derive(Debug)]
pub struct Output {
    /// What standard output can show.
    pub terminal: Style,
    /// What standard error can show.
    pub error_terminal: Style,
    errors: io::Stderr,
    failed: Option<io::Error>,
}

impl Output {
    /// The output of this process.
    pub fn new() -> Self {
        Self { terminal: terminal::stdout(), error_terminal: terminal::stderr(), errors: io::stderr(), failed: None }
    }

    /// Writes `text` to standard output.
    pub fn print(&mut self, text: &str) {
        if self.failed.is_some() {
            return;
        }
        let mut stdout = io::stdout().lock();
        self.failed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).err();
    }

    /// Writes `text` to standard error.
    pub fn note(&mut self, text: &str) {
        // Where even this fails there is nobody left to tell.
        let _ = self.errors.lock().write_all(text.as_bytes());
    }

    /// Writes findings to standard error, for people.
    pub fn findings<'f>(&mut self, all: impl IntoIterator<Item = &'f Findings>) {
        self.note(&render(all, self.error_terminal));
    }

    /// Writes `virtc: ` and `message` to standard error; the answer is the exit code for it.
    pub fn usage(&mut self, message: impl std::fmt::Display) -> Exit {
        self.note(&format!("virtc: {message}\n"));
        Exit::Usage
    }

    /// The exit code, after everything was written.
    pub fn finish(mut self, exit: Exit) -> Exit {
        match self.failed.take() {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                self.usage(format_args!("cannot write to standard output: {error}")).max(exit)
            }
            Some(_) | None => exit,
        }
    }
}

/// Writes to standard error when there is no [`Output`] at hand.
pub fn last_words(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
