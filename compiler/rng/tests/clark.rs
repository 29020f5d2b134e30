//! James Clark's suites `spectest.xml` and `compacttest.xml`, where `VIRTC_CORPUS` names a directory that holds them in `relaxng`.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fmt::Write;

use roxmltree::{Document, Node};
use virtc_diag::SourceFile;
use virtc_rng::{Schema, SchemaErrors, to_xml};

fn suite(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the corpus is given by the caller")]
    let (corpus, read) = (std::env::var("VIRTC_CORPUS"), |path: String| std::fs::read_to_string(path));
    if let Ok(path) = corpus.map(|corpus| format!("{corpus}/relaxng/{name}")) {
        Some(read(path).unwrap())
    } else {
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("skipped: VIRTC_CORPUS is not set, so there is no {name}\n"),
        )
        .unwrap();
        None
    }
}

/// Writes a subtree as text of its own, with all namespaces in force declared on each element.
fn write(node: Node<'_, '_>, out: &mut String) {
    if let Some(text) = node.text().filter(|_| node.is_text()) {
        out.push_str(&text.replace('&', "&amp;").replace('<', "&lt;").replace('\r', "&#13;"));
    }
    if node.is_comment() {
        write!(out, "<!--{}-->", node.text().unwrap_or_default()).unwrap();
    }
    if node.is_pi() {
        let pi = node.pi().unwrap();
        write!(out, "<?{} {}?>", pi.target, pi.value.unwrap_or_default()).unwrap();
    }
    if !node.is_element() {
        return;
    }
    let prefix = |uri: Option<&str>, attribute: bool| match uri {
        None | Some("") => String::new(),
        Some("http://www.w3.org/XML/1998/namespace") => "xml:".to_owned(),
        Some(uri) => {
            let mut found = node.namespaces().filter(|n| n.uri() == uri);
            match found.find(|n| n.name().is_some() || !attribute).unwrap().name() {
                Some(name) => format!("{name}:"),
                None => String::new(),
            }
        }
    };
    let name = format!("{}{}", prefix(node.tag_name().namespace(), false), node.tag_name().name());
    write!(out, "<{name}").unwrap();
    if !node.namespaces().any(|n| n.name().is_none()) {
        out.push_str(" xmlns=''");
    }
    for ns in node.namespaces().filter(|n| n.name() != Some("xml")) {
        match ns.name() {
            Some(prefix) => write!(out, " xmlns:{prefix}=\"{}\"", ns.uri()).unwrap(),
            None => write!(out, " xmlns=\"{}\"", ns.uri()).unwrap(),
        }
    }
    for a in node.attributes() {
        let value = a.value().replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let value = value.replace('\n', "&#10;").replace('\t', "&#9;").replace('\r', "&#13;");
        write!(out, " {}{}=\"{value}\"", prefix(a.namespace(), true), a.name()).unwrap();
    }
    out.push('>');
    node.children().for_each(|child| write(child, out));
    write!(out, "</{name}>").unwrap();
}

fn inner(node: Node<'_, '_>) -> String {
    let mut out = String::new();
    match node.children().find(Node::is_element) {
        Some(root) => write(root, &mut out),
        None => out.extend(node.children().filter_map(|n| n.text())),
    }
    out
}

fn resources(node: Node<'_, '_>, folder: &str, out: &mut BTreeMap<String, String>) {
    for child in node.children().filter(Node::is_element) {
        let name = || format!("{folder}{}", child.attribute("name").unwrap());
        match child.tag_name().name() {
            "resource" => drop(out.insert(name(), inner(child))),
            "dir" => resources(child, &format!("{}/", name()), out),
            _ => {}
        }
    }
}

fn compile(text: String, files: &BTreeMap<String, String>) -> Result<Schema, SchemaErrors> {
    Schema::compile(&SourceFile::new("schema", text), &mut |href, from| {
        let folder = from.name().rfind('/').map_or("", |at| &from.name()[..=at]);
        let path = format!("{folder}{href}");
        files.get(&path).map(|text| SourceFile::new(path.clone(), text.clone())).ok_or_else(|| "not found".to_owned())
    })
}

