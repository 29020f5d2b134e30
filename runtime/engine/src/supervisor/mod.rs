//! One VM from its start to its end, in the foreground.

mod serve;

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use virtc_plan::{DevicePlan, Plan};

use crate::config::RunConfig;
use crate::control::{Server, VmDescription};
use crate::engine::Engine;
use crate::error::{Failure, HostError};
use crate::event::Event;
use crate::host::Host as _;
use crate::host::linux::{LinuxHost, Signals, process_end, wait_for_input};
use crate::journal::Journal;
use crate::recover::finish;
use crate::requests::{RequestSender, Requests, requests};

/// How a VM ended, with the host as it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// QEMU's exit status, or the signal that ended it.
    pub status: String,
    /// Whether it was exit status 0, or the kill that was asked for.
    pub is_clean: bool,
    /// The end of what QEMU wrote to its standard error.
    pub stderr: String,
}

/// How the VM is being ended. Each further request to end it goes one further, and so does a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    No,
    PowerDown,
    Quit,
    Kill,
}

/// Executes the plan, and returns when QEMU has ended, everything is reverted, and the state directory is removed.
///
/// Once the guest runs, it listens at the [control socket](crate::control). `definition` describes the VM for its clients, which
/// get it from there. `requests` is the queue of the socket; `None`: it is made here.
///
/// `SIGINT`, `SIGTERM` and `SIGHUP` are handled meanwhile: the first asks the guest to shut down, the second asks QEMU to quit,
/// the third kills it; so do the deadlines in `config`. Call it on the main thread, before others are started.
///
/// # Errors
/// [`Failure`], whose exit code says whether the host is as it was.
pub fn run(
    plan: &Plan,
    dir: &Path,
    config: &RunConfig,
    definition: &str,
    requests: Option<(RequestSender, Requests)>,
    report: &mut dyn FnMut(&Event<'_>),
) -> Result<Ended, Failure> {
    crate::engine::check(&plan.steps)?;
    let mut signals = Signals::take()?;
    let mut host = LinuxHost::create(dir, config)?;
    host.qemu.interrupt = Some(signals.watch()?);
    let setting = match config.setting(dir, &plan.domain, host.read()) {
        Ok(setting) => setting,
        Err(cause) => return Err(close(&mut host, cause.into())),
    };
    let journal = match Journal::begin(&mut host, &plan.domain, &plan.digest) {
        Ok(journal) => journal,
        Err(cause) => return Err(close(&mut host, cause.into())),
    };
    let mut ends = 0;
    let mut is_interrupted = || {
        ends += signals.count();
        ends > 0
    };
    let mut engine =
        Engine { host: &mut host, journal, setting: setting.clone(), report, is_interrupted: &mut is_interrupted };
    if let Err(mut failure) = engine.perform(&plan.steps) {
        failure.not_reverted = engine.revert_all();
        return Err(close(&mut host, failure));
    }
    let journal = engine.journal;
    let description = VmDescription { definition: definition.to_owned(), ..VmDescription::default() };
    let mut supervisor = Supervisor {
        host,
        journal,
        setting,
        config,
        report,
        ending: Ending::No,
        until: None,
        pending: Vec::new(),
        requests: None,
        description,
    };
    let control = match supervisor.listen(requests) {
        Ok(control) => control,
        Err(cause) => {
            let mut failure = Failure::from(cause);
            supervisor.with_engine(|engine| failure.not_reverted = engine.revert_all());
            return Err(close(&mut supervisor.host, failure));
        }
    };
    let ended = supervisor.supervise(&mut signals);
    drop(control);
    drop(signals);
    ended
}

fn close(host: &mut LinuxHost, mut failure: Failure) -> Failure {
    finish(host, &mut failure.not_reverted);
    failure
}

struct Supervisor<'a> {
    host: LinuxHost,
    journal: Journal,
    setting: crate::engine::Setting,
    config: &'a RunConfig,
    report: &'a mut dyn FnMut(&Event<'_>),
    ending: Ending,
    until: Option<Instant>,
    /// Detaches that the guest has not answered yet. It may still answer.
    pending: Vec<DevicePlan>,
    requests: Option<Requests>,
    /// The description of the running VM.
    description: VmDescription,
}

