//! The requests to a running VM, and the devices that its guest releases late.

use serde_json::{Value, json};
use virtc_plan::{Action, DevicePlan};

use super::{Ending, Supervisor};
use crate::error::{Failure, HostError};
use crate::qmp::QmpEvent;
use crate::requests::{Reply, Request};

impl Supervisor<'_> {
    /// Answers a request.
    pub(super) fn serve(&mut self, request: &Request) -> Reply {
        match request {
            Request::Attach(wanted) | Request::Update(wanted) => {
                if let Some(made_for) = wanted.generation
                    && made_for != self.description.generation
                {
                    return Err(HostError::Changed { generation: self.description.generation }.into());
                }
                let action = if matches!(request, Request::Attach(_)) { Action::Attach } else { Action::Update };
                self.device(&wanted.plan, action)?;
                self.description.generation += 1;
                if let Some(definition) = &wanted.definition {
                    self.description.definition.clone_from(definition);
                    self.description.released.clear();
                }
                // The device is attached or updated, and the description in memory counts; the file is for a later look.
                let _ = self.note();
                Ok(json!({}))
            }
            Request::Detach(plan) => {
                self.device(plan, Action::Detach)?;
                self.released(&plan.device);
                Ok(json!({}))
            }
            Request::Describe => {
                serde_json::to_value(&self.description).map_err(|e| HostError::Unsuitable(e.to_string()).into())
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
                let answer = self.host.qemu.execute(&json!({"execute": "query-status"}), None, None)?;
                let state = answer.get("status").and_then(Value::as_str).unwrap_or_default();
                let pid = self.host.qemu.child.as_ref().map(std::process::Child::id);
                let domain = &self.journal.domain;
                Ok(json!({"name": domain.name, "uuid": domain.uuid, "state": state, "pid": pid}))
            }
        }
    }

    /// Notes that a device was detached.
    fn released(&mut self, device: &str) {
        self.description.generation += 1;
        self.description.released.push(device.to_owned());
        // As at an attach.
        let _ = self.note();
    }

    fn device(&mut self, plan: &DevicePlan, action: Action) -> Result<(), Failure> {
        if plan.domain != self.journal.domain {
            return Err(HostError::Unsuitable(format!("the device plan is for the VM `{}`", plan.domain.name)).into());
        }
        if plan.action != action {
            return Err(HostError::Unsuitable(
                "the device plan is for another action than the one that was asked for".into(),
            )
            .into());
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

    /// Completes the detach of a device that the guest releases after the deadline.
    pub(super) fn release_late(&mut self, event: &QmpEvent) {
        let device = event.data.as_ref().and_then(|data| data.get("device")).and_then(Value::as_str);
        let is_it = |pending: &DevicePlan| event.name == "DEVICE_DELETED" && Some(pending.device.as_str()) == device;
        let Some(at) = self.pending.iter().position(is_it) else { return };
        let plan = self.pending.swap_remove(at);
        // QEMU answers that it has no such device, which is right; the rest of the script follows. A failure was reported as an
        // event, and what is left is reverted at the end.
        let _ = self.with_engine(|engine| engine.detach(&plan));
        self.released(&plan.device);
    }
}
