//! A script is said to QEMU, one command after the other.

use serde_json::Value;
use virtc_plan::qmp::BadPointer;
use virtc_plan::{QmpCall, QmpScript};

use super::Context;
use crate::change::{Change, Op};
use crate::error::HostError;
use crate::host::Result;

pub(super) fn change(script: &QmpScript, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    let Some(command) = script.commands.get(nth) else { return Ok(None) };
    if let Some(fd) = &command.call.fd
        && context.host.fd(fd)?.is_none()
    {
        return Err(HostError::Unfit(format!("the script sends descriptor `{fd}` before it is open")));
    }
    let undo = match &command.revert {
        Some(undo) => Op::QmpBack { command: render(undo, context)? },
        None => Op::Nothing,
    };
    let redo = Op::Qmp {
        command: render(&command.call, context)?,
        fd: command.call.fd.clone(),
        awaits: command.awaits.clone(),
    };
    Ok(Some(Change { redo, undo }))
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
    call.render(|hole| context.fill(hole).map_err(Failed::Host)).map_err(|failed| match failed {
        Failed::Host(error) => error,
        Failed::Pointer(BadPointer(pointer)) => {
            HostError::Unfit(format!("`{}` has no place `{pointer}` to fill in", call.execute))
        }
    })
}