impl Supervisor<'_> {
    /// Listens at the control socket.
    fn listen(&mut self, given: Option<(RequestSender, Requests)>) -> Result<Server, HostError> {
        let (sender, queue) = given.map_or_else(requests, Ok)?;
        self.requests = Some(queue);
        self.note()?;
        Server::start(self.host.listen_for_control()?, sender)
    }

    /// Keeps the description on disk as well.
    fn note(&self) -> Result<(), HostError> {
        let text = serde_json::to_string(&self.description).map_err(|e| HostError::Unsuitable(e.to_string()))?;
        self.host.describe(&text)
    }

    fn supervise(mut self, signals: &mut Signals) -> Result<Ended, Failure> {
        let pid = self.host.qemu.child.as_ref().map(std::process::Child::id);
        let watched = pid.map(process_end).transpose();
        let lived = match watched {
            Ok(Some(process)) => {
                (self.report)(&Event::Running { pid: pid.unwrap_or_default() });
                self.watch(&process, signals)
            }
            // It ended already, or the plan starts none.
            Ok(None) | Err(_) => Ok(()),
        };
        let status = self.host.qemu.ended();
        let stderr = self.host.qemu.last_words();
        let is_clean = self.host.qemu.is_success() || self.ending == Ending::Kill;
        if let Some(status) = &status {
            (self.report)(&Event::Ended { status });
        }
        let mut not_reverted = Vec::new();
        self.with_engine(|engine| not_reverted = engine.revert_all());
        finish(&mut self.host, &mut not_reverted);
        match (lived, not_reverted.first().cloned()) {
            (Err(cause), _) => Err(Failure { at: None, cause, not_reverted }),
            (Ok(()), Some(first)) => Err(Failure { at: None, cause: first.error, not_reverted }),
            (Ok(()), None) => Ok(Ended { status: status.unwrap_or_else(|| "killed".into()), is_clean, stderr }),
        }
    }

    /// Until QEMU ends.
    fn watch(&mut self, process: &OwnedFd, signals: &mut Signals) -> Result<(), HostError> {
        loop {
            if self.host.qemu.ended().is_some() {
                return Ok(());
            }
            while let Some(event) = self.host.qemu.poll_event() {
                (self.report)(&Event::Qemu { name: &event.name });
                self.release_late(&event);
                // QEMU may be configured to stay when the guest powers off (`-no-shutdown`): the VM is ended all the same.
                if event.name == "SHUTDOWN" && self.ending < Ending::Quit {
                    self.ending = Ending::PowerDown;
                    self.end_further();
                }
            }
            if let Some((request, reply)) = self.requests.as_ref().and_then(Requests::take) {
                // Whoever asked may have gone.
                let _ = reply.send(self.serve(&request));
                continue;
            }
            for _ in 0..signals.count() {
                self.end_further();
            }
            if self.until.is_some_and(|until| Instant::now() >= until) {
                self.end_further();
            }
            if self.host.qemu.has_event() {
                continue;
            }
            let time =
                self.until.map_or(Duration::from_secs(3600), |until| until.saturating_duration_since(Instant::now()));
            let mut fds = vec![process.as_fd(), signals.as_fd()];
            fds.extend(self.requests.as_ref().map(Requests::wake));
            fds.extend(self.host.qemu.monitor());
            wait_for_input(&fds, time)?;
        }
    }

    /// Ends the VM, one step further; where the monitor does not answer, by a kill.
    fn end_further(&mut self) {
        let (ending, command, grace) = match self.ending {
            Ending::No => (Ending::PowerDown, "system_powerdown", self.config.power_down),
            Ending::PowerDown => (Ending::Quit, "quit", self.config.quit),
            Ending::Quit | Ending::Kill => return self.kill(),
        };
        self.ending = ending;
        self.until = Some(Instant::now() + grace);
        (self.report)(&if ending == Ending::Quit { Event::AskedToQuit } else { Event::AskedToPowerDown });
        if let Err(HostError::NoAnswer { .. }) = self.host.qemu.execute(&json!({"execute": command}), None, None) {
            self.kill();
        }
    }

    fn kill(&mut self) {
        self.ending = Ending::Kill;
        self.until = Some(Instant::now() + self.config.quit);
        (self.report)(&Event::Killing);
        if let Some(child) = &mut self.host.qemu.child {
            // A process that has ended meanwhile is what is wanted; one that cannot be killed shows when everything is reverted.
            let _ = child.kill();
        }
    }

    fn with_engine<T>(&mut self, body: impl FnOnce(&mut Engine<'_>) -> T) -> T {
        let mut engine = Engine {
            host: &mut self.host,
            journal: self.journal.clone(),
            setting: self.setting.clone(),
            report: self.report,
            is_interrupted: &mut || false,
        };
        let out = body(&mut engine);
        self.journal = engine.journal;
        out
    }
}
