//! Controllers: their numbers, and where added ones stand among the others.

use crate::devices::controller::{Controller, ControllerType};
use crate::domain::Domain;
use crate::ir::{Rule, Spanned};

static NUMBERED: Rule =
    Rule { name: "controller-index", text: "a controller without an index gets the first free one of its type" };

/// Puts the controllers of each type in the order of their indexes, a main USB controller before its companions.
pub fn order(domain: &mut Domain) {
    for controller in std::mem::take(&mut domain.devices.controllers) {
        add_controller(domain, controller);
    }
}

/// Gives every controller an index.
pub fn number(domain: &mut Domain) {
    let controllers = &mut domain.devices.controllers;
    for at in 0..controllers.len() {
        let Some(own) = controllers.get(at) else { continue };
        if own.index.is_some() {
            continue;
        }
        // The parts of an ICH9 USB controller have the index of their first part.
        let kind = own.kind();
        let used =
            |n: u32| controllers.iter().any(|c| c.kind() == kind && c.index.as_ref().is_some_and(|i| i.value == n));
        let part = own.companion_function().is_some_and(|f| f != 7);
        let main =
            controllers.iter().take(at).rfind(|c| c.companion_function() == Some(7)).and_then(|c| c.index.as_ref());
        let index = match main {
            Some(index) if part => index.value,
            _ => (0..u32::MAX).find(|n| !used(*n)).unwrap_or(0),
        };
        if let Some(own) = controllers.get_mut(at) {
            own.index = Some(Spanned::rule(index, &NUMBERED));
        }
    }
}

/// Adds a controller behind the others of its type, in the order of indexes.
pub fn add_controller(domain: &mut Domain, controller: Controller) {
    let list = &mut domain.devices.controllers;
    let mut place = None;
    for (at, current) in list.iter().enumerate().rev() {
        if current.kind() == controller.kind() {
            let (theirs, own) = (current.index.as_ref().map(|i| i.value), controller.index.as_ref().map(|i| i.value));
            let later = match (theirs, own) {
                (Some(theirs), Some(own)) => {
                    theirs > own || theirs == own && current.master.is_some() && controller.master.is_none()
                }
                _ => false,
            };
            if later {
                place = Some(at);
            } else if place.is_none() {
                place = Some(at + 1);
            }
        }
    }
    let end = list.len();
    list.insert(place.unwrap_or(end).min(end), controller);
}

/// Adds a controller of this type and index unless there is one; `true` where it was added.
pub fn ensure(domain: &mut Domain, kind: ControllerType, index: u32, rule: &'static Rule) -> bool {
    if domain.devices.controllers.iter().any(|c| c.kind() == kind && c.index() == index) {
        return false;
    }
    add_controller(domain, Controller::added(kind, index, rule));
    true
}
