//! `<metadata>`: elements of other programs, one of each namespace.

use virtc_xml::Element;

use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// The elements, verbatim.
#[derive(Debug, Clone)]
pub struct Metadata(Vec<String>);

impl Metadata {
    /// Reads the element from `<domain>`. As in libvirt, elements without a namespace are dropped, and of several of
    /// one namespace the first stays (`virXMLNodeSanitizeNamespaces` in its `src/util/virxml.c`).
    pub fn lower(domain: &Fields<'_, '_>) -> Option<Self> {
        let f = domain.child("metadata")?;
        let _ = f.ignore_rest();
        let mut seen: Vec<&str> = Vec::new();
        let mut kept = Vec::new();
        for child in f.element().children().filter(|c| !c.namespace().is_empty()) {
            if !seen.contains(&child.namespace()) {
                seen.push(child.namespace());
                kept.push(self_contained(child));
            }
        }
        f.element().children().next().is_some().then_some(Self(kept))
    }

    /// Writes the element.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("metadata").children(|w| self.0.iter().for_each(|element| w.raw(element)));
    }
}

/// The source of an element, with the namespace declarations of its ancestors that it needs.
fn self_contained(element: Element<'_>) -> String {
    let source = element.document().source();
    let text = source.slice(element.span());
    let mut missing: Vec<(&str, &str)> = Vec::new();
    for ancestor in std::iter::successors(element.parent(), |e| e.parent()) {
        for (prefix, uri) in ancestor.declarations() {
            let known = |(p, _): (&str, &str)| p == prefix;
            let used = if prefix.is_empty() { true } else { text.contains(&format!("{prefix}:")) };
            if used && !element.declarations().any(known) && !missing.iter().copied().any(known) {
                missing.push((prefix, uri));
            }
        }
    }
    let (start, end) = (element.span().start, element.name_span().end);
    let at = usize::try_from(end.saturating_sub(start)).unwrap_or_default();
    let (Some(head), Some(tail)) = (text.get(..at), text.get(at..)) else { return text.to_owned() };
    let mut out = head.to_owned();
    for (prefix, uri) in missing {
        let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        let uri = uri.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
        for piece in [" ", &name, "=\"", &uri, "\""] {
            out.push_str(piece);
        }
    }
    out + tail
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    #[test]
    fn a_prefix_of_the_root_goes_along() {
        let text = "<domain type='kvm' xmlns:o='urn:o'><name>t</name><memory>1024</memory><os><type>hvm</type></os>\
             <metadata><o:x/><i:y xmlns:i='urn:i'><i:z o:a='1'/></i:y></metadata></domain>";
        let xml = crate::passes::fixture::compile(text, None).xml;
        assert!(xml.contains("<o:x xmlns:o=\"urn:o\"/>"), "{xml}");
        let (_, faults) = virtc_xml::parse(&virtc_diag::SourceFile::new("out.xml", xml));
        assert!(!faults.has_errors(), "{faults:?}");
    }

    #[test]
    fn one_element_of_each_namespace() {
        let t = trial(
            "<memory>1024</memory><metadata xmlns:b='urn:b'><loose/><a:x xmlns:a='urn:a'>1</a:x><c:x xmlns:c='urn:a'/><b:y c='&amp;'/>\
             </metadata>",
            "",
            &[],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        let kept = "<metadata><a:x xmlns:a='urn:a'>1</a:x><b:y xmlns:b=\"urn:b\" c='&amp;'/></metadata>";
        assert!(t.xml.contains(kept), "{}", t.xml);
    }
}
