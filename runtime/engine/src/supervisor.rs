//! One VM from its start to its end, in the foreground.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use virtc_plan::{Action, DevicePlan, Plan};

use crate::config::RunConfig;
use crate::control::{Described, Server};
use crate::engine::Engine;
use crate::error::{Failure, HostError};
use crate::event::Event;
use crate::host::linux::{LinuxHost, Signals, process_end, wait_for_input};
use crate::journal::Journal;
use crate::qmp::QmpEvent;
use crate::recover::finish;
use crate::requests::{Reply, Request, RequestSender, Requests, requests};

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

/// How far the end has come. Each further request to end goes one on, and so does time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    No,
    PowerDown,
    Quit,
    Kill,
}

/// Carries out the plan, and stays until QEMU ends; then takes everything back, and removes the state directory.
///
/// Once the guest runs, it listens at the [control socket](crate::control). `definition` describes what runs, in the caller's words: whoever asks
/// there gets it back. `requests` is the queue behind the socket; a caller that has none needs none.
///
/// `SIGINT`, `SIGTERM` and `SIGHUP` are taken over meanwhile: the first asks the guest to switch itself off, the second asks QEMU to quit,
/// the third kills it; so does the passing of the deadlines in `config`. Call it on the main thread, before others are started.
///
/// # Errors
/// [`Failure`], whose exit code tells whether the host is as it was.
pub fn run(
    plan: &Plan,
    dir: &Path,
    config: &RunConfig,
    definition: &str,
    requests: Option<(RequestSender, Requests)>,
    tell: &mut dyn FnMut(&Event<'_>),
) -> Result<Ended, Failure> {
    crate::engine::check(&plan.steps)?;
    let mut signals = Signals::take()?;
    let mut host = LinuxHost::create(dir, config)?;
    host.qemu.interrupt = Some(signals.watch()?);
    let setting = match config.setting(dir, &plan.domain, &host) {
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
        Engine { host: &mut host, journal, setting: setting.clone(), tell, is_interrupted: &mut is_interrupted };
    if let Err(mut failure) = engine.perform(&plan.steps) {
        failure.stuck = engine.undo_all();
        return Err(close(&mut host, failure));
    }
    let journal = engine.journal;
    let described = Described { definition: definition.to_owned(), ..Described::default() };
    let mut supervisor = Supervisor {
        host,
        journal,
        setting,
        config,
        tell,
        ending: Ending::No,
        until: None,
        pending: Vec::new(),
        requests: None,
        described,
    };
    let control = match supervisor.listen(requests) {
        Ok(control) => control,
        Err(cause) => {
            let mut failure = Failure::from(cause);
            supervisor.with_engine(|engine| failure.stuck = engine.undo_all());
            return Err(close(&mut supervisor.host, failure));
        }
    };
    let ended = supervisor.supervise(&mut signals);
    drop(control);
    drop(signals);
    ended
}

fn close(host: &mut LinuxHost, mut failure: Failure) -> Failure {
    finish(host, &mut failure.stuck);
    failure
}

struct Supervisor<'a> {
    host: LinuxHost,
    journal: Journal,
    setting: crate::engine::Setting,
    config: &'a RunConfig,
    tell: &'a mut dyn FnMut(&Event<'_>),
    ending: Ending,
    until: Option<Instant>,
    /// Detaches that the guest has not answered yet. It may still do so.
    pending: Vec<DevicePlan>,
    requests: Option<Requests>,
    /// What runs, in the words of whoever started it.
    described: Described,
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
        let text = serde_json::to_string(&self.described).map_err(|e| HostError::Unfit(e.to_string()))?;
        self.host.describe(&text)
    }

    fn supervise(mut self, signals: &mut Signals) -> Result<Ended, Failure> {
        let pid = self.host.qemu.child.as_ref().map(std::process::Child::id);
        let watched = pid.map(process_end).transpose();
        let lived = match watched {
            Ok(Some(process)) => {
                (self.tell)(&Event::Running { pid: pid.unwrap_or_default() });
                self.watch(&process, signals)
            }
            // It ended already, or the plan starts none.
            Ok(None) | Err(_) => Ok(()),
        };
        let status = self.host.qemu.ended();
        let stderr = self.host.qemu.last_words();
        let is_clean = self.host.qemu.is_success() || self.ending == Ending::Kill;
        if let Some(status) = &status {
            (self.tell)(&Event::Ended { status });
        }
        let mut stuck = Vec::new();
        self.with_engine(|engine| stuck = engine.undo_all());
        finish(&mut self.host, &mut stuck);
        let failure = |cause| Failure { at: None, cause, stuck: Vec::new() };
        match (lived, stuck.first().cloned()) {
            (Err(cause), _) => Err(Failure { stuck, ..failure(cause) }),
            (Ok(()), Some(first)) => Err(Failure { stuck, ..failure(first.error) }),
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
                (self.tell)(&Event::Qemu { name: &event.name });
                self.release_late(&event);
                // QEMU may be told to stay when the guest powers off (`-no-shutdown`): the VM ends all the same.
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

    /// One step further to the end; a monitor that does not take the command makes it the step after.
    fn end_further(&mut self) {
        let (ending, command, grace) = match self.ending {
            Ending::No => (Ending::PowerDown, "system_powerdown", self.config.power_down),
            Ending::PowerDown => (Ending::Quit, "quit", self.config.quit),
            Ending::Quit | Ending::Kill => return self.kill(),
        };
        self.ending = ending;
        self.until = Some(Instant::now() + grace);
        (self.tell)(&if ending == Ending::Quit { Event::AskedToQuit } else { Event::AskedToPowerDown });
        if let Err(HostError::NoAnswer { .. }) = self.host.qemu.say(&json!({"execute": command}), None, None) {
            self.kill();
        }
    }

    fn kill(&mut self) {
        self.ending = Ending::Kill;
        self.until = Some(Instant::now() + self.config.quit);
        (self.tell)(&Event::Killing);
        if let Some(child) = &mut self.host.qemu.child {
            // A process that has ended meanwhile is what is wanted; one that cannot be killed shows in the undo.
            let _ = child.kill();
        }
    }

    fn serve(&mut self, request: &Request) -> Reply {
        match request {
            Request::Attach(wanted) | Request::Update(wanted) => {
                if let Some(made_for) = wanted.generation
                    && made_for != self.described.generation
                {
                    return Err(HostError::Changed { generation: self.described.generation }.into());
                }
                let action = if matches!(request, Request::Attach(_)) { Action::Attach } else { Action::Update };
                self.device(&wanted.plan, action)?;
                self.described.generation += 1;
                if let Some(definition) = &wanted.definition {
                    self.described.definition.clone_from(definition);
                    self.described.released.clear();
                }
                // The device is as it should be, and what the memory has counts; the file is for those who look later.
                let _ = self.note();
                Ok(json!({}))
            }
            Request::Detach(plan) => {
                self.device(plan, Action::Detach)?;
                self.released(&plan.device);
                Ok(json!({}))
            }
            Request::Describe => {
                serde_json::to_value(&self.described).map_err(|e| HostError::Unfit(e.to_string()).into())
            }
            Request::PowerDown => {
                self.ending = Ending::No;
                self.end_further();
                Ok(json!({}))
            }
            Request::Quit => {
                self.ending = self.ending.max(Ending::PowerDown);
                self.end_further();
                Ok(json!({}))
            }
            Request::Status => {
                let answer = self.host.qemu.say(&json!({"execute": "query-status"}), None, None)?;
                let state = answer.get("status").and_then(Value::as_str).unwrap_or_default();
                let pid = self.host.qemu.child.as_ref().map(std::process::Child::id);
                let domain = &self.journal.domain;
                Ok(json!({"name": domain.name, "uuid": domain.uuid, "state": state, "pid": pid}))
            }
        }
    }

    /// A device has gone.
    fn released(&mut self, device: &str) {
        self.described.generation += 1;
        self.described.released.push(device.to_owned());
        // As at an attach.
        let _ = self.note();
    }

    fn device(&mut self, plan: &DevicePlan, action: Action) -> Result<(), Failure> {
        if plan.domain != self.journal.domain {
            return Err(HostError::Unfit(format!("the device plan is for the VM `{}`", plan.domain.name)).into());
        }
        if plan.action != action {
            return Err(HostError::Unfit("the device plan is for the opposite of what was asked".into()).into());
        }
        let result = self.with_engine(|engine| match plan.action {
            Action::Attach => engine.attach(plan),
            Action::Detach => engine.detach(plan),
            Action::Update => engine.update(plan),
        });
        if action != Action::Update {
            self.pending.retain(|pending| pending.device != plan.device);
        }
        if matches!(&result, Err(failure) if matches!(failure.cause, HostError::GuestHolds { .. })) {
            self.pending.push(plan.clone());
        }
        result
    }

    /// A guest that lets go of a device after the deadline: the detach is made up for.
    fn release_late(&mut self, event: &QmpEvent) {
        let device = event.data.as_ref().and_then(|data| data.get("device")).and_then(Value::as_str);
        let is_it = |pending: &DevicePlan| event.name == "DEVICE_DELETED" && Some(pending.device.as_str()) == device;
        let Some(at) = self.pending.iter().position(is_it) else { return };
        let plan = self.pending.swap_remove(at);
        // QEMU answers that it has no such device, which is what was wanted; the rest of the script follows. A failure was told of as an
        // event, and whatever is left goes at the end.
        let _ = self.with_engine(|engine| engine.detach(&plan));
        self.released(&plan.device);
    }

    fn with_engine<T>(&mut self, body: impl FnOnce(&mut Engine<'_>) -> T) -> T {
        let mut engine = Engine {
            host: &mut self.host,
            journal: self.journal.clone(),
            setting: self.setting.clone(),
            tell: self.tell,
            is_interrupted: &mut || false,
        };
        let out = body(&mut engine);
        self.journal = engine.journal;
        out
    }
}
