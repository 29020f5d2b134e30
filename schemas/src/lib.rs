//! The grammar of libvirt's domain XML, compiled at build time.
//!
//! The sources are in the folder of this crate, in the compact syntax; `build.rs` compiles them, and loading takes microseconds.

mod words;

use std::sync::LazyLock;

use virtc_rng::Schema;

pub use words::SYNONYMS;

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// The grammar of a `<domain>`.
pub fn domain() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| load(include_bytes!(concat!(env!("OUT_DIR"), "/domain.bin"))));
    &SCHEMA
}

/// The grammar of a single device, as it is attached and detached.
pub fn device() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| load(include_bytes!(concat!(env!("OUT_DIR"), "/device.bin"))));
    &SCHEMA
}

/// The grammar of a `<network>` and of a `<networkport>`, which a host file holds.
pub fn network() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| load(include_bytes!(concat!(env!("OUT_DIR"), "/network.bin"))));
    &SCHEMA
}

fn load(bytes: &'static [u8]) -> Schema {
    // The same version of the engine made these bytes in this build, so they can be loaded; the tests below do so.
    Schema::from_bytes(bytes).unwrap_or_default().with_synonyms(SYNONYMS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use virtc_diag::SourceFile;
    use virtc_rng::{Form, Part, Schema};

    use super::SYNONYMS;

    #[test]
    fn each_grammar_takes_a_document() {
        for (schema, text) in [
            (super::domain(), "<domain type='kvm'><name>a</name><memory>1</memory><os><type>hvm</type></os></domain>"),
            (super::device(), "<disk><target dev='vda'/></disk>"),
            (super::network(), "<network><name>a</name></network>"),
        ] {
            let (document, _) = virtc_xml::parse(&SourceFile::new("t", text));
            let (checked, diagnostics) = schema.validate(&document);
            assert!(checked.is_sound(), "{text}: {diagnostics:?}");
        }
        assert!(super::SOURCES.iter().any(|(name, _)| *name == "domain.rnc"));
    }

    /// Every part of the three grammars, each once.
    fn parts() -> Vec<Part<'static>> {
        let mut all = Vec::new();
        for schema in [super::domain(), super::device(), super::network()] {
            let (mut seen, mut waiting) = (BTreeSet::new(), schema.roots());
            while let Some(part) = waiting.pop() {
                if !seen.insert(part.number()) {
                    continue;
                }
                all.push(part);
                match part.form() {
                    Form::List(inner)
                    | Form::OneOrMore(inner)
                    | Form::Attribute { value: inner, .. }
                    | Form::Element { content: inner, .. } => waiting.push(inner),
                    Form::Group(parts) | Form::Interleave(parts) | Form::Choice(parts) => waiting.extend(parts),
                    Form::NotAllowed | Form::Empty | Form::Text | Form::Data | Form::Value(_) => {}
                }
            }
        }
        all
    }

    /// A form that only a regular expression tells has words of its own: messages never show the expression.
    #[test]
    fn every_pattern_has_words() {
        let described: Vec<(&str, Part<'_>)> =
            parts().into_iter().filter_map(|part| Some((part.words()?, part))).collect();
        assert!(described.len() > 60, "only {} patterns", described.len());
        for (words, part) in described {
            assert!(!words.is_empty(), "a pattern without words: {:?}", part.patterns());
            assert!(!words.contains("[0-9") && !words.contains('\\') && !words.contains('\n'), "{words}");
            assert!(
                words.starts_with(|c: char| c.is_lowercase() || c.is_ascii_digit() || c == '`')
                    && !words.ends_with('.'),
                "{words}: a phrase that follows \"expected\""
            );
        }
    }

    /// An example in the words of a pattern matches it.
    #[test]
    fn examples_in_words_are_values() {
        let mut wrong = BTreeSet::new();
        for part in parts() {
            let Some((_, examples)) = part.words().and_then(|words| words.split_once("such as ")) else { continue };
            let ticked: Vec<&str> = examples.split('`').skip(1).step_by(2).collect();
            // Several patterns can share one text: each example must match one of those.
            for example in ticked {
                let taken = parts().iter().any(|other| other.words() == part.words() && other.takes(example));
                if !taken && !example.starts_with('^') {
                    wrong.insert(example);
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    /// The words, attributes and elements of one place: those of an element's content, or of an attribute's value.
    fn names(parts: Vec<Part<'_>>, take: &dyn Fn(Form<'_>) -> Vec<String>) -> BTreeSet<String> {
        let (mut found, mut waiting) = (BTreeSet::new(), parts);
        while let Some(part) = waiting.pop() {
            match part.form() {
                Form::OneOrMore(inner) => waiting.push(inner),
                Form::Group(parts) | Form::Interleave(parts) | Form::Choice(parts) => waiting.extend(parts),
                form @ (Form::NotAllowed
                | Form::Empty
                | Form::Text
                | Form::Data
                | Form::Value(_)
                | Form::List(_)
                | Form::Attribute { .. }
                | Form::Element { .. }) => found.extend(take(form)),
            }
        }
        found
    }

    /// A suggestion is for a place where the grammar has what is meant, and not what is written.
    #[test]
    fn each_synonym_is_of_use_somewhere() {
        let local = |names: Vec<(&str, &str)>| names.into_iter().map(|(_, name)| name.to_owned()).collect();
        let (mut elements, mut attributes, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts() {
            let value = |form: Form<'_>| match form {
                Form::Value(word) => vec![word.to_owned()],
                Form::NotAllowed
                | Form::Empty
                | Form::Text
                | Form::Data
                | Form::List(_)
                | Form::Attribute { .. }
                | Form::Element { .. }
                | Form::OneOrMore(_)
                | Form::Group(_)
                | Form::Interleave(_)
                | Form::Choice(_) => Vec::new(),
            };
            match part.form() {
                Form::Attribute { value: inner, .. } => values.push(names(vec![inner], &value)),
                Form::Element { content, .. } => {
                    values.push(names(vec![content], &value));
                    elements.push(names(vec![content], &|form| match form {
                        Form::Element { names, .. } => local(names),
                        Form::NotAllowed
                        | Form::Empty
                        | Form::Text
                        | Form::Data
                        | Form::Value(_)
                        | Form::List(_)
                        | Form::Attribute { .. }
                        | Form::OneOrMore(_)
                        | Form::Group(_)
                        | Form::Interleave(_)
                        | Form::Choice(_) => Vec::new(),
                    }));
                    attributes.push(names(vec![content], &|form| match form {
                        Form::Attribute { names, .. } => local(names),
                        Form::NotAllowed
                        | Form::Empty
                        | Form::Text
                        | Form::Data
                        | Form::Value(_)
                        | Form::List(_)
                        | Form::Element { .. }
                        | Form::OneOrMore(_)
                        | Form::Group(_)
                        | Form::Interleave(_)
                        | Form::Choice(_) => Vec::new(),
                    }));
                }
                Form::NotAllowed
                | Form::Empty
                | Form::Text
                | Form::Data
                | Form::Value(_)
                | Form::List(_)
                | Form::OneOrMore(_)
                | Form::Group(_)
                | Form::Interleave(_)
                | Form::Choice(_) => {}
            }
        }
        let mut useless = Vec::new();
        let tables = [(SYNONYMS.elements, &elements), (SYNONYMS.attributes, &attributes), (SYNONYMS.values, &values)];
        for (table, places) in tables {
            for (written, meant) in table {
                for word in *meant {
                    let fits = |place: &BTreeSet<String>| place.contains(*word) && !place.contains(*written);
                    if !places.iter().any(fits) {
                        useless.push(format!("{written} for {word}"));
                    }
                }
            }
        }
        assert!(useless.is_empty(), "{}", useless.join("\n"));
    }

    /// What `virtc schema export --format rng` writes is the same grammar.
    #[test]
    fn both_syntaxes_are_the_same_grammar() {
        let join = |from: &str, href: &str| {
            let mut parts: Vec<&str> = from.split('/').collect();
            parts.pop();
            for part in href.split('/') {
                match part {
                    ".." => drop(parts.pop()),
                    "." => {}
                    part => parts.push(part),
                }
            }
            parts.join("/")
        };
        let file = |path: &str| {
            let (_, text) = super::SOURCES.iter().find(|(name, _)| name.replace(".rnc", ".rng") == path)?;
            let xml = virtc_rng::to_xml(&SourceFile::new(path, *text)).unwrap();
            Some(SourceFile::new(path, xml))
        };
        for (name, compact) in [("domain", super::domain()), ("device", super::device()), ("network", super::network())]
        {
            let xml = Schema::compile(&file(&format!("{name}.rng")).unwrap(), &mut |href, from| {
                file(&join(from.name(), href)).ok_or_else(|| "no such file".to_owned())
            });
            assert!(xml.unwrap().to_bytes() == compact.to_bytes(), "{name}");
        }
    }
}
