//! `virtc schema`, and checking with another grammar.

use std::path::Path;

use crate::program::{Folder, GOOD};

#[test]
fn an_exported_grammar_checks_as_the_one_that_is_built_in() {
    let folder = Folder::with("good.xml", GOOD);
    folder.write("bad.xml", GOOD.replace("<vcpu>1", "<vcpu>one"));
    let built_in = folder.virtc(&["check", "--format", "json", "bad.xml"]);
    for syntax in ["rnc", "rng"] {
        let ran = folder.virtc(&["schema", "export", "--format", syntax, syntax]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let grammar = format!("{syntax}/domain.{syntax}");
        let check = |file: &str| folder.virtc(&["check", "--format", "json", "--schema", &grammar, file]);
        assert_eq!(check("good.xml").code, 0);
        let bad = check("bad.xml");
        assert_eq!((bad.code, bad.findings()), (1, built_in.findings()), "{}", bad.err);
    }
}

#[test]
fn the_grammar_of_a_host_can_be_taken() {
    let path = "/usr/share/libvirt/schemas/domain.rng";
    if !Path::new(path).exists() {
        std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("skipped: there is no {path}\n")).unwrap();
        return;
    }
    let folder = Folder::with("good.xml", GOOD);
    folder.write("bad.xml", GOOD.replace("<vcpu>1", "<vcpu>one"));
    let check = |file: &str| folder.virtc(&["check", "--format", "json", "--only", "schema", "--schema", path, file]);
    assert_eq!(check("good.xml").code, 0, "{}", check("good.xml").out);
    assert_eq!(check("bad.xml").findings(), ["bad.xml 4 9 error bad-value"]);
}

#[test]
fn a_grammar_that_is_none_is_told_at_its_place() {
    let folder = Folder::with("good.xml", GOOD);
    folder.write("broken.rnc", "start = element a { nowhere }\n");
    folder.write("lost.rnc", "include \"none.rnc\"\n");
    let says = |grammar: &str| {
        let ran = folder.virtc(&["check", "--schema", grammar, "good.xml"]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        ran.err
    };
    assert!(says("broken.rnc").contains("broken.rnc:1:"), "{}", says("broken.rnc"));
    assert!(says("lost.rnc").contains("none.rnc"), "{}", says("lost.rnc"));
    assert!(says("none.rnc").contains("there is no file `none.rnc`"));
}
