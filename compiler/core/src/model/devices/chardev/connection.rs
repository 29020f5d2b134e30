//! Sockets: where the other end is, who connects, and whether again.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Leaf, Opt, OptExt, Spanned, YesNo, words};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Who opens a connection.
    pub enum Mode { Connect = "connect", Bind = "bind" }
}

/// `<reconnect>`: whether QEMU connects again when the other end goes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconnect {
    /// Whether it does.
    pub enabled: Spanned<YesNo>,
    /// Seconds between two attempts; there where it does.
    pub timeout: Opt<u32>,
}

/// The other end of a connection between processes of one host, or between hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection<A> {
    /// Who opens it; the other end does where nothing is said.
    pub mode: Opt<Mode>,
    /// Where it is.
    pub address: A,
    /// Whether it is opened again.
    pub reconnect: Option<Reconnect>,
}

/// Host and service of a network address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inet {
    /// A name or an address.
    pub host: Opt<String>,
    /// A number or a name.
    pub service: Opt<String>,
}

impl Mode {
    /// Who opens the connection of a source. The grammar takes any word.
    pub(super) fn lower(source: &Fields<'_, '_>) -> Opt<Self> {
        let word = source.attr::<String>("mode")?;
        let mode = Self::read(&word.value);
        if mode.is_none() {
            let message = format!("`mode='{}'` is neither `bind` nor `connect`", word.value);
            source.report(
                Diagnostic::at(&codes::BAD_VALUE, word.origin, message)
                    .help("write `mode='bind'` to listen, or `mode='connect'`"),
            );
        }
        mode.map(|value| Spanned { value, origin: word.origin })
    }
}

impl Inet {
    pub(super) fn lower(source: &Fields<'_, '_>) -> Self {
        Self { host: source.attr("host"), service: source.attr("service") }
    }
}

impl<A> Connection<A> {
    pub(super) fn lower(source: Option<&Fields<'_, '_>>, address: A) -> Self {
        let Some(source) = source else { return Self { mode: None, address, reconnect: None } };
        let connection = Self { mode: Mode::lower(source), address, reconnect: Reconnect::lower(source) };
        if let Some(reconnect) = &connection.reconnect
            && connection.mode() == Mode::Bind
        {
            reconnect_needs_connect(reconnect, &mut |d| source.report(d));
        }
        connection
    }

    /// Who opens the connection.
    pub fn mode(&self) -> Mode {
        self.mode.get().unwrap_or(Mode::Connect)
    }
}

/// Only one that connects can connect again.
pub fn reconnect_needs_connect(reconnect: &Reconnect, report: &mut dyn FnMut(Diagnostic)) {
    let span = reconnect.enabled.origin.span();
    let message = "`<reconnect>` needs `mode='connect'`, and this character device listens";
    report(Diagnostic::at(&codes::CONFLICT, span, message).help("set `mode='connect'`, or remove `<reconnect>`"));
}

impl Reconnect {
    pub(crate) fn lower(source: &Fields<'_, '_>) -> Option<Self> {
        let f = source.child("reconnect")?;
        f.without_effect(&["delay"], &[], "character device");
        let reconnect = Self { timeout: f.attr("timeout"), enabled: f.attr("enabled")? };
        if reconnect.enabled.value.is_yes() && reconnect.timeout.is_none() {
            let message = "`<reconnect>` has no `timeout`";
            f.report(
                Diagnostic::at(&codes::MISSING, f.element().span(), message)
                    .help("add the seconds between two attempts"),
            );
        }
        if let Some(timeout) = reconnect.timeout.filter(|t| t.value == 0 && reconnect.enabled.value.is_yes()) {
            let message = "`timeout` of `<reconnect>` is at least 1";
            let span = timeout.origin.span();
            f.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help("write `timeout='1'`"));
        }
        Some(reconnect)
    }

    pub(crate) fn write(this: Option<&Self>, w: &mut XmlWriter) {
        if let Some(this) = this {
            let timeout = this.timeout.filter(|_| this.enabled.value.is_yes());
            w.tag("reconnect").attr("enabled", this.enabled.value.word()).opt("timeout", &timeout).end();
        }
    }
}
