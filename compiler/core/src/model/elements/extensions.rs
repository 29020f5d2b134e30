//! The namespace of the QEMU driver: `<qemu:commandline>`, `<qemu:capabilities>`, `<qemu:override>`,
//! `<qemu:deprecation>`.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes::{self, Report as _};
use crate::ir::{Opt, OptExt, Spanned, words};
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::{ArgSection, Payload, Props, QemuOption, QemuOptions, RequirementsOf, Value};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// The namespace.
pub const NAMESPACE: &str = "http://libvirt.org/schemas/domain/qemu/1.0";

words! {
    /// What QEMU does about deprecated commands and properties.
    pub enum Behavior { None = "none", Omit = "omit", Reject = "reject", Crash = "crash" }
}

words! {
    /// The type of a property's value.
    pub enum PropertyType { String = "string", Signed = "signed", Unsigned = "unsigned", Bool = "bool", Remove = "remove" }
}

/// A property of a device that is set or removed.
#[derive(Debug, Clone)]
pub struct Property {
    name: Spanned<String>,
    kind: Spanned<PropertyType>,
    value: Opt<String>,
}

/// The overridden properties of one device.
#[derive(Debug, Clone)]
pub struct Override {
    alias: Spanned<String>,
    properties: Vec<Property>,
}

/// The elements of the namespace.
#[derive(Debug, Clone, Default)]
pub struct Extensions {
    /// Arguments of QEMU, passed unchanged.
    pub args: Vec<Spanned<String>>,
    /// Variables of QEMU's environment.
    pub env: Vec<(Spanned<String>, Opt<String>)>,
    /// Capabilities to assume, by libvirt's names.
    pub add: Vec<Spanned<String>>,
    /// Capabilities not to use, by libvirt's names.
    pub del: Vec<Spanned<String>>,
    /// Overridden properties of devices.
    pub overrides: Vec<Override>,
    /// What QEMU does about deprecated commands and properties.
    pub deprecation: Opt<Behavior>,
}

impl Property {
    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let (name, kind, value) = (f.attr("name"), f.attr("type"), f.attr("value"));
        Some(Self { name: name?, kind: kind?, value })
    }

    /// The value for QEMU; `Ok(None)` where the property is removed.
    fn read(&self) -> Result<Option<Value>, ()> {
        let text = self.value.as_ref().map(|v| v.value.as_str());
        match (self.kind.value, text) {
            (PropertyType::Remove, None) => Ok(None),
            (PropertyType::String, Some(text)) => Ok(Some(text.into())),
            (PropertyType::Bool, Some("true")) => Ok(Some(true.into())),
            (PropertyType::Bool, Some("false")) => Ok(Some(false.into())),
            (PropertyType::Signed, Some(text)) => {
                text.parse::<i64>().map(|n| Some(Value::Number(n.into()))).map_err(drop)
            }
            (PropertyType::Unsigned, Some(text)) => text.parse::<u64>().map(|n| Some(n.into())).map_err(drop),
            (
                PropertyType::Bool
                | PropertyType::String
                | PropertyType::Signed
                | PropertyType::Unsigned
                | PropertyType::Remove,
                _,
            ) => Err(()),
        }
    }
}

impl Extensions {
    /// What libvirt refuses (`qemuDomainDefNamespaceParse…` in its `src/qemu/qemu_domain.c`).
    pub fn check(&self, faults: &mut Diagnostics) {
        for (name, _) in &self.env {
            let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                faults.add(&codes::BAD_VALUE, name.origin, "the name of an environment variable consists of letters, digits and `_`, and does not begin with a digit");
            }
        }
        for property in self.overrides.iter().flat_map(|device| &device.properties) {
            let place = property.value.origin_or(property.name.origin);
            match (property.read(), property.kind.value, &property.value) {
                (Ok(_), ..) => {}
                (Err(()), PropertyType::Remove, _) => {
                    faults.conflict(place, "a property with `type='remove'` takes no `value`");
                }
                (Err(()), _, None) => {
                    faults.add(&codes::MISSING, place, format!("property `{}` needs a `value`", property.name.value));
                }
                (Err(()), _, Some(_)) => {
                    faults.add(
                        &codes::BAD_VALUE,
                        place,
                        format!("the `value` of property `{}` does not have the given `type`", property.name.value),
                    );
                }
            }
        }
    }

    /// Whether there are any.
    pub fn any(&self) -> bool {
        let Self { args, env, add, del, overrides, deprecation } = self;
        let lists = [args.is_empty(), env.is_empty(), add.is_empty(), del.is_empty(), overrides.is_empty()];
        lists.contains(&false) || deprecation.is_some()
    }

    /// Sets and removes properties of the devices among `options`.
    pub fn apply(&self, options: &mut [QemuOption]) {
        for change in &self.overrides {
            for property in &change.properties {
                // What cannot be read was reported by `check`.
                let Ok(value) = property.read() else { continue };
                for option in options.iter_mut().filter(|o| o.option == "device") {
                    let Payload::Json(props) = &mut option.payload else { continue };
                    if props.get("id").and_then(Value::plain) != Some(change.alias.value.as_str()) {
                        continue;
                    }
                    let _ = props.take(&property.name.value);
                    if let Some(value) = &value {
                        props.set(&property.name.value, value.clone());
                    }
                }
            }
        }
    }
}

