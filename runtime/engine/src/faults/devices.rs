//! Devices that are attached, updated and detached, and what several of them share.

use virtc_plan::{Action, Limit, Node, Owner, Step};

use super::{
    bind, bytes, count, device_plan, group, perform, plan, plan_without_device, planned, recovers, revert_all, vf,
    with_engine,
};
use crate::host::fake::{Fake, Fault};

#[test]
fn attach_and_detach_leave_the_host_as_it_was() {
    let mut host = Fake::new();
    perform(&mut host, &plan_without_device()).unwrap();
    let before = bytes(&host);
    let attach = |host: &mut Fake| with_engine(host, |engine| engine.attach(&device_plan(Action::Attach)))?;
    let detach = |host: &mut Fake| with_engine(host, |engine| engine.detach(&device_plan(Action::Detach)))?;
    attach(&mut host).unwrap();
    assert_eq!(vf(&host).unwrap().driver.as_deref(), Some("vfio-pci"));
    assert!(host.rules_of(&group()).contains(&"c 240:12 rw".to_owned()));
    let twice = attach(&mut host).unwrap_err();
    assert_eq!(twice.to_string(), "the VM has a device `hostdev0` already");
    // The fake's QEMU does not forget the commands; a real one did, when it emitted DEVICE_DELETED.
    let executed = host.world.executed.clone();
    host.world.executed.truncate(executed.len() - 1);
    let writes = host.writes.get();
    detach(&mut host).unwrap();
    host.world.executed.pop();
    assert_eq!(bytes(&host), before);
    assert!(host.writes.get() > writes);
    attach(&mut host).unwrap();
    recovers(&mut host, "attached twice");
}

#[test]
fn a_failed_attach_or_update_is_reverted_and_the_vm_goes_on() {
    let start = count(|host| perform(host, &plan_without_device()));
    for action in [Action::Attach, Action::Update] {
        let plan = device_plan(action);
        let change = |host: &mut Fake| {
            with_engine(
                host,
                |engine| if action == Action::Attach { engine.attach(&plan) } else { engine.update(&plan) },
            )?
        };
        let all = count(|host| {
            perform(host, &plan_without_device())?;
            change(host)
        });
        for at in start..all {
            let mut host = Fake::new();
            perform(&mut host, &plan_without_device()).unwrap();
            let before = bytes(&host);
            host.fault = Some(Fault::Refuse(at));
            assert_eq!(change(&mut host).unwrap_err().not_reverted, vec![], "write {at}");
            assert_eq!(bytes(&host), before, "write {at}");
            for fault in [Fault::DieBefore(at), Fault::DieAfter(at)] {
                let mut host = Fake::new();
                perform(&mut host, &plan_without_device()).unwrap();
                host.fault = Some(fault);
                change(&mut host).unwrap_err();
                recovers(&mut host, &format!("{fault:?}"));
            }
        }
    }
}

#[test]
fn a_device_of_the_start_is_detached_and_its_changes_are_reverted() {
    let mut without = Fake::new();
    perform(&mut without, &plan_without_device()).unwrap();
    let mut host = Fake::new();
    let mut plan = plan();
    for planned in plan.steps.iter_mut().filter(|planned| bind().contains(&planned.step)) {
        planned.device = Some("hostdev0".into());
    }
    perform(&mut host, &plan).unwrap();
    assert_eq!(vf(&host).unwrap().driver.as_deref(), Some("vfio-pci"));
    with_engine(&mut host, |engine| engine.detach(&device_plan(Action::Detach))).unwrap().unwrap();
    // The fake's QEMU remembers the commands.
    host.world.executed.clone_from(&without.world.executed);
    assert_eq!(bytes(&host), bytes(&without));
    assert_eq!(revert_all(&mut host), vec![]);
    assert_eq!(bytes(&host), bytes(&Fake::new()));
}

#[test]
fn what_devices_share_is_reverted_with_the_last() {
    let mut host = Fake::new();
    let mut plan = plan();
    plan.steps.retain(|planned| !matches!(planned.step, Step::Memlock { .. } | Step::Own { .. }));
    perform(&mut host, &plan).unwrap();
    let before = bytes(&host);
    let change = |host: &mut Fake, device: &str, action| {
        let mut plan = device_plan(action);
        plan.device = device.into();
        plan.script.commands.clear();
        let shared = [
            Step::Memlock { limit: Limit::Unlimited },
            Step::Own { node: Node::Path("/disk.img".into()), owner: Owner::Qemu },
        ];
        plan.steps = if action == Action::Attach { shared.map(planned).to_vec() } else { vec![] };
        with_engine(host, |engine| if action == Action::Attach { engine.attach(&plan) } else { engine.detach(&plan) })?
    };
    for order in [["a", "b", "c"], ["c", "b", "a"], ["b", "a", "c"]] {
        for device in ["a", "b", "c"] {
            change(&mut host, device, Action::Attach).unwrap();
        }
        let shared = bytes(&host);
        assert_ne!(shared, before);
        for (nth, device) in order.into_iter().enumerate() {
            change(&mut host, device, Action::Detach).unwrap();
            assert_eq!(bytes(&host), if nth == 2 { before.clone() } else { shared.clone() }, "{order:?} {device}");
        }
    }
    // Wherever a detach is interrupted, everything can be reverted.
    let attached = || {
        let mut host = Fake::new();
        perform(&mut host, &plan).unwrap();
        for device in ["a", "b", "c"] {
            change(&mut host, device, Action::Attach).unwrap();
        }
        host
    };
    let mut clean = attached();
    let first = clean.writes.get();
    change(&mut clean, "a", Action::Detach).unwrap();
    let last = clean.writes.get();
    recovers(&mut clean, "detached");
    for fault in (first..last).flat_map(|at| [Fault::DieBefore(at), Fault::DieAfter(at)]) {
        let mut host = attached();
        host.fault = Some(fault);
        change(&mut host, "a", Action::Detach).unwrap_err();
        recovers(&mut host, &format!("{fault:?}"));
    }
}

#[test]
fn a_group_stays_in_the_acl_until_its_last_device_leaves() {
    let mut host = Fake::new();
    let mut plan = plan();
    for planned in plan.steps.iter_mut().filter(|planned| bind().contains(&planned.step)) {
        planned.device = Some("hostdev9".into());
    }
    perform(&mut host, &plan).unwrap();
    let rule = "c 240:12 rw".to_owned();
    let has_rule = |host: &Fake| host.rules_of(&group()).contains(&rule);
    let mut more = device_plan(Action::Attach);
    more.script.commands.clear();
    more.steps.retain(|planned| matches!(planned.step, Step::Allow { .. }));
    with_engine(&mut host, |engine| engine.attach(&more)).unwrap().unwrap();
    more.action = Action::Detach;
    more.steps.clear();
    with_engine(&mut host, |engine| engine.detach(&more)).unwrap().unwrap();
    assert!(has_rule(&host));
}
