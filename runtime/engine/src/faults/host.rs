//! What is on the host before and after a run, and a dry run on it.

use std::path::Path;

use virtc_plan::{Owner, SocketPlace, Step};

use super::{DIR, VARS, bytes, listen, perform, plan, planned, revert_all, stat};
use crate::config::RunConfig;
use crate::host::fake::Fake;
use crate::host::operations::{BindDriver, HostOp};
use crate::host::resources::{FileAt, Kind, Stat};
use crate::host::states::Model;
use crate::journal::Journal;

#[test]
fn what_the_guest_wrote_stays() {
    let mut host = Fake::new();
    perform(&mut host, &plan()).unwrap();
    let vars = stat(&host, VARS).unwrap();
    assert_eq!((vars.uid, vars.gid, vars.mode), (64, 65, 0o600), "they belong to QEMU's user");
    let log = FileAt(Path::new("/vm.log"));
    let written = Stat { kind: Kind::File, ..stat(&host, "/vm.log").unwrap() };
    host.put(&log, Some(&written));
    assert_eq!(revert_all(&mut host), vec![]);
    assert!(stat(&host, "/vm.log").is_some() && stat(&host, VARS).is_some());
    host.put(&log, None);
    assert_eq!(bytes(&host), bytes(&Fake::new()));
}

#[test]
fn what_is_in_the_way_is_refused_and_stays() {
    let copy =
        |from: Option<&str>| Step::CopyFile { from: from.map(Into::into), to: "/other.fd".into(), owner: Owner::Qemu };
    let refused = [
        (listen("a", SocketPlace::Path("/run/busy.sock".into())), "a process listens at /run/busy.sock already"),
        (listen("a", SocketPlace::Path("/disk.img".into())), "/disk.img exists already, and is not a socket"),
        (listen("a", SocketPlace::Private("journal".into())), "`journal` cannot be a file name in the VM's directory"),
        (listen("a", SocketPlace::Private("../b".into())), "`../b` cannot be a file name in the VM's directory"),
        (copy(None), "/other.fd does not exist, and there is no template for it"),
        (copy(Some("/no.fd")), "/other.fd does not exist, and neither does its template /no.fd"),
    ];
    for (step, why) in refused {
        let mut host = Fake::new();
        let mut plan = plan();
        plan.steps.insert(3, planned(step));
        let failure = perform(&mut host, &plan).unwrap_err();
        assert_eq!((failure.cause.to_string().as_str(), failure.not_reverted), (why, vec![]));
        assert_eq!(bytes(&host), bytes(&Fake::new()));
    }
}

#[test]
fn a_dry_run_says_what_a_run_does_and_writes_nothing() {
    let mut host = Fake::new();
    let dry = crate::dry_run::over(&plan(), Path::new(DIR), &RunConfig::default(), Model::read(&host)).unwrap();
    assert_eq!((host.writes.get(), bytes(&host)), (0, bytes(&Fake::new())));
    perform(&mut host, &plan()).unwrap();
    let journal = Journal::read(&mut host).unwrap().unwrap();
    let mut made: Vec<HostOp> = journal.not_reverted().map(|(_, recorded)| recorded.change.apply.clone()).collect();
    made.reverse();
    assert_eq!(made.len(), dry.len());
    let words: Vec<String> = dry.iter().map(|dry| dry.change.apply.describe()).collect();
    let differ: Vec<&String> =
        words.iter().zip(&made).filter(|(dry, made)| **dry != made.describe()).map(|(dry, _)| dry).collect();
    // What cannot be known yet, and nothing else, differs, and has a name.
    assert!(differ.iter().all(|words| words.contains('{')), "{differ:#?}");
    assert!(differ.iter().any(|words| words.contains("{numbers of /dev/vfio/12}")), "{differ:#?}");
    assert!(differ.iter().any(|words| words.contains("{fd:monitor}")), "{differ:#?}");
    for op in &made {
        // What the plan made last is what the host shows, except where a later step changed it.
        let is_passed_on = matches!(
            op,
            HostOp::BindDriver(BindDriver { driver: None, .. })
                | HostOp::SetDeviceAcl(_)
                | HostOp::Open(_)
                | HostOp::Listen(_)
                | HostOp::MakeTap(_)
        );
        assert!(is_passed_on || op.operation().verify(&host, false).unwrap(), "{op:?}");
    }
}
