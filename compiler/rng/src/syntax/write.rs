//! Writer of the XML syntax.

use std::fmt::Write;

use virtc_diag::SourceFile;

use super::ast::{Combine, Component, Data, Define, Kind, NameClass, NameKind, Pattern, Reference, Value};
use super::compact::DOCUMENTATION;
use super::xml::RNG;
use crate::error::SchemaErrors;

/// The schema of one file in XML syntax. Files that it refers to are not read; a reference to `x.rnc` becomes one to `x.rng`.
///
/// # Errors
/// What is wrong with the syntax of the file.
pub fn to_xml(source: &SourceFile) -> Result<String, SchemaErrors> {
    let pattern =
        super::read(source, 0, "").map_err(|faults| SchemaErrors::new(std::slice::from_ref(source), faults))?;
    let mut writer = Writer { out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), depth: 0 };
    writer.pattern(&pattern);
    Ok(writer.out)
}

struct Writer {
    out: String,
    depth: usize,
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    text.replace('\r', "&#xD;").replace('\n', "&#xA;").replace('\t', "&#x9;")
}

impl Writer {
    /// Begins a tag; what follows is attributes and then [`Self::content`], [`Self::end`] or [`Self::text`].
    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let indent = "  ".repeat(self.depth);
        let _ = write!(self.out, "{indent}<{name}");
        if self.depth == 0 {
            let _ = write!(self.out, " xmlns=\"{RNG}\" xmlns:a=\"{DOCUMENTATION}\"");
        }
        for (name, value) in attributes {
            let _ = write!(self.out, " {name}=\"{}\"", escaped(value));
        }
    }

    fn leaf(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.out.push_str("/>\n");
    }

    fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.tag(name, attributes);
        let _ = writeln!(self.out, ">{}</{name}>", escaped(text).replace("&quot;", "\""));
    }

    fn around(&mut self, name: &str, attributes: &[(&str, &str)], content: impl FnOnce(&mut Self)) {
        self.tag(name, attributes);
        self.out.push_str(">\n");
        self.depth += 1;
        content(self);
        self.depth -= 1;
        let _ = writeln!(self.out, "{}</{name}>", "  ".repeat(self.depth));
    }

    fn documentation(&mut self, pattern: &Pattern) {
        if let Some(doc) = &pattern.doc {
            let indent = "  ".repeat(self.depth);
            let doc = escaped(doc).replace("&quot;", "\"").replace("&#xA;", "\n");
            let _ = writeln!(self.out, "{indent}<a:documentation>{doc}</a:documentation>");
        }
    }

    fn several(&mut self, name: &str, pattern: &Pattern, parts: &[Pattern]) {
        self.around(name, &[], |writer| {
            writer.documentation(pattern);
            for part in parts {
                writer.pattern(part);
            }
        });
    }

    fn single(&mut self, name: &str, pattern: &Pattern, part: &Pattern) {
        self.around(name, &[], |writer| {
            writer.documentation(pattern);
            writer.group_content(part);
        });
    }

    /// A pattern in an element that takes several as a group.
    fn group_content(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            Kind::Group(parts) if pattern.doc.is_none() => parts.iter().for_each(|part| self.pattern(part)),
            Kind::Empty
            | Kind::NotAllowed
            | Kind::Text
            | Kind::Element(..)
            | Kind::Attribute(..)
            | Kind::Group(_)
            | Kind::Interleave(_)
            | Kind::Choice(_)
            | Kind::Optional(_)
            | Kind::ZeroOrMore(_)
            | Kind::OneOrMore(_)
            | Kind::List(_)
            | Kind::Mixed(_)
            | Kind::Ref(_)
            | Kind::ParentRef(_)
            | Kind::Data(_)
            | Kind::Value(_)
            | Kind::External(_)
            | Kind::Grammar(_)
            | Kind::Scope(_) => self.pattern(pattern),
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            Kind::Empty => self.leaf("empty", &[]),
            Kind::NotAllowed => self.leaf("notAllowed", &[]),
            Kind::Text => self.leaf("text", &[]),
            Kind::Element(class, content) => self.named("element", class, pattern, content),
            Kind::Attribute(class, content) => self.named("attribute", class, pattern, content),
            Kind::Group(parts) => self.several("group", pattern, parts),
            Kind::Interleave(parts) => self.several("interleave", pattern, parts),
            Kind::Choice(parts) => self.several("choice", pattern, parts),
            Kind::Optional(part) => self.single("optional", pattern, part),
            Kind::ZeroOrMore(part) => self.single("zeroOrMore", pattern, part),
            Kind::OneOrMore(part) => self.single("oneOrMore", pattern, part),
            Kind::List(part) => self.single("list", pattern, part),
            Kind::Mixed(part) => self.single("mixed", pattern, part),
            Kind::Ref(name) => self.leaf("ref", &[("name", name)]),
            Kind::ParentRef(name) => self.leaf("parentRef", &[("name", name)]),
            Kind::Data(data) => self.data(pattern, data),
            Kind::Value(value) => self.value(value),
            Kind::External(reference) => {
                let attributes = reference_attributes(reference);
                let attributes: Vec<(&str, &str)> = attributes.iter().map(|(n, v)| (*n, v.as_str())).collect();
                self.leaf("externalRef", &attributes);
            }
            Kind::Grammar(components) => self.around("grammar", &[], |writer| {
                writer.documentation(pattern);
                writer.components(components);
            }),
            // Made only by loading, which does not come before writing.
            Kind::Scope(_) => {}
        }
    }

    fn named(&mut self, tag: &str, class: &NameClass, pattern: &Pattern, content: &Pattern) {
        match &class.kind {
            NameKind::Name(ns, local) if ns.is_empty() => self.around(tag, &[("name", local)], |writer| {
                writer.documentation(pattern);
                writer.group_content(content);
            }),
            NameKind::Name(ns, local) => self.around(tag, &[("name", local), ("ns", ns)], |writer| {
                writer.documentation(pattern);
                writer.group_content(content);
            }),
            NameKind::Any(_) | NameKind::Ns(..) | NameKind::Choice(_) => self.around(tag, &[], |writer| {
                writer.documentation(pattern);
                writer.name_class(class);
                writer.group_content(content);
            }),
        }
    }

    fn name_class(&mut self, class: &NameClass) {
        match &class.kind {
            NameKind::Name(ns, local) => self.text("name", &[("ns", ns)], local),
            NameKind::Choice(classes) => {
                self.around("choice", &[], |writer| classes.iter().for_each(|class| writer.name_class(class)));
            }
            NameKind::Any(None) => self.leaf("anyName", &[]),
            NameKind::Ns(ns, None) => self.leaf("nsName", &[("ns", ns)]),
            NameKind::Any(Some(except)) => self.around("anyName", &[], |writer| writer.except(except)),
            NameKind::Ns(ns, Some(except)) => self.around("nsName", &[("ns", ns)], |writer| writer.except(except)),
        }
    }

    fn except(&mut self, class: &NameClass) {
        self.around("except", &[], |writer| match &class.kind {
            NameKind::Choice(classes) => classes.iter().for_each(|class| writer.name_class(class)),
            NameKind::Any(_) | NameKind::Ns(..) | NameKind::Name(..) => writer.name_class(class),
        });
    }

    fn data(&mut self, pattern: &Pattern, data: &Data) {
        let attributes = [("type", &*data.name), ("datatypeLibrary", &*data.library)];
        if data.params.is_empty() && data.except.is_none() && pattern.doc.is_none() {
            return self.leaf("data", &attributes);
        }
        self.around("data", &attributes, |writer| {
            writer.documentation(pattern);
            for param in &data.params {
                writer.text("param", &[("name", &param.name)], &param.value);
            }
            if let Some(except) = &data.except {
                writer.around("except", &[], |writer| match &except.kind {
                    Kind::Choice(parts) => parts.iter().for_each(|part| writer.pattern(part)),
                    Kind::Empty
                    | Kind::NotAllowed
                    | Kind::Text
                    | Kind::Element(..)
                    | Kind::Attribute(..)
                    | Kind::Group(_)
                    | Kind::Interleave(_)
                    | Kind::Optional(_)
                    | Kind::ZeroOrMore(_)
                    | Kind::OneOrMore(_)
                    | Kind::List(_)
                    | Kind::Mixed(_)
                    | Kind::Ref(_)
                    | Kind::ParentRef(_)
                    | Kind::Data(_)
                    | Kind::Value(_)
                    | Kind::External(_)
                    | Kind::Grammar(_)
                    | Kind::Scope(_) => writer.pattern(except),
                });
            }
        });
    }

    fn value(&mut self, value: &Value) {
        let mut attributes = vec![("type", &*value.name), ("datatypeLibrary", &*value.library)];
        if matches!(&*value.name, "QName" | "NOTATION") {
            attributes.push(("ns", &*value.ns));
        }
        let prefix = value.text.trim().split_once(':').map(|(prefix, _)| format!("xmlns:{prefix}"));
        if let (Some(prefix), Some(ns)) = (&prefix, &value.prefix_ns) {
            attributes.push((prefix, ns));
        }
        self.text("value", &attributes, &value.text);
    }

    fn components(&mut self, components: &[Component]) {
        for component in components {
            match component {
                Component::Div(inner) => self.around("div", &[], |writer| writer.components(inner)),
                Component::Define(define) => self.define(define),
                Component::Include(include) => {
                    let attributes = reference_attributes(&include.reference);
                    let attributes: Vec<(&str, &str)> = attributes.iter().map(|(n, v)| (*n, v.as_str())).collect();
                    self.around("include", &attributes, |writer| writer.components(&include.body));
                }
            }
        }
    }

    fn define(&mut self, define: &Define) {
        let mut attributes = Vec::new();
        if let Some(name) = &define.name {
            attributes.push(("name", &**name));
        }
        match define.combine {
            Some(Combine::Choice) => attributes.push(("combine", "choice")),
            Some(Combine::Interleave) => attributes.push(("combine", "interleave")),
            None => {}
        }
        let tag = if define.name.is_some() { "define" } else { "start" };
        self.around(tag, &attributes, |writer| writer.pattern(&define.body));
    }
}

fn reference_attributes(reference: &Reference) -> Vec<(&'static str, String)> {
    let href = match reference.href.strip_suffix(".rnc") {
        Some(stem) => format!("{stem}.rng"),
        None => reference.href.to_string(),
    };
    let mut attributes = vec![("href", href)];
    if !reference.ns.is_empty() {
        attributes.push(("ns", reference.ns.to_string()));
    }
    attributes
}
