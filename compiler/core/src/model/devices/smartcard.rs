//! `<smartcard>`: cards in a reader of the guest.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{Opt, Origin, Spanned, words};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::address::Address;
use crate::model::devices::chardev::{self, Source};
use crate::model::devices::controller::ControllerType;
use crate::model::devices::{AliasStem, Device, DeviceElement, Info, common};
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Where a card comes from.
    pub enum Mode { Host = "host", HostCertificates = "host-certificates", Passthrough = "passthrough" }
}

/// Where a card comes from.
#[derive(Debug, Clone)]
pub enum Card {
    /// A card in a reader of the host.
    Host,
    /// Three certificates of a database of the host.
    Certificates {
        /// Their names.
        names: Vec<Spanned<String>>,
        /// The database.
        database: Opt<String>,
    },
    /// A card at the other end of a character device.
    Passthrough(Box<Source>),
}

/// `<smartcard>`.
#[derive(Debug, Clone)]
pub struct Smartcard {
    /// Where the card comes from.
    pub card: Card,
    info: Info,
    origin: Origin,
}

impl Smartcard {
    fn read(f: &Fields<'_, '_>) -> Option<Self> {
        let card = match f.attr::<Mode>("mode")?.value {
            Mode::Host => Card::Host,
            Mode::HostCertificates => Card::Certificates {
                names: f.children("certificate").iter().filter_map(Fields::text).collect(),
                database: f.child_text("database"),
            },
            Mode::Passthrough => {
                let source = Source::lower(f)?;
                source.needs_path(f);
                f.without_effect(&[], &["target"], "smartcard");
                Card::Passthrough(Box::new(source))
            }
        };
        Some(Self { card, info: Info::lower(f), origin: f.origin() })
    }

    /// The character device, where the card is reached through one.
    pub fn source(&self) -> Option<&Source> {
        match &self.card {
            Card::Passthrough(source) => Some(source),
            Card::Host | Card::Certificates { .. } => None,
        }
    }
}

impl DeviceElement for Smartcard {
    const ELEMENT: &'static str = "smartcard";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        chardev::device_or_ignored(f, Self::read(f))
    }
}

impl Device for Smartcard {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("smartcard");
        match &self.card {
            Card::Host => tag.attr("mode", "host").children(|w| self.info.write(w)),
            Card::Certificates { names, database } => tag.attr("mode", "host-certificates").children(|w| {
                for name in names {
                    w.text("certificate", name);
                }
                w.opt_text("database", database);
                self.info.write(w);
            }),
            Card::Passthrough(source) => {
                tag.attr("mode", "passthrough").attr("type", source.kind.word()).children(|w| {
                    source.write(w);
                    self.info.write(w);
                });
            }
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        let span = self.origin.span();
        let mut refuse = |message: &str, span, help: &str| {
            faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
        };
        match &self.info.address {
            Some(Spanned { value: Address::Ccid { controller: 0, slot: 0 }, .. }) | None => {}
            Some(Spanned { value: Address::Ccid { .. }, .. }) => {
                refuse(
                    "there is one smartcard reader, 0, with one slot, 0",
                    span,
                    "remove the `<address>` to have one assigned",
                );
            }
            Some(other) => refuse(
                "`<smartcard>` needs an address of type `ccid`",
                other.origin.span(),
                "remove the `<address>` to have one assigned",
            ),
        }
        if let Card::Certificates { names, .. } = &self.card
            && names.len() != 3
        {
            refuse(
                "`<smartcard mode='host-certificates'>` needs three `<certificate>`",
                span,
                "add `<certificate>` until there are three",
            );
        }
        if domain.devices.smartcards.get(1).is_some_and(|second| std::ptr::eq(second, self)) {
            refuse("a guest has at most one `<smartcard>`", span, "remove one of the two");
        }
        if let Some(source) = self.source() {
            source.check(domain, faults);
        }
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("smartcard")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        let props = match &self.card {
            Card::Host => Props::new().with("driver", "ccid-card-emulated").with("backend", "nss-emulated"),
            Card::Certificates { names, database } => {
                let props = Props::new().with("driver", "ccid-card-emulated").with("backend", "certificates");
                let database = database.as_ref().map_or("/etc/pki/nssdb", |d| d.value.as_str());
                let numbered = (1..).zip(names);
                numbered.fold(props, |p, (n, name)| p.with(format!("cert{n}"), &name.value)).with("db", database)
            }
            Card::Passthrough(source) => {
                source.items_over_spice(cx, ArgSection::Smartcards, alias, "smartcard", self.origin, out);
                Props::new().with("driver", "ccid-card-passthru").with("chardev", chardev::id(alias))
            }
        };
        let reader = match &self.info.address {
            Some(Spanned { value: Address::Ccid { controller, .. }, .. }) => *controller,
            _ => 0,
        };
        let readers = &cx.domain.devices.controllers;
        let reader = readers.iter().find(|c| c.kind() == ControllerType::Ccid && c.index() == reader);
        let bus = reader.map_or_else(|| "ccid0.0".to_owned(), |c| format!("{}.0", c.info.alias()));
        out.device(ArgSection::Smartcards, props.with("id", alias).with("bus", bus), self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        match self.source() {
            Some(source) => source.host(self.info.alias(), None, self.origin, out),
            None => {
                out.refuse("smartcards and certificates of the host (`<smartcard>`)", self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn a_card_brings_its_reader() {
        let t = trial("<smartcard mode='host'/>", &["ccid"]);
        assert_eq!(t.faults, Vec::<String>::new());
        let card =
            r#"-device {"driver":"ccid-card-emulated","backend":"nss-emulated","id":"smartcard0","bus":"ccid0.0"}"#;
        assert_eq!(t.argv, [r#"-device {"driver":"usb-ccid","id":"ccid0","bus":"usb.0","port":"1"}"#, card]);
        let t = trial(&"<smartcard mode='host'/>".repeat(2), &[]);
        assert_eq!(
            t.faults,
            ["there is one smartcard reader, 0, with one slot, 0", "a guest has at most one `<smartcard>`"]
        );
    }
}
