//! `<seclabel>` of a domain: its labels for the host's security drivers (`selinux`, `apparmor`, `dac`).

use virtc_diag::Diagnostics;

use crate::codes::{self, Report as _};
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Whether libvirt or the user chooses the label.
    pub enum LabelType { Dynamic = "dynamic", Static = "static", None = "none" }
}

/// `<seclabel>`.
#[derive(Debug, Clone)]
pub struct Seclabel {
    kind: Spanned<LabelType>,
    model: Opt<String>,
    relabel: Opt<YesNo>,
    label: Opt<String>,
    image: Opt<String>,
    base: Opt<String>,
    origin: Origin,
}

static DYNAMIC: DefaultRule = DefaultRule {
    name: "seclabel-dynamic",
    text: "a `<seclabel>` without a type is `dynamic`: the security driver chooses the label",
};
static MODEL: DefaultRule = DefaultRule {
    name: "seclabel-model",
    text: "a `<seclabel>` without a model is for the host's security driver, which is `none`",
};
static RELABEL: DefaultRule = DefaultRule {
    name: "seclabel-relabel",
    text: "files are relabelled for a `dynamic` label, and not for a `static` one",
};

impl Seclabel {
    /// Fills in what is absent, and reports two labels of one model.
    pub fn define(labels: &mut [Self], faults: &mut Diagnostics) {
        let many = labels.len() > 1;
        for label in labels.iter_mut() {
            if label.model.is_none() && many {
                let message = "this `<seclabel>` needs a `model`, since there are several";
                faults.add_with(
                    &codes::MISSING,
                    label.origin,
                    message,
                    "add `model='selinux'`, `model='apparmor'` or `model='dac'`",
                );
            }
            if label.model.is(&"none".to_owned()) {
                label.kind.value = LabelType::None;
            }
        }
        let mut seen: Vec<String> = Vec::new();
        for label in labels {
            if label.model.is_none() && label.kind.value == LabelType::Dynamic {
                // The host's security driver, `none`, has no labels.
                label.kind = Spanned::rule(LabelType::None, &MODEL, label.origin);
            }
            let model = label.model.get_or_insert(Spanned::rule("none".to_owned(), &MODEL, label.origin)).value.clone();
            let relabel = match label.kind.value {
                LabelType::Dynamic => Some(YesNo::Yes),
                LabelType::Static => Some(YesNo::No),
                LabelType::None => None,
            };
            match relabel {
                Some(relabel) => drop(label.relabel.get_or_insert(Spanned::rule(relabel, &RELABEL, label.origin))),
                None => label.relabel = None,
            }
            if label.kind.value == LabelType::Static && label.label.is_none() {
                faults.add(&codes::MISSING, label.origin, "`<seclabel type='static'>` needs a `<label>`");
            }
            if seen.contains(&model) {
                faults.conflict(label.origin, format!("two `<seclabel>` elements for model `{model}`"));
            }
            seen.push(model);
        }
    }

    /// Whether it forbids labels of this model for the sources of devices.
    pub fn forbids(&self, model: Option<&str>) -> bool {
        self.relabel.is(&YesNo::No) && self.model.as_ref().map(|m| m.value.as_str()) == model
    }

    /// Writes `<seclabel>`.
    fn write(&self, w: &mut XmlWriter) {
        if matches!(self.kind.origin, Origin::Rule(rule, _) if std::ptr::eq(rule, &raw const DYNAMIC)) {
            // libvirt does not store a `<seclabel>` without a type.
            return;
        }
        let tag = w.tag("seclabel").attr("type", self.kind.word()).opt("model", &self.model);
        tag.opt("relabel", &self.relabel).children(|w| {
            w.opt_text("label", &self.label);
            w.opt_text("imagelabel", &self.image);
            w.opt_text("baselabel", &self.base);
        });
    }

    /// The runtime does not support labels.
    fn host(&self, out: &mut RequirementsOf<'_>) {
        if self.kind.value != LabelType::None && !self.model.is(&"none".to_owned()) {
            out.refuse("SELinux/AppArmor labels (`<seclabel>`)", self.origin);
        }
    }
}

impl Element for Vec<Seclabel> {
    /// Reads all labels of `<domain>`.
    fn lower(f: &Fields<'_, '_>) -> Self {
        let read = |f: &Fields<'_, '_>| {
            let kind = f.attr("type").unwrap_or_else(|| Spanned::rule(LabelType::Dynamic, &DYNAMIC, f.origin()));
            let (label, image) = (f.child_text("label"), f.child_text("imagelabel"));
            // The labels that a driver chose are part of a running domain, not of a definition.
            let given = kind.value == LabelType::Static;
            Seclabel {
                kind,
                model: f.attr("model"),
                relabel: f.attr("relabel"),
                label: label.filter(|_| given),
                image: image.filter(|_| given),
                base: f.child_text("baselabel"),
                origin: f.origin(),
            }
        };
        f.children("seclabel").iter().map(read).collect()
    }

    fn write(&self, w: &mut XmlWriter) {
        for label in self {
            label.write(w);
        }
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        for label in self {
            label.host(out);
        }
    }
}
