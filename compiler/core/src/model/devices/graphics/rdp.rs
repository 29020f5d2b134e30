//! RDP: a program of its own shows the display that QEMU has on D-Bus.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, OptExt, YesNo};
use crate::model::Defaults;
use crate::model::devices::graphics::{Listen, Password};
use crate::xml_io::Fields;
use crate::xml_io::Tag;

/// An RDP server.
#[derive(Debug, Clone)]
pub struct Rdp {
    /// The port; 0 and -1 for a free one.
    pub port: Opt<i32>,
    /// Whether a free port is taken.
    pub autoport: Opt<YesNo>,
    /// Whether a new client displaces the one before.
    pub replace_user: Opt<YesNo>,
    /// Whether several clients can connect.
    pub multi_user: Opt<YesNo>,
    /// The name that a client gives.
    pub username: Opt<String>,
    /// Who may connect.
    pub password: Password,
    /// Where it listens.
    pub listen: Listen,
}

impl Rdp {
    pub(super) fn lower(f: &Fields<'_, '_>) -> Self {
        Self {
            port: f.attr("port"),
            autoport: f.attr("autoport"),
            replace_user: f.attr("replaceUser"),
            multi_user: f.attr("multiUser"),
            username: f.attr("username"),
            password: Password::lower(f),
            listen: Listen::lower(f),
        }
    }

    pub(super) fn define(&self, defaults: &mut Defaults<'_>) {
        for (given, name) in [(&self.replace_user, "replaceUser"), (&self.multi_user, "multiUser")] {
            if let Some(given) = given.as_ref().filter(|g| g.value.is_yes()) {
                let message = format!("the RDP server for QEMU has no `{name}`");
                let span = given.origin.span();
                defaults.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message));
            }
        }
    }

    pub(super) fn write(&self, tag: Tag<'_>) {
        let auto = self.autoport.is(&YesNo::Yes);
        let tag = match self.port.get().filter(|p| *p != 0 && *p != -1) {
            Some(port) => tag.attr("port", &port.to_string()),
            None if auto => tag.attr("port", "0"),
            None => tag,
        };
        let yes = |value: &Opt<YesNo>| value.filter(|v| v.value.is_yes());
        let tag = tag.opt("autoport", &yes(&self.autoport)).opt("replaceUser", &yes(&self.replace_user));
        let tag = self.listen.write_attribute(tag.opt("multiUser", &yes(&self.multi_user)));
        self.password.write(tag.opt("username", &self.username)).children(|w| self.listen.write(w));
    }
}
