//! `<seclabel>` of a source: the label of one file, socket or device, in place of the domain's.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, YesNo};
use crate::model::Domain;
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// One `<seclabel>`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SourceLabel {
    model: Opt<String>,
    relabel: Opt<YesNo>,
    skip: Opt<YesNo>,
    label: Opt<String>,
    origin: Origin,
}

/// All labels of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceLabels(Vec<SourceLabel>);

impl SourceLabel {
    fn relabels(&self) -> bool {
        !self.relabel.is(&YesNo::No)
    }

    fn is_of(&self, model: &str) -> bool {
        self.model.as_ref().is_some_and(|m| m.value == model)
    }
}

impl SourceLabels {
    /// Reads the labels of the source `f` (`virSecurityDeviceLabelDefParseXML` in libvirt's `src/conf/domain_conf.c`).
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let mut labels: Vec<SourceLabel> = Vec::new();
        for l in f.children("seclabel") {
            let label = SourceLabel {
                model: l.attr("model"),
                relabel: l.attr("relabel"),
                // That a source could not be labelled is a state of a running domain.
                skip: l.attr("labelskip").filter(|_| f.cx().is_running()),
                label: l.children("label").first().and_then(Fields::text),
                origin: l.origin(),
            };
            if let Some(model) = label.model.as_ref().filter(|m| labels.iter().any(|l| l.is_of(&m.value))) {
                let message = format!("the source has a label of model `{}` already", model.value);
                let span = model.origin.span();
                f.report(Diagnostic::at(&codes::CONFLICT, span, message).help("remove one of the two"));
            }
            labels.push(label);
        }
        Self(labels)
    }

    /// Writes the labels. One that says nothing but that the source is labelled as ever is left out.
    pub fn write(&self, w: &mut XmlWriter) {
        for label in self.0.iter().filter(|l| l.label.is_some() || l.skip.is_some() || !l.relabels()) {
            let tag = w.tag("seclabel").opt("model", &label.model);
            let tag = if label.skip.is_some() {
                tag.opt("labelskip", &label.skip)
            } else {
                tag.attr("relabel", if label.relabels() { "yes" } else { "no" })
            };
            tag.children(|w| w.opt_text("label", &label.label));
        }
    }

    /// Reports labels of a model whose label of the whole domain lets sources be (`virSecurityDeviceLabelDefValidate` in libvirt's
    /// `src/conf/domain_validate.c`).
    pub fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        for label in &self.0 {
            let model = label.model.as_ref().map(|m| m.value.as_str());
            if domain.labels.iter().any(|l| l.forbids(model)) {
                let message =
                    "a source has a label of its own, and the domain's label of this model is given to no source";
                let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, label.origin, message);
                faults.push(fault.help("set `relabel='yes'` on the domain's `<seclabel>`"));
            }
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the owner of the source stays who it is, so that QEMU's user does not come to own it.
    pub fn keeps_owner(&self) -> bool {
        self.0.iter().any(|l| l.is_of("dac") && !l.relabels())
    }

    /// The runtime gives no labels but those of owners, and these to QEMU's own user only.
    pub fn host(&self, out: &mut RequirementsOf<'_>) {
        for label in self.0.iter().filter(|l| l.label.is_some()) {
            out.refuse("SELinux/AppArmor labels (`<seclabel>`)", label.origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn labels_are_kept_and_written() {
        let serial = |labels: &str| format!("<serial type='file'><source path='/s'>{labels}</source></serial>");
        let t = trial(
            &serial(
                "<seclabel model='dac' relabel='no'/><seclabel model='selinux'><label>a:b</label></seclabel>\
                 <seclabel model='apparmor' labelskip='yes'/>",
            ),
            &["-device"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        let labels = "<source path='/s'><seclabel model='dac' relabel='no'/>\
                      <seclabel model='selinux' relabel='yes'><label>a:b</label></seclabel></source>";
        assert!(t.xml.contains(labels), "{}", t.xml);
        let twice = trial(&serial(&"<seclabel model='dac' relabel='no'/>".repeat(2)), &[]);
        assert_eq!(twice.faults, ["the source has a label of model `dac` already"]);
    }
}
