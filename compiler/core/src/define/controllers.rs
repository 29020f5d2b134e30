//! Controllers: their indexes, and their order.

use std::collections::{BTreeMap, BTreeSet};

use crate::ir::{DefaultRule, OptExt, Origin, Spanned};
use crate::model::Domain;
use crate::model::devices::controller::{Controller, ControllerType};

static NUMBERED: DefaultRule =
    DefaultRule { name: "controller-index", text: "a controller without an index gets the first free one of its type" };

/// Groups the controllers by type, in the order of their indexes, a main USB controller before its companions
/// (`virDomainControllerInsertPreAlloced` in libvirt's `src/conf/domain_conf.c`).
pub fn order(domain: &mut Domain) {
    let mut groups: Vec<(ControllerType, Vec<Controller>)> = Vec::new();
    for controller in std::mem::take(&mut domain.devices.controllers) {
        match groups.iter_mut().find(|(kind, _)| *kind == controller.kind()) {
            Some((_, group)) => group.push(controller),
            None => groups.push((controller.kind(), vec![controller])),
        }
    }
    for (_, mut group) in groups {
        if group.iter().all(|c| c.index.is_some()) {
            group.sort_by_key(|c| (c.index(), c.master.is_some()));
            domain.devices.controllers.extend(group);
        } else {
            for controller in group {
                add_controller(domain, controller);
            }
        }
    }
}

/// Gives every controller an index.
pub fn number(domain: &mut Domain) {
    let controllers = &mut domain.devices.controllers;
    let mut used: BTreeMap<ControllerType, BTreeSet<u32>> = BTreeMap::new();
    for controller in controllers.iter() {
        if let Some(index) = controller.index.get() {
            used.entry(controller.kind()).or_default().insert(index);
        }
    }
    let mut free: BTreeMap<ControllerType, u32> = BTreeMap::new();
    let mut main = None;
    for own in controllers.iter_mut() {
        let function = own.companion_function();
        if own.index.is_none() {
            // The functions of an ICH9 USB controller share the index of the EHCI controller before them.
            let part = main.filter(|_| function.is_some_and(|f| f != 7));
            let index = part.unwrap_or_else(|| {
                let used = used.entry(own.kind()).or_default();
                let next = free.entry(own.kind()).or_default();
                while !used.insert(*next) {
                    *next += 1;
                }
                *next
            });
            own.index = Some(Spanned::rule(index, &NUMBERED, own.origin));
        }
        if function == Some(7) {
            main = own.index.get();
        }
    }
}

/// Adds a controller after the others of its type, in the order of indexes.
pub fn add_controller(domain: &mut Domain, controller: Controller) {
    let list = &mut domain.devices.controllers;
    let kind = controller.kind();
    let Some(first) = list.iter().position(|c| c.kind() == kind) else { return list.push(controller) };
    let end = first + list.iter().skip(first).take_while(|c| c.kind() == kind).count();
    let own = controller.index.get();
    let later = |current: &Controller| match (current.index.get(), own) {
        (Some(theirs), Some(own)) => {
            theirs > own || theirs == own && current.master.is_some() && controller.master.is_none()
        }
        _ => false,
    };
    let place = list.iter().take(end).skip(first).position(later).map_or(end, |at| first + at);
    list.insert(place, controller);
}

/// Adds a controller of this type and index unless there is one; `true` if it was added.
pub fn ensure(domain: &mut Domain, kind: ControllerType, index: u32, origin: Origin) -> bool {
    let missing = domain.devices.controller(kind, index).is_none();
    if missing {
        add_controller(domain, Controller::added(kind, index, origin));
    }
    missing
}

/// Adds the controllers of this type with these numbers that are missing.
pub fn ensure_all(domain: &mut Domain, kind: ControllerType, indexes: impl IntoIterator<Item = u32>, origin: Origin) {
    let there = domain.devices.controllers.iter().filter(|c| c.kind() == kind).map(Controller::index);
    let there: BTreeSet<u32> = there.collect();
    for index in indexes {
        if !there.contains(&index) {
            add_controller(domain, Controller::added(kind, index, origin));
        }
    }
}
