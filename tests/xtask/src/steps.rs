//! Numbered headings with the time that each step took, in plain text.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// The steps of a command, as they are printed.
pub struct Steps {
    count: u32,
    began: Instant,
    current: Option<Instant>,
}

impl Steps {
    /// No step yet; the clock of the whole starts.
    pub fn new() -> Self {
        Self { count: 0, began: Instant::now(), current: None }
    }

    /// Ends the step before, and prints the heading of the next one.
    pub fn step(&mut self, heading: impl Display) {
        self.end();
        self.count += 1;
        println!("{}. {heading}", self.count);
        self.current = Some(Instant::now());
    }

    /// Prints a line that belongs to the step.
    pub fn say(&self, line: impl Display) {
        // What is said before the first step belongs to the whole.
        let indent = if self.current.is_some() { "   " } else { "" };
        for line in line.to_string().lines() {
            println!("{indent}{line}");
        }
    }

    fn end(&mut self) {
        if let Some(began) = self.current.take() {
            println!("   {}\n", seconds(began.elapsed()));
        }
    }

    /// Ends the last step and prints the time of the whole.
    pub fn finish(mut self, verdict: impl Display) {
        self.end();
        println!("{verdict} ({} in all)", seconds(self.began.elapsed()));
    }
}

/// A time for the eye: `0.25 s`.
pub fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
