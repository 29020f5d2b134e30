//! The project speaks of itself only.

/// What no file may hold, in small letters; the bar keeps this list from finding itself.
const FORBIDDEN: &[(&str, &str)] = &[
    ("cla|ude", "a tool of the writing"),
    ("anth|ropic", "a tool of the writing"),
    ("open|ai", "a tool of the writing"),
    ("chat|gpt", "a tool of the writing"),
    ("cop|ilot", "a tool of the writing"),
    ("language mo|del", "a tool of the writing"),
    ("sub|agent", "a tool of the writing"),
    ("coding ag|ent", "a tool of the writing"),
    ("this se|ssion", "the circumstances of the writing"),
    ("the foun|der", "the circumstances of the writing"),
    ("/wo|rk/", "a path of one machine"),
    ("shared/des|ign", "a path of one machine"),
    ("crates|.io", "a registry's host"),
    ("docs|.rs", "a registry's host"),
    ("py|pi.org", "a registry's host"),
    ("npm|js.org", "a registry's host"),
    ("deb.deb|ian.org", "a registry's host"),
    ("to|do!(", "something that is not done"),
    ("unimple|mented!(", "something that is not done"),
    ("fix|me", "something that is not done"),
];

/// Files that other programs write.
const WRITTEN_BY_OTHERS: &[&str] = &["Cargo.lock", "fuzz/Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT"];

fn faults(path: &str, text: &str) -> Vec<String> {
    let small = text.to_lowercase();
    let mut found = Vec::new();
    for (word, what) in FORBIDDEN {
        let word = word.replace('|', "");
        let lines = (1..).zip(small.lines()).filter(|(_, line)| line.contains(&word));
        found.extend(lines.map(|(number, _)| format!("{path}:{number}: `{word}` is {what}")));
    }
    found
}

#[test]
fn no_file_speaks_of_other_things() {
    let texts = super::texts();
    let ours = texts.iter().filter(|(path, _)| !WRITTEN_BY_OTHERS.contains(&path.as_str()));
    super::none(&ours.flat_map(|(path, text)| faults(path, text)).collect::<Vec<_>>());
}

#[test]
fn a_forbidden_word_is_found() {
    let text = format!("fine\nas {} says\n", FORBIDDEN[0].0.replace('|', "").to_uppercase());
    assert_eq!(faults("a.md", &text), ["a.md:2: `cla\u{75}de` is a tool of the writing"]);
    assert_eq!(faults("a.md", "a guest agent in a session of `qemu:///session`"), Vec::<String>::new());
    for (word, _) in FORBIDDEN {
        assert!(word.matches('|').count() == 1 && *word == word.to_lowercase(), "{word}");
    }
}
