//! QEMU is started, and greeted on its monitor.

use virtc_plan::{Arg, Limit, MONITOR_FD, MONITOR_SOCKET, UserPolicy};

use super::Context;
use crate::change::{Change, Group, Launch, Op, User};
use crate::error::HostError;
use crate::host::Result;

pub(super) struct Wanted<'a> {
    pub argv: &'a [Arg],
    pub env: &'a [(String, String)],
    pub fds: &'a [String],
    pub user: &'a UserPolicy,
    pub memlock: Option<Limit>,
}

pub(super) fn change(wanted: &Wanted<'_>, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    match nth {
        0 => launch(wanted, context).map(Some),
        1 => {
            let path = context.dir.join(MONITOR_SOCKET);
            Ok(Some(Change { redo: Op::Connect { path, deadline_ms: context.handshake_ms }, undo: Op::Disconnect }))
        }
        _ => Ok(None),
    }
}

fn launch(wanted: &Wanted<'_>, context: &Context<'_>) -> Result<Change> {
    if !wanted.fds.iter().any(|fd| fd == MONITOR_FD) {
        return Err(HostError::Unfit(format!("the plan starts QEMU without the descriptor `{MONITOR_FD}`")));
    }
    for fd in wanted.fds {
        if context.host.fd(fd)?.is_none() {
            return Err(HostError::Unfit(format!("the plan hands descriptor `{fd}` to QEMU before it is open")));
        }
    }
    let group = context.group.clone();
    if !matches!(group, Group::Marked(_)) && !context.host.has_group(&group)? {
        return Err(HostError::Unfit("the plan starts QEMU before it makes the control group".into()));
    }
    let argv: Vec<String> = wanted.argv.iter().map(|arg| arg.fill(|hole| context.fill(hole))).collect::<Result<_>>()?;
    match argv.first() {
        Some(program) if program.starts_with('/') => {}
        Some(program) => return Err(HostError::Unfit(format!("the program `{program}` is no absolute path"))),
        None => return Err(HostError::Unfit("the plan starts nothing".into())),
    }
    let user = match wanted.user {
        UserPolicy::Qemu => context.user.cloned(),
        UserPolicy::Ids { uid, gid } => Some(User { uid: *uid, gid: *gid, groups: Vec::new() }),
    };
    let mut env = wanted.env.to_vec();
    env.push(("VIRTC_VM".into(), context.dir.display().to_string()));
    let launch = Launch {
        argv,
        env,
        fds: wanted.fds.to_vec(),
        user,
        memlock: wanted.memlock,
        group: group.clone(),
        log: context.dir.join("qemu.log"),
    };
    Ok(Change { redo: Op::Spawn(Box::new(launch)), undo: Op::Kill { group } })
}
