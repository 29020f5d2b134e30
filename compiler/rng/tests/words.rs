//! Words that a schema's owner knows are suggested where the schema allows them, and findings that follow from a fault are known.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use virtc_diag::{Diagnostic, SourceFile};
use virtc_rng::{Schema, Synonyms};

const SCHEMA: &str = "
start = element guest { card*, element relaxed { attribute state { 'on' | 'off' } }?, element cpu { attribute mode { 'host-model' | 'host-passthrough' | 'custom' } }? }
card = element card {
  (attribute type { 'bridge' }, element source { attribute bridge { text } })
  | (attribute type { 'direct' }, element source { attribute dev { text }, attribute mode { text }? })
  | (attribute type { 'user' }, element source { attribute dev { text } }?)
}";

const SYNONYMS: Synonyms = Synonyms {
    elements: &[("nic", &["card"])],
    attributes: &[("enabled", &["state"]), ("dev", &["bridge"])],
    values: &[("yes", &["on", "always"]), ("macvtap", &["direct"]), ("host", &["host-passthrough", "host-model"])],
};

fn said(text: &str) -> Vec<Diagnostic> {
    let schema = Schema::compile(&SourceFile::new("s", SCHEMA), &mut |_, _| Err(String::new())).unwrap();
    let schema = schema.with_synonyms(SYNONYMS);
    let (document, _) = virtc_xml::parse(&SourceFile::new("d", text));
    schema.validate(&document).1.into_iter().collect()
}

/// The one finding, as message and help.
fn one(text: &str) -> (String, String) {
    let found = said(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    (found[0].message.clone(), found[0].help.clone().unwrap_or_default())
}

#[test]
fn an_attribute_of_another_name_and_value() {
    let (message, help) = one("<guest><relaxed enabled='yes'/></guest>");
    assert_eq!((&*message, &*help), ("`<relaxed>` takes no attribute `enabled`", "write `state='on'`"));
    let fix = said("<guest><relaxed enabled='yes'/></guest>").remove(0).fix.unwrap();
    assert_eq!(fix.edits[0].text, "state='on'");
}

#[test]
fn values_are_suggested_where_they_are_allowed() {
    let (_, help) = one("<guest><card type='macvtap'><source dev='eth0'/></card></guest>");
    assert!(help.starts_with("did you mean `direct`?"), "{help}");
    let (_, help) = one("<guest><cpu mode='host'/></guest>");
    assert!(help.starts_with("did you mean `host-passthrough` or `host-model`?"), "{help}");
    let (_, help) = one("<guest><relaxed state='macvtap'/></guest>");
    assert_eq!(help, "expected `off` or `on`");
}

#[test]
fn a_name_is_a_better_guess_than_one_of_several_forms() {
    let (message, help) = one("<guest><card type='bridge'><source dev='br0'/></card></guest>");
    assert_eq!(message, "`<source>` takes no attribute `dev`");
    assert!(help.starts_with("did you mean `bridge`?"), "{help}");
    // Only one form fits: that is the better guess.
    let (message, _) = one("<guest><card type='bridge'><source dev='eth0' mode='vepa'/></card></guest>");
    assert_eq!(message, "`<card type='bridge'>`, but the content is that of `direct`");
}

#[test]
fn elements_of_another_name() {
    let (_, help) = one("<guest><nic type='bridge'><source bridge='br0'/></nic></guest>");
    assert_eq!(help, "did you mean `<card>`?");
    let (_, help) = one("<guest><nic><what/></nic></guest>");
    assert_eq!(help, "did you mean `<card>`?");
}

#[test]
fn all_that_is_allowed_is_for_machines() {
    let found = said("<guest><cpu mode='none'/></guest>");
    assert_eq!(found[0].alternatives, ["custom", "host-model", "host-passthrough"]);
}

#[test]
fn consequences_of_a_fault() {
    let schema = Schema::compile(&SourceFile::new("s", SCHEMA), &mut |_, _| Err(String::new())).unwrap();
    let text = "<guest><card type='bridge'><source brdge='a'/></card><card type='user'/><relaxed/></guest>";
    let (document, _) = virtc_xml::parse(&SourceFile::new("d", text));
    let (validated, found) = schema.validate(&document);
    assert_eq!(found.len(), 2, "{found:#?}");
    let [bridge, user, relaxed]: [_; 3] = document.root().unwrap().children().collect::<Vec<_>>().try_into().unwrap();
    let explained = |span| validated.explains(span);
    assert!(explained(bridge.span()) && explained(bridge.name_span()) && explained(relaxed.span()));
    assert!(!explained(user.span()), "nothing is wrong there");
    assert!(!explained(bridge.attribute("type").unwrap().value_span()), "a value of its own");
}
