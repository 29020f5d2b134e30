//! QEMU is started, and its monitor connected.

use virtc_plan::{Arg, Limit, MONITOR_FD, MONITOR_SOCKET, UserPolicy};

use super::Context;
use crate::change::Change;
use crate::error::HostError;
use crate::group::Group;
use crate::host::Result;
use crate::host::operations::{Connect, Disconnect, Kill, Spawn};
use crate::host::resources::User;

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
            Ok(Some(Change::new(Connect { path, deadline_ms: context.handshake_ms }, Disconnect {})))
        }
        _ => Ok(None),
    }
}

fn launch(wanted: &Wanted<'_>, context: &Context<'_>) -> Result<Change> {
    if !wanted.fds.iter().any(|fd| fd == MONITOR_FD) {
        return Err(HostError::Unsuitable(format!("the plan starts QEMU without the descriptor `{MONITOR_FD}`")));
    }
    for fd in wanted.fds {
        if context.host.fd(fd)?.is_none() {
            return Err(HostError::Unsuitable(format!("the plan passes descriptor `{fd}` to QEMU before it is open")));
        }
    }
    let group = context.group.clone();
    if !matches!(group, Group::ByEnvironment(_)) && !context.host.has_group(&group)? {
        return Err(HostError::Unsuitable("the plan starts QEMU before it makes the control group".into()));
    }
    let argv: Vec<String> =
        wanted.argv.iter().map(|arg| arg.fill(|placeholder| context.fill(placeholder))).collect::<Result<_>>()?;
    match argv.first() {
        Some(program) if program.starts_with('/') => {}
        Some(program) => return Err(HostError::Unsuitable(format!("the program `{program}` is not an absolute path"))),
        None => return Err(HostError::Unsuitable("the plan starts nothing".into())),
    }
    let user = match wanted.user {
        UserPolicy::Qemu => context.user.cloned(),
        UserPolicy::Ids { uid, gid } => Some(User { uid: *uid, gid: *gid, groups: Vec::new() }),
    };
    let mut env = wanted.env.to_vec();
    env.push(("VIRTC_VM".into(), context.dir.display().to_string()));
    let spawn = Spawn {
        argv,
        env,
        fds: wanted.fds.to_vec(),
        user,
        memlock: wanted.memlock,
        group: group.clone(),
        log: context.dir.join("qemu.log"),
    };
    Ok(Change::new(spawn, Kill { group }))
}
