//! The compiler and its settings.

use virtc_compiler::passes::Goal;
use virtc_compiler::{Facts, MissingDevice, Passes, Target, passes};
use virtc_diag::SourceFile;
use virtc_inventory::HostFile;
use virtc_rng::Schema;

use crate::change::{ChangeReport, Guest};
use crate::front::{Front, Grammars};
use crate::report::Report;
use crate::source::Source;

/// Takes one text after the other. A clone has the same settings: one for each thread.
pub struct Compiler<'s> {
    host: Option<&'s HostFile>,
    target: Target,
    clock: Option<u64>,
    grammars: Grammars<'s>,
}

impl Default for Compiler<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Compiler<'_> {
    fn clone(&self) -> Self {
        Self { grammars: self.grammars.fresh(), target: self.target.clone(), ..*self }
    }
}

impl<'s> Compiler<'s> {
    /// A compiler for the newest QEMU that is known, on a host of which nothing is known.
    pub fn new() -> Self {
        Self { host: None, target: Target::default(), clock: None, grammars: Grammars::new(None) }
    }

    /// With what is known of the host.
    #[must_use]
    pub fn host(self, host: impl Into<Option<&'s HostFile>>) -> Self {
        Self { host: host.into(), ..self }
    }

    /// For this QEMU.
    #[must_use]
    pub fn target(self, target: Target) -> Self {
        Self { target, ..self }
    }

    /// With another grammar for domains than the one that is built in.
    #[must_use]
    pub fn schema(self, schema: impl Into<Option<&'s Schema>>) -> Self {
        Self { grammars: Grammars::new(schema.into()), ..self }
    }

    /// At this second since the epoch, where a change of a running guest depends on the time; otherwise it is that of the host file.
    #[must_use]
    pub fn clock(self, seconds: u64) -> Self {
        Self { clock: Some(seconds), ..self }
    }

    /// Everything that is wrong with a text: XML, grammar, what libvirt and QEMU refuse, lints. That virtc cannot compile something is no
    /// fault of the text, and not reported. Nothing is made.
    pub fn check(&mut self, source: impl Into<Source>) -> Report {
        self.run(source, Goal::Check)
    }

    /// The definition as libvirt would store it. No lint is asked.
    pub fn define(&mut self, source: impl Into<Source>) -> Report {
        self.run(source, Goal::Definition)
    }

    /// The machine, with everything on the way to it.
    pub fn compile(&mut self, source: impl Into<Source>) -> Report {
        self.run(source, Goal::Machine)
    }

    /// Takes a text as far as `goal` says.
    pub fn run(&mut self, source: impl Into<Source>, goal: Goal) -> Report {
        let (source, fault) = source.into().into_parts();
        if let Some(fault) = fault {
            return Report::refused(source, fault);
        }
        self.with(|passes, front| {
            let passed = passes.run(&source, goal, front);
            Report::new(source, passed, std::mem::take(&mut front.skipped))
        })
    }

    /// The guest that a definition describes as it runs: complete, with the names of the devices in QEMU.
    pub fn running(&mut self, source: impl Into<Source>) -> Guest {
        let (source, fault) = source.into().into_parts();
        let running = match fault {
            Some(fault) => fault.into(),
            None => self.with(|passes, front| passes.running(&source, front)),
        };
        Guest::new(source, running)
    }

    /// The guest that was kept in a record; messages call its definition `name`. Devices whose aliases are in `released` are gone.
    pub fn recorded(&mut self, record: passes::Record, name: &str, released: &[String]) -> Guest {
        let source = SourceFile::new(name, record.xml());
        let running = self.with(|passes, front| passes.recorded(record, &source, front));
        Guest::new(source, running.map(|running| running.without(released.iter().map(String::as_str))))
    }

    /// What adds a device to a guest; a medium for a drive that is there changes the medium.
    pub fn attach(&mut self, guest: &Guest, device: impl Into<Source>) -> ChangeReport {
        self.change(guest, passes::Change::Attach, device)
    }

    /// What removes a device from a guest.
    pub fn detach(&mut self, guest: &Guest, missing: MissingDevice, device: impl Into<Source>) -> ChangeReport {
        self.change(guest, passes::Change::Detach(missing), device)
    }

    /// What changes a device of a guest into the one that is described.
    pub fn update(&mut self, guest: &Guest, device: impl Into<Source>) -> ChangeReport {
        self.change(guest, passes::Change::Update, device)
    }

    /// What has to be done with a device.
    pub fn change(&mut self, guest: &Guest, change: passes::Change, device: impl Into<Source>) -> ChangeReport {
        let (device, fault) = device.into().into_parts();
        if let Some(fault) = fault {
            return ChangeReport::refused(guest, device, fault);
        }
        let running = guest.running().ok().cloned();
        let changed = self.with(|passes, front| passes.change(running, change, &device, front));
        ChangeReport::new(guest, device, changed)
    }

    fn with<T>(&mut self, work: impl FnOnce(Passes<'_>, &mut Front<'_, 's>) -> T) -> T {
        let facts = Facts::new(self.host);
        let facts = self.clock.map_or(facts, |seconds| facts.at(seconds));
        work(Passes { target: &self.target, facts }, &mut Front::new(&mut self.grammars, self.host))
    }
}
