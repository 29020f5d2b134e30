//! `<on_poweroff>`, `<on_reboot>`, `<on_crash>`.

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, words};
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// What happens when the guest powers off, reboots or crashes.
    pub enum Action {
        Destroy = "destroy", Restart = "restart", Preserve = "preserve", RenameRestart = "rename-restart", CoredumpDestroy = "coredump-destroy", CoredumpRestart = "coredump-restart",
    }
}

words! {
    /// What happens when the lock manager loses a lock.
    pub enum LockFailure { Poweroff = "poweroff", Restart = "restart", Pause = "pause", Ignore = "ignore" }
}

/// The elements `<on_…>`.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// When it powers off.
    pub on_poweroff: Opt<Action>,
    /// When it reboots.
    pub on_reboot: Opt<Action>,
    /// When it crashes.
    pub on_crash: Opt<Action>,
    /// When a lock manager loses a lock.
    pub on_lockfailure: Opt<LockFailure>,
}

static DEFAULT: DefaultRule = DefaultRule {
    name: "default-actions",
    text: "the guest is destroyed when it powers off or crashes, and restarted when it reboots",
};

impl Lifecycle {
    /// Fills in what is absent, and reports what QEMU cannot do (`qemuValidateLifecycleAction` in libvirt's
    /// `src/qemu/qemu_validate.c`).
    pub fn define(&mut self, origin: Origin, faults: &mut Diagnostics) {
        for action in [&self.on_poweroff, &self.on_reboot, &self.on_crash].into_iter().flatten() {
            if action.value == Action::RenameRestart {
                faults.refuse(action.origin, "action `rename-restart` is not supported by QEMU");
            }
        }
        for action in [&self.on_poweroff, &self.on_reboot].into_iter().flatten() {
            if action.value == Action::Preserve {
                faults.refuse(action.origin, "action `preserve` is supported for `<on_crash>` only");
            }
        }
        if let (Some(poweroff), Some(Action::Destroy)) = (&self.on_poweroff, self.on_reboot.get())
            && poweroff.value == Action::Restart
        {
            faults.refuse(
                poweroff.origin,
                "`<on_poweroff>restart</on_poweroff>` cannot be combined with `<on_reboot>destroy</on_reboot>`",
            );
        }
        self.on_poweroff.get_or_insert(Spanned::rule(Action::Destroy, &DEFAULT, origin));
        self.on_reboot.get_or_insert(Spanned::rule(Action::Restart, &DEFAULT, origin));
        self.on_crash.get_or_insert(Spanned::rule(Action::Destroy, &DEFAULT, origin));
    }
}

impl Element for Lifecycle {
    /// Reads the elements from `<domain>`.
    fn lower(f: &Fields<'_, '_>) -> Self {
        Self {
            on_poweroff: f.child_text("on_poweroff"),
            on_reboot: f.child_text("on_reboot"),
            on_crash: f.child_text("on_crash"),
            on_lockfailure: f.child_text("on_lockfailure"),
        }
    }

    /// Writes the elements.
    fn write(&self, w: &mut XmlWriter) {
        w.opt_text("on_poweroff", &self.on_poweroff);
        w.opt_text("on_reboot", &self.on_reboot);
        w.opt_text("on_crash", &self.on_crash);
        w.opt_text("on_lockfailure", &self.on_lockfailure);
    }

    /// What the runtime cannot do: it ends the VM when the guest powers off, and QEMU restarts a guest that reboots.
    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        let known = [
            (&self.on_poweroff, Action::Destroy, "`<on_poweroff>` other than `destroy`"),
            (&self.on_reboot, Action::Restart, "`<on_reboot>` other than `restart`"),
        ];
        for (wanted, does, what) in known {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| wanted.value != does) {
                out.refuse(what, wanted.origin);
            }
        }
        if let Some(lock) = &self.on_lockfailure {
            out.refuse("`<on_lockfailure>`: it has no lock manager", lock.origin);
        }
    }
}
