//! `<listen>`: where a display server waits for clients.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, OptExt, Rule, Spanned, words};
use crate::lower::Fields;
use crate::write::{Tag, XmlWriter};

words! {
    /// Where a display server waits for clients.
    pub enum ListenType { Address = "address", Network = "network", Socket = "socket", None = "none" }
}

/// `<listen>`.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Where.
    pub kind: Spanned<ListenType>,
    /// An IP address or a name; absent where the host's configuration says it.
    pub address: Opt<String>,
    /// The host's network that has the address.
    pub network: Opt<String>,
    /// The path of a socket; absent for one in the state directory.
    pub socket: Opt<String>,
}

static ADDRESS: Rule =
    Rule { name: "listen-address", text: "a display server listens on the address that the host's configuration says" };
static NOWHERE: Rule = Rule { name: "listen-none", text: "SPICE without a port listens nowhere" };

/// Sockets below it are libvirt's own: it makes a new one at each start.
const GENERATED: &str = "/var/lib/libvirt/qemu";

impl Listen {
    /// Reads `<listen>`, or the attributes of `<graphics>` that were there before it.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let (address, socket) = (f.attr::<String>("listen"), f.attr::<String>("socket"));
        let mut elements = f.children("listen").into_iter();
        let first = elements.next().and_then(|l| {
            let (kind, address, socket) = (l.attr::<ListenType>("type"), l.attr("address"), l.attr("socket"));
            // The address in a network is found at each start.
            let is_found = kind.is(&ListenType::Network) && !f.cx().is_running();
            Some(Self { address: address.filter(|_| !is_found), network: l.attr("network"), kind: kind?, socket })
        });
        for further in elements {
            let span = further.keep();
            f.cx().unsupported(span, "a second `<listen>`");
        }
        let Some(mut listen) = first else {
            let kind = match &socket {
                Some(socket) => Spanned { value: ListenType::Socket, origin: socket.origin },
                None => {
                    Spanned { value: ListenType::Address, origin: address.origin_or(crate::ir::Origin::Rule(&ADDRESS)) }
                }
            };
            let address = address.filter(|_| socket.is_none());
            return Self { kind, address, network: None, socket }.without_generated();
        };
        for (name, old, new) in [("listen", address, &mut listen.address), ("socket", socket, &mut listen.socket)] {
            let Some(old) = old else { continue };
            match new {
                Some(new) if *new != old => {
                    let message = format!("`{name}` differs from the `<listen>` element, which says `{}`", new.value);
                    f.report(Diagnostic::new(&codes::CONFLICT, old.origin.span().unwrap_or_default(), message));
                }
                Some(_) => {}
                None => *new = Some(old),
            }
        }
        listen
    }

    /// A socket that libvirt made for an earlier start gives way to the default (`qemuDomainRecheckInternalPaths` in its
    /// `src/qemu/qemu_postparse.c`).
    fn without_generated(mut self) -> Self {
        if self.socket.as_ref().is_some_and(|s| s.starts_with(GENERATED)) {
            self.socket = None;
            self.kind = Spanned::rule(ListenType::Address, &ADDRESS);
        }
        self
    }

    /// It listens nowhere.
    pub fn close(&mut self) {
        self.kind = Spanned::rule(ListenType::None, &NOWHERE);
        self.address = None;
    }

    /// Whether it is of this type; the address in a network is an address.
    pub fn is(&self, kind: ListenType) -> bool {
        self.kind.value == kind || kind == ListenType::Address && self.kind.value == ListenType::Network
    }

    /// The attribute of `<graphics>` that says the same.
    pub fn write_attribute<'w>(&self, tag: Tag<'w>) -> Tag<'w> {
        match self.kind.value {
            ListenType::Address | ListenType::Network => tag.opt("listen", &self.address),
            ListenType::Socket | ListenType::None => tag,
        }
    }

    /// Writes `<listen>`.
    pub fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("listen").attr("type", self.kind.word());
        tag.opt("address", &self.address).opt("network", &self.network).opt("socket", &self.socket).end();
    }
}
