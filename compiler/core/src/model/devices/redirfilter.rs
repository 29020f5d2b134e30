//! `<redirfilter>`: which USB devices may come over the network.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{Leaf, Opt, OptExt, Origin, Spanned, YesNo};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::{AliasStem, Device, DeviceElement, Info, common};
use crate::qemu::QemuOptions;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// A number that matches, `None` where any does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match(Option<u16>);

impl Leaf for Match {
    const EXPECTED: &str = "a number, or `-1` for any";
    fn read(text: &str) -> Option<Self> {
        if text == "-1" {
            return Some(Self(None));
        }
        u16::from_str_radix(text.trim_start_matches("0x"), 16).ok().map(|n| Self(Some(n)))
    }
    fn show(&self) -> String {
        self.0.map_or_else(|| "-1".to_owned(), |n| format!("{n:#06X}").replacen("0X", "0x", 1))
    }
}

/// A version of USB such as `1.10`, as two bytes in which each digit has four bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(Option<u16>);

impl Leaf for Version {
    const EXPECTED: &str = "a version such as `1.10`, or `-1` for any";
    fn read(text: &str) -> Option<Self> {
        if text == "-1" {
            return Some(Self(None));
        }
        let (major, minor) = text.split_once('.')?;
        let digits = |text: &str| u16::from_str_radix(text, 16).ok().filter(|n| *n < 0x100);
        // `1.1` means 1.10.
        let minor = if minor.len() == 1 { digits(minor)? << 4 } else { digits(minor)? };
        Some(Self(Some(digits(major)? << 8 | minor)))
    }
    fn show(&self) -> String {
        self.0.map_or_else(|| "-1".to_owned(), |n| format!("{:x}.{:02x}", n >> 8, n & 0xff))
    }
}

/// `<usbdev>`: a rule; the first that matches holds.
#[derive(Debug, Clone)]
pub struct UsbRule {
    class: Opt<Match>,
    vendor: Opt<Match>,
    product: Opt<Match>,
    version: Opt<Version>,
    allow: Spanned<YesNo>,
}

/// `<redirfilter>`.
#[derive(Debug, Clone)]
pub struct Redirfilter {
    /// The rules, in order.
    pub rules: Vec<UsbRule>,
    info: Info,
    origin: Origin,
}

impl Redirfilter {
    /// QEMU's text for the rules.
    pub fn text(&self) -> String {
        let any = || "-1".to_owned();
        let number = |n: &Opt<Match>| n.as_ref().map_or_else(any, |n| n.show());
        let rule = |rule: &UsbRule| {
            let class = rule.class.get().and_then(|c| c.0).map_or_else(any, |c| format!("0x{c:02X}"));
            let version = rule.version.get().and_then(|v| v.0).map_or_else(any, |v| format!("0x{v:04X}"));
            let allow = u8::from(rule.allow.value.is_yes());
            format!("{class}:{}:{}:{version}:{allow}", number(&rule.vendor), number(&rule.product))
        };
        self.rules.iter().map(rule).collect::<Vec<_>>().join("|")
    }
}

impl DeviceElement for Redirfilter {
    const ELEMENT: &'static str = "redirfilter";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let rule = |r: &Fields<'_, '_>| {
            let (class, vendor, product, version) =
                (r.attr("class"), r.attr("vendor"), r.attr("product"), r.attr("version"));
            Some(UsbRule { class, vendor, product, version, allow: r.attr("allow")? })
        };
        let rules = f.children("usbdev").iter().filter_map(rule).collect();
        Some(Self { rules, info: Info::default(), origin: f.origin() })
    }
}

impl Device for Redirfilter {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        if self.rules.is_empty() {
            return;
        }
        w.tag("redirfilter").children(|w| {
            for rule in &self.rules {
                let class = rule.class.get().and_then(|c| c.0).map(|c| format!("0x{c:02X}"));
                let tag = w.tag("usbdev");
                let tag = match class {
                    Some(class) => tag.attr("class", &class),
                    None => tag,
                };
                let known = |n: &Opt<Match>| n.filter(|n| n.0.is_some());
                let tag = tag.opt("vendor", &known(&rule.vendor)).opt("product", &known(&rule.product));
                let version = rule.version.filter(|v| v.0.is_some());
                tag.opt("version", &version).attr("allow", rule.allow.word()).end();
            }
        });
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        if domain.devices.redirfilters.first().is_some_and(|first| !std::ptr::eq(first, self)) {
            let span = self.origin.span();
            faults.push(Diagnostic::at(&codes::CONFLICT, span, "there are two `<redirfilter>`").help("keep one"));
        }
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("redirfilter")
    }

    /// Each redirected device carries the rules.
    fn options(&self, _cx: &EmitContext<'_>, _out: &mut QemuOptions) {}
}
