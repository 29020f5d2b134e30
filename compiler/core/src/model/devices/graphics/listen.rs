//! `<listen>`: where a display server waits for clients.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Spanned, words};
use crate::model::EmitContext;
use crate::xml_io::Fields;
use crate::xml_io::{Tag, XmlWriter};

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
    /// The network whose address on the host it is.
    pub network: Opt<String>,
    /// The path of a socket; absent for one in the state directory.
    pub socket: Opt<String>,
}

static ADDRESS: DefaultRule = DefaultRule {
    name: "listen-address",
    text: "a display server listens on the address that the host's configuration says",
};
static NOWHERE: DefaultRule = DefaultRule { name: "listen-none", text: "SPICE without a port listens nowhere" };

/// Sockets below it are libvirt's own: it makes a new one at each start.
const GENERATED: &str = "/var/lib/libvirt/qemu";

impl Listen {
    /// Reads `<listen>`, or the attributes of `<graphics>` that were there before it.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let (address, socket) = (f.attr::<String>("listen"), f.attr::<String>("socket"));
        let mut elements = f.children("listen").into_iter();
        let first = elements.next().and_then(|l| {
            let (kind, network, socket) = (l.attr::<ListenType>("type"), l.attr("network"), l.attr("socket"));
            let kind = kind?;
            // The address in a network is what a running domain has; it is no part of a definition.
            let keeps = f.cx().is_running() || kind.value != ListenType::Network;
            let address = l.attr("address").filter(|_| keeps);
            Some(Self { kind, address, network, socket })
        });
        for further in elements {
            let span = further.ignore_rest();
            let message = "QEMU listens at one place for each `<graphics>`";
            f.report(
                Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help("remove all but one `<listen>`"),
            );
        }
        let Some(mut listen) = first else {
            let kind = match &socket {
                Some(socket) => Spanned { value: ListenType::Socket, origin: socket.origin },
                None => {
                    Spanned { value: ListenType::Address, origin: address.origin_or(f.origin().with_rule(&ADDRESS)) }
                }
            };
            return Self { kind, address: address.filter(|_| socket.is_none()), network: None, socket }
                .without_generated();
        };
        // The attributes are older than the element, and each counts for its own type only; a socket is stronger than an address.
        let address = address.filter(|_| listen.kind.value == ListenType::Address && socket.is_none());
        let socket = match (socket, listen.kind.value) {
            (Some(socket), ListenType::Address | ListenType::Network) => {
                let kind = Spanned { value: ListenType::Socket, origin: socket.origin };
                return Self { kind, address: None, network: None, socket: Some(socket) };
            }
            (socket, kind) => socket.filter(|_| kind == ListenType::Socket),
        };
        for (name, old, new) in [("listen", address, &mut listen.address), ("socket", socket, &mut listen.socket)] {
            let Some(old) = old else { continue };
            match new {
                Some(new) if *new != old => {
                    let message = format!("`{name}` differs from the `<listen>` element, which says `{}`", new.value);
                    f.report(Diagnostic::at(&codes::CONFLICT, old.origin, message));
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
            self.kind = Spanned::rule(ListenType::Address, &ADDRESS, self.kind.origin);
        }
        self
    }

    /// It listens nowhere.
    pub fn close(&mut self) {
        self.kind = Spanned::rule(ListenType::None, &NOWHERE, self.kind.origin);
        self.address = None;
    }

    /// Whether it is of this type.
    pub fn is(&self, kind: ListenType) -> bool {
        self.kind.value == kind
    }

    /// The attribute of `<graphics>` that says the same.
    pub fn write_attribute<'w>(&self, tag: Tag<'w>) -> Tag<'w> {
        match self.kind.value {
            ListenType::Address | ListenType::Network => tag.opt("listen", &self.address),
            ListenType::Socket | ListenType::None => tag,
        }
    }

    /// Whether clients come over TCP.
    pub fn on_tcp(&self) -> bool {
        matches!(self.kind.value, ListenType::Address | ListenType::Network)
    }

    /// The address that is listened on: `default` where nothing is named.
    pub fn place<'a>(&'a self, default: &'a str, cx: &'a EmitContext<'_>) -> &'a str {
        if let Some(network) = self.network.as_ref().filter(|_| self.address.is_none()) {
            if let Some(address) = cx.facts.network(&network.value).and_then(|n| n.address.as_deref()) {
                return address;
            }
            let message = format!("the host's address in network `{}` is not known", network.value);
            let help = "name it in a host file (`--host`), under `resources.networks`, or listen at an address";
            let span = network.origin.span();
            cx.report(Diagnostic::at(&codes::HOST_FACT_NEEDED, span, message).help(help));
        }
        self.address.as_ref().map_or(default, |a| a.value.as_str())
    }

    /// Writes `<listen>`.
    pub fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("listen").attr("type", self.kind.word());
        tag.opt("address", &self.address).opt("network", &self.network).opt("socket", &self.socket).end();
    }
}
