//! A dry run: the changes that a run would make on this host, without a write.

use std::path::Path;

use virtc_plan::Plan;

use crate::change::Change;
use crate::config::RunConfig;
use crate::error::Failure;
use crate::host::HostRead;
use crate::host::linux::LinuxRead;
use crate::host::predict::Predict;
use crate::host::states::Model as _;
use crate::steps::{self, Context};

/// One write that a run would make. What cannot be known yet is in braces: `{fd:NAME}`, `{numbers of /dev/vfio/12}`.
#[derive(Debug, Clone, PartialEq)]
pub struct DryChange {
    /// The number of its step in the plan, from 1.
    pub step: usize,
    /// Where the step comes from.
    pub origin: String,
    /// The write and its inverse; [`crate::HostOp::describe`] describes them.
    pub change: Change,
}

/// Every write that [`crate::run`] would make on this host with this plan, in order.
///
/// # Errors
/// The first step that cannot be made on this host. Nothing is written in any case.
pub fn dry_run(plan: &Plan, dir: &Path, config: &RunConfig) -> Result<Vec<DryChange>, Failure> {
    over(plan, dir, config, &LinuxRead::new(config))
}

pub(crate) fn over(
    plan: &Plan,
    dir: &Path,
    config: &RunConfig,
    host: &dyn HostRead,
) -> Result<Vec<DryChange>, Failure> {
    crate::engine::check(&plan.steps)?;
    let setting = config.setting(dir, &plan.domain, host)?;
    let mut predict = Predict::over(host);
    let mut changes: Vec<DryChange> = Vec::new();
    for (index, planned) in plan.steps.iter().enumerate() {
        let at = |cause| Failure { at: Some(planned.origin.to_string()), cause, not_reverted: Vec::new() };
        for nth in 0.. {
            let acl = changes.iter().rev().find_map(|done| done.change.apply.operation().device_acl());
            let acl = acl.map(|(_, table)| table.clone());
            let context = Context {
                host: predict.read(),
                dir,
                user: setting.user.as_ref(),
                group: &setting.group,
                acl: acl.as_ref(),
                device: planned.device.as_deref().unwrap_or_default(),
                handshake_ms: setting.handshake_ms,
            };
            let Some(change) = steps::change(&planned.step, nth, &context).map_err(at)? else { break };
            change.apply.operation().effect(&mut predict).map_err(at)?;
            changes.push(DryChange { step: index + 1, origin: planned.origin.to_string(), change });
        }
    }
    Ok(changes)
}
