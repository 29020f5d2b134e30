//! A control group's device ACL: an eBPF program in the unified hierarchy, lists in version 1.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;

use virtc_plan::{Access, DeviceKind};

use super::{bpf, read};
use crate::acl::{AclRule, compile, program_name};
use crate::error::HostError;
use crate::group::Group;
use crate::host::Result;

/// Sets the rules of a group as a whole; `None` lifts them.
///
/// Version 1 has no way back to "everything" where the parent group is restricted itself; there the rules go with the group.
pub(in crate::host) fn set(group: &Group, rules: Option<&[AclRule]>) -> Result<()> {
    match (group, rules) {
        (Group::V2(path), rules) => set_program(path, rules),
        (Group::V1(path), Some(rules)) => set_lists(path, rules),
        (Group::V1(_), None) | (Group::ByEnvironment(_), _) => Ok(()),
    }
}

/// Whether exactly these rules are in force.
pub(in crate::host) fn is_set(group: &Group, rules: Option<&[AclRule]>) -> Result<bool> {
    match (group, rules) {
        (Group::V2(path), rules) => {
            let Some(dir) = open(path)? else { return Ok(rules.is_none()) };
            let ours: Vec<String> = ours(&dir, path)?.into_iter().map(|program| program.name).collect();
            Ok(ours == rules.map(program_name).into_iter().collect::<Vec<_>>())
        }
        (Group::V1(path), Some(rules)) => Ok(list(path)?.as_ref() == Some(&entries(rules)?)),
        (Group::V1(_), None) => Ok(true),
        (Group::ByEnvironment(_), rules) => Ok(rules.is_none()),
    }
}

fn open(path: &Path) -> Result<Option<File>> {
    match File::open(path) {
        Ok(dir) => Ok(Some(dir)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(HostError::system("open", path, e)),
    }
}

fn ours(dir: &File, path: &Path) -> Result<Vec<bpf::Attached>> {
    let all = bpf::attached(dir.as_fd()).map_err(|e| HostError::system("query the device programs of", path, e))?;
    Ok(all.into_iter().filter(|program| program.name.starts_with("virtc_")).collect())
}

fn set_program(path: &Path, rules: Option<&[AclRule]>) -> Result<()> {
    let Some(dir) = open(path)? else {
        return if rules.is_none() { Ok(()) } else { Err(HostError::system("open", path, "no such control group")) };
    };
    let mut former = ours(&dir, path)?.into_iter();
    if let Some(rules) = rules {
        let name = program_name(rules);
        let replaced = former.next();
        if replaced.as_ref().is_none_or(|old| old.name != name) {
            let code = compile(rules).ok_or_else(|| HostError::Unsuitable("a device rule has no numbers".into()))?;
            let fail = |what: &str, e: &dyn std::fmt::Display| HostError::system(what, path, e);
            let program = bpf::load(&code, &name)
                .map_err(|(e, log)| fail("load the device program of", &format!("{e} {log}").trim_end()))?;
            bpf::attach(dir.as_fd(), &program, replaced.as_ref().map(|old| &old.program))
                .map_err(|e| fail("attach the device program to", &e))?;
        }
    }
    for surplus in former {
        bpf::detach(dir.as_fd(), &surplus.program)
            .map_err(|e| HostError::system("detach the device program from", path, e))?;
    }
    Ok(())
}

/// An entry of version 1: kind and numbers as written, and what is allowed. The kernel merges entries with the same numbers, and so does this.
type Entries = BTreeMap<String, Access>;

fn join(entries: &mut Entries, key: String, access: Access) {
    let sum = entries.entry(key).or_default();
    *sum = Access { read: sum.read | access.read, write: sum.write | access.write, mknod: sum.mknod | access.mknod };
}

fn entries(rules: &[AclRule]) -> Result<Entries> {
    let mut out = Entries::new();
    for rule in rules {
        let AclRule::Number { kind, major, minor, access } = rule else {
            return Err(HostError::Unsuitable("a device rule has no numbers".into()));
        };
        // The rule without its access.
        let kind: DeviceKind = *kind;
        let bare = AclRule::Number { kind, major: *major, minor: *minor, access: Access::default() };
        join(&mut out, bare.to_string().trim_end().to_owned(), *access);
    }
    Ok(out)
}

/// The entries of `devices.list`; `None` for "everything".
fn list(path: &Path) -> Result<Option<Entries>> {
    let path = path.join("devices.list");
    let text = read::text(&path)?.ok_or_else(|| HostError::system("read", &path, "no such file"))?;
    let mut out = Entries::new();
    for line in text.lines() {
        if line.starts_with('a') {
            return Ok(None);
        }
        let Some((key, access)) = line.rsplit_once(' ') else { continue };
        let has = |letter| access.contains(letter);
        join(&mut out, key.to_owned(), Access { read: has('r'), write: has('w'), mknod: has('m') });
    }
    Ok(Some(out))
}

fn set_lists(path: &Path, rules: &[AclRule]) -> Result<()> {
    let write = |file: &str, line: &str| {
        let file = path.join(file);
        let written = OpenOptions::new().write(true).open(&file).and_then(|mut open| open.write_all(line.as_bytes()));
        written.map_err(|e| HostError::system(&format!("write `{line}` to"), &file, e))
    };
    let wanted = entries(rules)?;
    let now = list(path)?;
    if now.is_none() {
        write("devices.deny", "a")?;
    }
    let now = now.unwrap_or_default();
    let less = |a: Access, b: Access| Access {
        read: a.read && !b.read,
        write: a.write && !b.write,
        mknod: a.mknod && !b.mknod,
    };
    for (file, from, without) in [("devices.deny", &now, &wanted), ("devices.allow", &wanted, &now)] {
        for (key, access) in from {
            let rest = less(*access, without.get(key).copied().unwrap_or_default());
            if rest != Access::default() {
                write(file, &format!("{key} {rest}"))?;
            }
        }
    }
    Ok(())
}
