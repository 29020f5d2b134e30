//! A refused write, and a supervisor that dies before or after each write.

use std::path::Path;

use super::{DIR, VF, bytes, count, group, perform, plan, recovers, revert_all, stat, vf};
use crate::host::fake::{Fake, Fault};
use crate::host::resources::Function;
use crate::host::states::Model;
use crate::recover::{Recovered, revert_run};

#[test]
fn a_refused_write_reverts_everything() {
    let writes = count(|host| perform(host, &plan()));
    assert!(writes > 60, "{writes}");
    for at in 0..writes {
        let mut host = Fake::new();
        host.fault = Some(Fault::Refuse(at));
        let failure = perform(&mut host, &plan()).unwrap_err();
        assert_eq!((failure.exit_code(), failure.not_reverted), (3, vec![]), "write {at}");
        assert_eq!(bytes(&host), bytes(&Fake::new()), "write {at}");
    }
}

#[test]
fn a_crash_at_every_write_is_recovered() {
    for at in 0..count(|host| perform(host, &plan())) {
        for fault in [Fault::DieBefore(at), Fault::DieAfter(at)] {
            let mut host = Fake::new();
            host.fault = Some(fault);
            perform(&mut host, &plan()).unwrap_err();
            recovers(&mut host, &format!("{fault:?}"));
        }
    }
}

#[test]
fn a_crash_while_reverting_is_recovered() {
    let mut ran = Fake::new();
    perform(&mut ran, &plan()).unwrap();
    let first = ran.writes.get();
    let mut clean = Fake::new();
    perform(&mut clean, &plan()).unwrap();
    assert_eq!(revert_all(&mut clean), vec![]);
    for at in first..clean.writes.get() {
        for fault in [Fault::DieBefore(at), Fault::DieAfter(at)] {
            let mut host = Fake::new();
            perform(&mut host, &plan()).unwrap();
            host.fault = Some(fault);
            assert_ne!(revert_all(&mut host), vec![], "{fault:?}");
            recovers(&mut host, &format!("{fault:?}"));
        }
    }
}

#[test]
fn one_failed_revert_is_named_and_the_rest_goes_on() {
    let mut host = Fake::new();
    perform(&mut host, &plan()).unwrap();
    // The function is gone: its driver cannot be restored, and all else can.
    let state = vf(&host);
    host.put(&Function(&VF.parse().unwrap()), None);
    let failed = revert_all(&mut host);
    let named: Vec<&str> = failed.iter().map(|failed| failed.what.as_str()).collect();
    assert_eq!(named.len(), 3, "{named:?}");
    assert!(named.contains(&"bind 0000:03:10.0 to igbvf"), "{named:?}");
    assert!(!Model::read(&host).has_group(&group()).unwrap() && !host.has_qemu() && host.world.executed.is_empty());
    assert_eq!(stat(&host, "/disk.img"), stat(&Fake::new(), "/disk.img"));
    // Later it is there again: a second try reverts the rest.
    host.put(&Function(&VF.parse().unwrap()), state.as_ref());
    recovers(&mut host, "second try");
}

#[test]
fn a_running_qemu_is_not_touched() {
    let mut host = Fake::new();
    perform(&mut host, &plan()).unwrap();
    let before = bytes(&host);
    assert_eq!(revert_run(&mut host, Path::new(DIR), false, &mut |_| {}), Ok(Recovered::Alive { pids: vec![42] }));
    assert_eq!(bytes(&host), before);
}
