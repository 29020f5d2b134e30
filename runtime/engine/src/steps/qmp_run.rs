//! QMP commands are executed, one after the other.

use serde_json::Value;
use virtc_plan::qmp::BadPointer;
use virtc_plan::{QmpCall, QmpScript};

use super::Context;
use crate::change::Change;
use crate::error::HostError;
use crate::host::Result;
use crate::host::operations::{HostOp, QmpExecute, QmpRevert};

pub(super) fn change(script: &QmpScript, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    let Some(command) = script.commands.get(nth) else { return Ok(None) };
    if let Some(fd) = &command.call.fd
        && context.host.fd(fd)?.is_none()
    {
        return Err(HostError::Unsuitable(format!("the script sends descriptor `{fd}` before it is open")));
    }
    let revert = command.revert.as_ref().map(|revert| Ok(QmpRevert { command: render(revert, context)? }));
    let apply = QmpExecute {
        command: render(&command.call, context)?,
        fd: command.call.fd.clone(),
        awaits: command.awaits.clone(),
    };
    Ok(Some(Change { apply: apply.into(), revert: revert.transpose()?.map(HostOp::from) }))
}

enum Failed {
    Host(HostError),
    Pointer(BadPointer),
}

impl From<BadPointer> for Failed {
    fn from(error: BadPointer) -> Self {
        Self::Pointer(error)
    }
}

fn render(call: &QmpCall, context: &Context<'_>) -> Result<Value> {
    call.render(|placeholder| context.fill(placeholder).map_err(Failed::Host)).map_err(|failed| match failed {
        Failed::Host(error) => error,
        Failed::Pointer(BadPointer(pointer)) => {
            HostError::Unsuitable(format!("`{}` has no place `{pointer}` to fill in", call.execute))
        }
    })
}
