//! `<on_poweroff>`, `<on_reboot>`, `<on_crash>`.

use crate::emit::HostNeeds;
use crate::ir::{Opt, Rule, Spanned, words};
use crate::lower::Fields;
use crate::write::XmlWriter;

words! {
    /// What happens when the guest ends.
    pub enum Action {
        Destroy = "destroy", Restart = "restart", Preserve = "preserve", CoredumpDestroy = "coredump-destroy", CoredumpRestart = "coredump-restart",
    }
}

/// What happens when the guest ends.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// When it powers off.
    pub on_poweroff: Opt<Action>,
    /// When it reboots.
    pub on_reboot: Opt<Action>,
    /// When it crashes.
    pub on_crash: Opt<Action>,
}

static DEFAULT: Rule =
    Rule { name: "default-actions", text: "a guest that powers off or crashes is gone, one that reboots goes on" };

impl Lifecycle {
    /// Reads the elements from `<domain>`.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        Self {
            on_poweroff: f.child_text("on_poweroff"),
            on_reboot: f.child_text("on_reboot"),
            on_crash: f.child_text("on_crash"),
        }
    }

    /// Fills in what is absent.
    pub fn define(&mut self) {
        self.on_poweroff.get_or_insert(Spanned::rule(Action::Destroy, &DEFAULT));
        self.on_reboot.get_or_insert(Spanned::rule(Action::Restart, &DEFAULT));
        self.on_crash.get_or_insert(Spanned::rule(Action::Destroy, &DEFAULT));
    }

    /// What the runtime does when the guest ends: it ends the VM. QEMU itself restarts a guest that reboots.
    pub fn host(&self, out: &mut HostNeeds) {
        let known = [
            (&self.on_poweroff, Action::Destroy, "a guest that powers off is gone"),
            (&self.on_reboot, Action::Restart, "a guest that reboots goes on"),
        ];
        for (wanted, does, what) in known {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| wanted.value != does) {
                out.refuse(what, wanted.origin);
            }
        }
    }

    /// Writes the elements.
    pub fn write(&self, w: &mut XmlWriter) {
        w.opt_text("on_poweroff", &self.on_poweroff);
        w.opt_text("on_reboot", &self.on_reboot);
        w.opt_text("on_crash", &self.on_crash);
    }
}