impl Element for Extensions {
    /// Reads the elements of the namespace from `<domain>`.
    fn lower(f: &Fields<'_, '_>) -> Self {
        let mut out = Self::default();
        for line in f.children_of(NAMESPACE, "commandline") {
            out.args.extend(line.children_of(NAMESPACE, "arg").iter().filter_map(|a| a.attr("value")));
            let env = line.children_of(NAMESPACE, "env");
            out.env.extend(env.iter().filter_map(|e| {
                let (name, value) = (e.attr("name"), e.attr("value"));
                Some((name?, value))
            }));
        }
        for all in f.children_of(NAMESPACE, "capabilities") {
            out.add.extend(all.children_of(NAMESPACE, "add").iter().filter_map(|c| c.attr("capability")));
            out.del.extend(all.children_of(NAMESPACE, "del").iter().filter_map(|c| c.attr("capability")));
        }
        for all in f.children_of(NAMESPACE, "override") {
            for device in all.children_of(NAMESPACE, "device") {
                let frontends = device.children_of(NAMESPACE, "frontend");
                let properties = frontends.iter().flat_map(|p| p.children_of(NAMESPACE, "property"));
                let properties = properties.filter_map(|p| Property::lower(&p)).collect();
                out.overrides.extend(device.attr("alias").map(|alias| Override { alias, properties }));
            }
        }
        for element in f.element().children().filter(|e| !e.namespace().is_empty() && e.namespace() != NAMESPACE) {
            let first = f.element().children().find(|e| e.name_id() == element.name_id());
            if first.is_some_and(|e| e.id() != element.id()) {
                continue;
            }
            for other in f.children_of(element.namespace(), element.name()) {
                let message = format!("`<{}>` is an extension of another hypervisor", element.name());
                f.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, other.element().name_span(), message));
                let _ = other.ignore_rest();
            }
        }
        out.deprecation = f.children_of(NAMESPACE, "deprecation").first().and_then(|d| d.attr("behavior"));
        out
    }

    /// Writes the elements.
    fn write(&self, w: &mut XmlWriter) {
        if !self.args.is_empty() || !self.env.is_empty() {
            w.tag("qemu:commandline").children(|w| {
                for arg in &self.args {
                    w.tag("qemu:arg").attr("value", arg).end();
                }
                for (name, value) in &self.env {
                    w.tag("qemu:env").attr("name", name).opt("value", value).end();
                }
            });
        }
        if !self.add.is_empty() || !self.del.is_empty() {
            w.tag("qemu:capabilities").children(|w| {
                for name in &self.add {
                    w.tag("qemu:add").attr("capability", name).end();
                }
                for name in &self.del {
                    w.tag("qemu:del").attr("capability", name).end();
                }
            });
        }
        if !self.overrides.is_empty() {
            w.tag("qemu:override").children(|w| self.overrides.iter().for_each(|o| o.write(w)));
        }
        if self.deprecation.is_some() {
            w.tag("qemu:deprecation").opt("behavior", &self.deprecation).end();
        }
    }

    /// The arguments, and `-compat`.
    fn options(&self, _cx: &EmitContext<'_>, out: &mut QemuOptions) {
        for arg in &self.args {
            out.word(ArgSection::UserArguments, "", &arg.value, arg.origin);
        }
        let Some(behavior) = self.deprecation else { return };
        let input = match behavior.value {
            Behavior::None => return,
            Behavior::Omit => None,
            Behavior::Reject | Behavior::Crash => Some(behavior.value.word()),
        };
        let props = Props::new().with("deprecated-output", "hide").opt("deprecated-input", input);
        out.json(ArgSection::Deprecation, "compat", props, behavior.origin);
    }

    /// The variables of QEMU's environment.
    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        for (name, value) in &self.env {
            out.env(name, value.as_ref().map_or("", |v| v.value.as_str()));
        }
    }
}

impl Override {
    fn write(&self, w: &mut XmlWriter) {
        w.tag("qemu:device").attr("alias", &self.alias).children(|w| {
            if self.properties.is_empty() {
                return;
            }
            w.tag("qemu:frontend").children(|w| {
                for property in &self.properties {
                    let tag = w.tag("qemu:property").attr("name", &property.name).attr("type", property.kind.word());
                    tag.opt("value", &property.value).end();
                }
            });
        });
    }
}
