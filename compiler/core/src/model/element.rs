//! What each element of `<domain>` does for itself, apart from `<devices>`.

use crate::model::EmitContext;
use crate::qemu::{QemuOptions, RequirementsOf};
use crate::xml_io::{Fields, XmlWriter};

/// An element of `<domain>`, or several that belong together. What it fills in and checks are methods of its own, which
/// `define` calls in libvirt's order: they depend on one another.
pub trait Element: Sized {
    /// Reads it from `<domain>`. What is left unread is reported as not supported.
    fn lower(domain: &Fields<'_, '_>) -> Self;

    /// Writes it.
    fn write(&self, w: &mut XmlWriter);

    /// What QEMU gets.
    fn options(&self, _cx: &EmitContext<'_>, _out: &mut QemuOptions) {}

    /// What the host must do before QEMU starts.
    fn host(&self, _cx: &EmitContext<'_>, _out: &mut RequirementsOf<'_>) {}
}
