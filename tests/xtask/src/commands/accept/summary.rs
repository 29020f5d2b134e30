//! What came of all tries, on the terminal and in the document.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::Verdict;
use crate::Outcome;
use crate::report::{self, Reasons, cell};

/// A definition whose command line QEMU refused.
struct Refused {
    case: String,
    said: String,
    reason: Option<String>,
}

/// All verdicts, counted.
pub struct Summary {
    accepted: u32,
    with_stand_ins: u32,
    refused: Vec<Refused>,
    left: BTreeMap<String, usize>,
    not: BTreeMap<String, usize>,
    idle: Vec<String>,
}

impl Summary {
    /// Counts, and finds the reasons.
    ///
    /// # Errors
    /// When the reasons cannot be read.
    pub fn of(what: &str, verdicts: &BTreeMap<PathBuf, Verdict>) -> Result<Self, Box<dyn std::error::Error>> {
        let reasons = Reasons::read()?;
        let (mut left, mut not) = (BTreeMap::new(), BTreeMap::new());
        let (mut accepted, mut with_stand_ins, mut refused) = (0, 0, Vec::new());
        let mut needed = BTreeSet::new();
        for (file, verdict) in verdicts {
            match verdict {
                Verdict::Accepted { stand_ins } => {
                    accepted += 1;
                    with_stand_ins += u32::from(*stand_ins > 0);
                }
                Verdict::Refused(said) => {
                    let case = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                    let reason = reasons.find(what, &case, said).map(str::to_owned);
                    needed.insert(case.clone());
                    refused.push(Refused { case, said: said.clone(), reason });
                }
                Verdict::LeftOut(why) => *left.entry(why.clone()).or_default() += 1,
                Verdict::NotCompiled(why) => *not.entry(why.clone()).or_default() += 1,
            }
        }
        let idle = reasons.idle(what, &needed).map(str::to_owned).collect();
        Ok(Self { accepted, with_stand_ins, refused, left, not, idle })
    }

    /// Says which reasons are given for what is not refused.
    pub fn say_idle(&self) {
        for case in &self.idle {
            println!("{case} is not refused: its reason in docs/conformance-reasons.tsv may go");
        }
    }

    fn unexplained(&self) -> usize {
        self.refused.iter().filter(|refused| refused.reason.is_none()).count()
    }

    /// One line for each refusal and reason, and the figures.
    pub fn print(&self) {
        for Refused { case, said, reason } in &self.refused {
            println!("refused  {case}: {said}: {}", reason.as_deref().unwrap_or("NO REASON IS KNOWN"));
        }
        for (why, count) in &self.left {
            println!("left out {count:4}  {why}");
        }
        for (why, count) in &self.not {
            println!("not compiled {count:4}  {why}");
        }
        let (left, not): (usize, usize) = (self.left.values().sum(), self.not.values().sum());
        println!(
            "accepted {}, of these {} with other devices in place of the host's; refused for a known reason {}, without one {}; left out {left}, not compiled {not}",
            self.accepted,
            self.with_stand_ins,
            self.refused.len() - self.unexplained(),
            self.unexplained(),
        );
    }

    /// Writes the table of the document.
    ///
    /// # Errors
    /// When the document cannot be written.
    pub fn report(&self, document: &Path, version: &str) -> Outcome {
        let (left, not): (usize, usize) = (self.left.values().sum(), self.not.values().sum());
        let unexplained = self.unexplained();
        let mut text = String::from("| | definitions |\n|---|---:|\n");
        writeln!(text, "| accepted by QEMU {version} | {} |", self.accepted)?;
        writeln!(text, "| – with other devices in place of the host's | {} |", self.with_stand_ins)?;
        writeln!(text, "| refused, for a reason below | {} |", self.refused.len() - unexplained)?;
        writeln!(text, "| refused, no reason known | {unexplained} |")?;
        writeln!(text, "| left out | {left} |")?;
        writeln!(text, "| not compiled | {not} |")?;
        text.push_str("\n| Refused | QEMU says | Reason |\n|---|---|---|\n");
        for Refused { case, said, reason } in &self.refused {
            let reason = reason.as_deref().unwrap_or("**not known**");
            writeln!(text, "| `{case}` | {} | {} |", cell(&said_shortly(said)), cell(reason))?;
        }
        text.push_str("\n| Left out because | |\n|---|---:|\n");
        for (why, count) in &self.left {
            writeln!(text, "| {} | {count} |", cell(why))?;
        }
        text.push_str("\n| Not compiled, the first error being | |\n|---|---:|\n");
        for (why, count) in &self.not {
            writeln!(text, "| `{}` | {count} |", cell(why))?;
        }
        report::write(document, "accept", &text)
    }

    /// Whether it is good enough.
    ///
    /// # Errors
    /// When fewer are accepted than the floor asks, or one is refused without a known reason.
    pub fn judge(&self, floor: u32) -> Outcome {
        if self.accepted < floor {
            return Err(format!("{} accepted, and the floor is {floor}", self.accepted).into());
        }
        if floor > 0 && self.accepted > floor {
            println!("accept: the floor may rise from {floor} to {}", self.accepted);
        }
        match self.unexplained() {
            0 => Ok(()),
            count => Err(format!("{count} refused without a known reason").into()),
        }
    }
}

/// The message without the option that it is about and without the status.
fn said_shortly(said: &str) -> String {
    let said = said.rsplit_once(" (").map_or(said, |(message, _)| message);
    said.rsplit_once("}: ").map_or(said, |(_, message)| message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_alone_is_shown() {
        let said = "-device {\"driver\":\"a\"}: Bus 'b' not found (exit status: 1)";
        assert_eq!(said_shortly(said), "Bus 'b' not found");
        assert_eq!(said_shortly("it does not answer"), "it does not answer");
    }
}
