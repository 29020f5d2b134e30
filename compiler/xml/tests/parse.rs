//! The parser compared with an independent reader, and faults with their places.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fmt::Write;

use virtc_diag::SourceFile;
use virtc_xml::{Element, Node, parse};

fn ours(element: Element<'_>, out: &mut String) {
    write!(out, "<{{{}}}{}", element.namespace(), element.name()).unwrap();
    for a in element.attributes() {
        write!(out, " {{{}}}{}={:?}", a.namespace(), a.name(), a.value()).unwrap();
    }
    out.push('>');
    for node in element.content() {
        match node {
            Node::Element(child) => ours(child, out),
            Node::Text(text) => write!(out, "{:?}", text.value()).unwrap(),
        }
    }
    out.push_str("</>");
}

fn theirs(node: roxmltree::Node<'_, '_>, out: &mut String) {
    let name = node.tag_name();
    write!(out, "<{{{}}}{}", name.namespace().unwrap_or(""), name.name()).unwrap();
    for a in node.attributes() {
        write!(out, " {{{}}}{}={:?}", a.namespace().unwrap_or(""), a.name(), a.value()).unwrap();
    }
    out.push('>');
    let mut run = String::new();
    for child in node.children() {
        if child.is_text() {
            run.push_str(child.text().unwrap_or(""));
            if child.next_sibling().is_some_and(|n| n.is_text()) {
                continue;
            }
            write!(out, "{run:?}").unwrap();
            run.clear();
        } else if child.is_element() {
            theirs(child, out);
        }
    }
    out.push_str("</>");
}

#[test]
fn agrees_with_roxmltree() {
    for text in [
        "<a/>",
        "\u{feff}<?xml version='1.0' encoding='UTF-8'?>\n<!-- c --><a b='1' c=\"&lt;&#x41;\t\n x\"> t <b>u<![CDATA[<&]]>v&amp;</b>\r\nw<c/></a>\n<!-- d -->",
        "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' qemu:x='y'><qemu:commandline><qemu:arg value='-s'/></qemu:commandline></domain>",
        "<a xmlns='urn:x'><b xmlns=''><c xmlns:p='urn:p' p:q='1'/></b><d xml:lang='en'/></a>",
        "<ä ö='ü'>ß\u{10000}</ä>",
    ] {
        let (document, faults) = parse(&SourceFile::new("t", text));
        assert!(faults.is_empty(), "{text}: {faults:?}");
        let (mut a, mut b) = (String::new(), String::new());
        ours(document.root().unwrap(), &mut a);
        theirs(roxmltree::Document::parse(text).unwrap().root_element(), &mut b);
        assert_eq!(a, b);
    }
}

#[test]
fn spans_show_names_and_values() {
    let source = SourceFile::new("t", "<d>\n  <mac address = \"52:54:00\" >x</mac>\n</d>");
    let (document, _) = parse(&source);
    let mac = document.root().unwrap().child("mac").unwrap();
    let address = mac.attribute("address").unwrap();
    assert_eq!(source.slice(mac.name_span()), "mac");
    assert_eq!(source.slice(mac.start_tag()), "<mac address = \"52:54:00\" >");
    assert_eq!(source.slice(mac.span()), "<mac address = \"52:54:00\" >x</mac>");
    assert_eq!(source.slice(address.name_span()), "address");
    assert_eq!(source.slice(address.value_span()), "52:54:00");
    assert_eq!(source.slice(address.span()), "address = \"52:54:00\"");
    assert_eq!(source.slice(mac.text_span()), "x");
}

/// Each faulty text, with `line:column message` of every fault.
const FAULTS: &[(&str, &[&str])] = &[
    ("", &["- the file holds no XML element"]),
    ("hello", &["1:1 text before the root element"]),
    ("<a><b></a>", &["1:9 `</a>` where `</b>` is expected"]),
    ("<a>\n<b></c></a>", &["2:6 `</c>` where `</b>` is expected"]),
    ("<a><b>", &["1:5 `<b>` is never closed"]),
    ("<a/><b/>", &["1:5 a second root element"]),
    ("<a/></a>", &["1:7 `</a>` closes nothing"]),
    ("<a b=c/>", &["1:6 attribute value without quotes"]),
    ("<a b='1' b='2'/>", &["1:10 attribute given twice"]),
    ("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", &["1:36 attribute given twice"]),
    ("<a b='1'c='2'/>", &["1:9 no white space before this attribute"]),
    ("<a b='<'/>", &["1:7 `<` in an attribute value"]),
    ("<a>&bomb;</a>", &["1:4 entity `bomb` is not predefined, and declared ones are not expanded"]),
    ("<a>x & y</a>", &["1:6 `&` begins no reference; a plain one is written `&amp;`"]),
    ("<qemu:a/>", &["1:2 namespace prefix `qemu` is not declared"]),
    (
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>",
        &["1:1 a document type declaration that declares entities or names other files is not taken"],
    ),
    (
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        &["1:1 a document type declaration that declares entities or names other files is not taken"],
    ),
    (
        "<?xml version='1.0' encoding='UTF-16'?><a/>",
        &["1:1 the file says that its encoding is `utf-16`; only UTF-8 is taken"],
    ),
    ("<a><1/></a>", &["1:5 `1` is no XML name"]),
    ("<a>]]></a>", &["1:4 `]]>` outside of a CDATA section"]),
    ("<a><!-- -- --></a>", &["1:9 `--` inside a comment"]),
    ("<a b='", &["1:1 tag not closed: `>` not found before end of input"]),
];

#[test]
fn faults_have_places() {
    for (text, expected) in FAULTS {
        let source = SourceFile::new("t", *text);
        let (document, faults) = parse(&source);
        let shown: Vec<String> = faults
            .iter()
            .map(|d| match d.span.map(|s| source.line_column(s.start)) {
                Some(place) => format!("{}:{} {}", place.line, place.column, d.message),
                None => format!("- {}", d.message),
            })
            .collect();
        assert_eq!(&shown, expected, "{text}");
        assert!(!document.is_complete());
        assert!(
            roxmltree::Document::parse(text).is_err() || text.contains("DOCTYPE") || text.contains("UTF-16"),
            "{text} is well-formed"
        );
    }
}

#[test]
fn depth_is_bounded() {
    let (document, faults) = parse(&SourceFile::new("t", "<a>".repeat(1_000_000)));
    assert_eq!(faults.iter().map(|d| d.code.name).collect::<Vec<_>>(), ["xml-limit"]);
    assert_eq!(document.node_count(), virtc_xml::MAX_DEPTH);
}