fn is_valid(schema: &Schema, text: &str) -> bool {
    let (document, faults) = virtc_xml::parse(&SourceFile::new("document", text));
    assert!(faults.is_empty(), "{text}: {faults:?}");
    let (checked, diagnostics) = schema.validate(&document);
    assert_eq!(checked.is_sound(), !diagnostics.has_errors(), "{text}: {diagnostics:?}");
    checked.is_sound()
}

/// Counts and faults of a suite.
#[derive(Default)]
struct Score {
    right: usize,
    wrong: Vec<String>,
}

impl Score {
    fn add(&mut self, right: bool, what: impl FnOnce() -> String) {
        if right {
            self.right += 1;
        } else {
            self.wrong.push(what());
        }
    }

    fn finish(self, name: &str, least: usize) {
        eprintln!("{name}: {} right, {} wrong", self.right, self.wrong.len());
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n----\n"));
        assert!(self.right >= least, "{name} has too few cases");
    }
}

#[test]
fn spectest() {
    let Some(text) = suite("spectest.xml") else { return };
    // The one entity is an element, which roxmltree does not take from an entity.
    let (declarations, text) = text.split_once("]>").unwrap();
    assert!(declarations.contains("<!ENTITY dii \"<&#xE14;&#xE35;/>\">"));
    let text = text.replace("&dii;", "<\u{e14}\u{e35}/>");
    let document = Document::parse(&text).unwrap();
    let mut score = Score::default();
    for case in document.descendants().filter(|n| n.has_tag_name("testCase")) {
        let mut files = BTreeMap::new();
        resources(case, "", &mut files);
        let children = |name: &'static str| case.children().filter(move |n| n.has_tag_name(name));
        for schema in children("incorrect") {
            let found = compile(inner(schema), &files);
            score.add(found.is_err(), || format!("taken, but incorrect: {:.600}", inner(schema)));
        }
        for schema in children("correct") {
            let compiled = match compile(inner(schema), &files) {
                Ok(compiled) => compiled,
                Err(why) => {
                    score.wrong.push(format!("refused: {why}\n{:.300}", inner(schema)));
                    continue;
                }
            };
            score.right += 1;
            for (name, expected) in [("valid", true), ("invalid", false)] {
                for document in children(name) {
                    let said = is_valid(&compiled, &inner(document));
                    score.add(said == expected, || {
                        format!("not {name}: {:.200}\n{:.600}", inner(document), inner(schema))
                    });
                }
            }
        }
    }
    score.finish("spectest", 900);
}

#[test]
fn compacttest() {
    let Some(text) = suite("compacttest.xml") else { return };
    let document = Document::parse(&text).unwrap();
    let mut score = Score::default();
    for case in document.descendants().filter(|n| n.has_tag_name("testCase")) {
        let side = |name: &str| case.children().find(|n| n.has_tag_name(name));
        let compact = side("compact").unwrap();
        let mut files = BTreeMap::new();
        resources(compact, "", &mut files);
        for schema in compact.children().filter(|n| n.has_tag_name("incorrect")) {
            let found = compile(inner(schema), &files);
            score.add(found.is_err(), || format!("taken, but incorrect: {:.600}", inner(schema)));
        }
        for schema in compact.children().filter(|n| n.has_tag_name("correct")) {
            // Some cases are no whole schemas: what counts is that both syntaxes say the same.
            let expected = side("xml").unwrap().children().find(|n| n.has_tag_name("correct")).unwrap();
            let [ours, theirs] = [inner(schema), inner(expected)].map(|text| to_xml(&SourceFile::new("schema", text)));
            match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => {
                    // References keep the name that their syntax gives to files.
                    let (ours, theirs) = (plain(&ours), plain(&theirs));
                    let differ = ours.lines().zip(theirs.lines()).find(|(a, b)| a != b);
                    score.add(ours == theirs, || format!("{differ:#?}\n{:.400}", inner(schema)));
                }
                (Err(why), _) => score.add(false, || format!("refused: {why}\n{:.300}", inner(schema))),
                (_, Err(why)) => score.add(false, || format!("refused: {why}\n{:.300}", inner(expected))),
            }
        }
    }
    score.finish("compacttest", 85);
}

/// Without what has no meaning: documentation, and the order of parameters is kept.
fn plain(schema: &str) -> String {
    schema.lines().filter(|line| !line.contains("a:documentation")).collect::<Vec<_>>().join("\n")
}
