//! The grammar of libvirt's domain XML, compiled at build time.
//!
//! The sources stand beside this crate in the compact syntax; `build.rs` compiles them, and loading takes microseconds.

use std::sync::LazyLock;

use virtc_rng::Schema;

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
    Schema::from_bytes(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use virtc_diag::SourceFile;
    use virtc_rng::Schema;

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
            assert_eq!(xml.unwrap().to_bytes(), compact.to_bytes(), "{name}");
        }
    }
}
