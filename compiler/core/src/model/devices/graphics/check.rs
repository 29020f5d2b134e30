//! Displays that cannot be, or not together.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{OptExt, YesNo};
use crate::model::Domain;
use crate::model::devices::audio::Audio;
use crate::model::devices::graphics::{Graphics, GraphicsType, Server};

/// Which types can be combined (libvirt's `src/qemu/qemu_validate.c`).
pub(super) fn check(graphics: &Graphics, domain: &Domain, faults: &mut Diagnostics) {
    let list = &domain.devices.graphics;
    let kind = graphics.kind();
    let has = |kind| list.iter().any(|g| g.kind() == kind);
    let mut fault = |message: String, help| {
        let span = graphics.origin.span();
        faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
    };
    if list.iter().find(|g| g.kind() == kind).is_some_and(|first| !std::ptr::eq(first, graphics)) {
        fault(format!("there is a `<graphics>` of type `{}` already", kind.word()), "QEMU takes one of each type");
    }
    let on_bus = |g: &Graphics| matches!(&g.server, Server::Dbus(dbus) if !dbus.is_p2p());
    if kind == GraphicsType::Rdp && !list.iter().any(on_bus) {
        let help = "add `<graphics type='dbus'/>`";
        fault("an RDP server shows a display on D-Bus, and the guest has none".to_owned(), help);
    }
    let audio = match &graphics.server {
        Server::Vnc(vnc) => vnc.audio,
        Server::Dbus(dbus) => dbus.audio,
        Server::Sdl(_) | Server::Spice(_) | Server::EglHeadless(_) | Server::Rdp(_) => None,
    };
    if let Some(id) = audio.filter(|id| Audio::find(domain, Some(id.value)).is_none()) {
        fault(format!("there is no `<audio>` with the id {}", id.value), "add it, or remove `<audio>` here");
    }
    if kind == GraphicsType::Vnc && domain.devices.audios.is_empty() {
        let help = "add `<audio id='1' type='none'/>`, or put this `<graphics>` after the one of type `sdl`";
        fault("VNC plays the guest's sound, and there is no `<audio>`".to_owned(), help);
    }
    if let Server::Vnc(vnc) = &graphics.server
        && vnc.password.text.as_ref().is_some_and(|p| p.len() > 8)
    {
        fault("a password of VNC has 8 characters at most".to_owned(), "shorten it: VNC would pass over the rest");
    }
    if let Server::Spice(spice) = &graphics.server
        && spice.gl.as_ref().is_some_and(|(enable, _)| enable.is(&YesNo::Yes))
        && has(GraphicsType::EglHeadless)
    {
        fault("QEMU has one display with OpenGL".to_owned(), "remove `<gl>`, or type `egl-headless`");
    }
    if let Server::Rdp(rdp) = &graphics.server
        && !rdp.listen.on_tcp()
    {
        fault("an RDP server listens at an address".to_owned(), "use `<listen type='address'/>`");
    }
    if let Server::Dbus(dbus) = &graphics.server
        && let Some(audio) = dbus.audio.get().and_then(|id| Audio::find(domain, Some(id)))
        && !audio.is_dbus()
    {
        fault("the audio of a display on D-Bus is of type `dbus`".to_owned(), "set `type='dbus'` on the `<audio>`");
    }
    if has(GraphicsType::EglHeadless)
        && !matches!(kind, GraphicsType::EglHeadless | GraphicsType::Vnc | GraphicsType::Spice)
        && (has(GraphicsType::Vnc) || has(GraphicsType::Spice))
    {
        fault(format!("type `egl-headless` does not render for type `{}`", kind.word()), "remove one of them");
    }
    let serves = list.len() == 1 || has(GraphicsType::Vnc) || has(GraphicsType::Spice);
    if kind == GraphicsType::EglHeadless && !serves {
        fault(
            "type `egl-headless` does not go with this type of `<graphics>`".to_owned(),
            "use it with `vnc` or `spice`",
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn what_does_not_fit_is_refused() {
        for (devices, fault) in [
            ("<graphics type='vnc' passwd='123456789'/>", "a password of VNC has 8 characters at most"),
            ("<graphics type='vnc'><audio id='7'/></graphics>", "there is no `<audio>` with the id 7"),
            (
                "<graphics type='spice' port='5901'><gl enable='yes' rendernode='/r'/></graphics>\
                 <graphics type='egl-headless'><gl rendernode='/r'/></graphics>",
                "QEMU has one display with OpenGL",
            ),
            (
                "<graphics type='dbus'/><graphics type='rdp'><listen type='none'/></graphics>",
                "an RDP server listens at an address",
            ),
            ("<audio id='1' type='spice'/>", "this needs `<graphics type='spice'>`, which the guest does not have"),
            ("<audio id='1' type='none'/><audio id='1' type='none'/>", "two `<audio>` have the id 1"),
        ] {
            assert_eq!(trial(devices, &[]).faults, [fault], "{devices}");
        }
    }
}
