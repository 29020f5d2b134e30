//! Any string in any name, path or value reaches QEMU as that string and nothing else, or is refused.

use crate::compiler::Compiler;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

/// What is in for the string in a template.
const PLACE: &str = "@@";
/// A string that needs no quoting anywhere.
const PLAIN: &str = "plain";

/// Domains with a place for a string, and what must be before it so that the grammar takes it.
const TEMPLATES: &[(&str, &str, &str)] = &[
    ("a name", "", "<name>@@</name>"),
    ("a path", "/", "<name>n</name>@devices@<disk type='file'><source file='@@'/><target dev='vda'/></disk>"),
    ("a device", "/", "<name>n</name>@devices@<disk type='block'><source dev='@@'/><target dev='vda'/></disk>"),
    ("a socket", "/", "<name>n</name>@devices@<serial type='unix'><source mode='connect' path='@@'/></serial>"),
    ("a log", "/", "<name>n</name>@devices@<serial type='null'><log file='@@'/></serial>"),
    ("a pipe", "/", "<name>n</name>@devices@<parallel type='pipe'><source path='@@'/></parallel>"),
    ("a port", "", "<name>n</name>@devices@<channel type='null'><target type='virtio' name='@@'/></channel>"),
    (
        "a service",
        "",
        "<name>n</name>@devices@<serial type='tcp'><source mode='connect' host='h' service='@@'/></serial>",
    ),
    ("a host", "", "<name>n</name>@devices@<serial type='tcp'><source mode='connect' host='@@' service='1'/></serial>"),
    ("an entropy source", "/", "<name>n</name>@devices@<rng model='virtio'><backend model='random'>@@</backend></rng>"),
    ("a firmware", "/", "<name>n</name>@loader@<loader type='rom'>@@</loader>"),
    ("a kernel", "/", "<name>n</name>@loader@<kernel>@@</kernel>"),
    ("a kernel's arguments", "", "<name>n</name>@loader@<kernel>/k</kernel><cmdline>@@</cmdline>"),
    ("an argument", "", "<name>n</name>@arg@"),
];

/// A whole domain.
fn domain(template: &str, text: &str) -> String {
    let machine = "<memory unit='MiB'>256</memory><os><type arch='x86_64' machine='pc'>hvm</type>";
    let body = if let Some((name, devices)) = template.split_once("@devices@") {
        format!("{name}{machine}</os><devices>{devices}</devices>")
    } else if let Some((name, loader)) = template.split_once("@loader@") {
        format!("{name}{machine}{loader}</os>")
    } else if let Some(name) = template.strip_suffix("@arg@") {
        format!("{name}{machine}</os><q:commandline><q:arg value='@@'/></q:commandline>")
    } else {
        format!("{template}{machine}</os>")
    };
    let escaped = text.chars().fold(String::new(), |escaped, c| escaped + &format!("&#{};", u32::from(c)));
    let uuid = "<uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>";
    let namespace = "http://libvirt.org/schemas/domain/qemu/1.0";
    format!("<domain type='kvm' xmlns:q='{namespace}'>{uuid}{}</domain>", body.replace(PLACE, &escaped))
}

/// An argument as QEMU reads it: JSON, or options of which a comma is doubled.
#[derive(Debug, Clone, PartialEq)]
enum Read {
    Json(Value),
    Options(Vec<String>),
}

impl Read {
    fn new(argument: &str) -> Self {
        if let Ok(value @ Value::Object(_)) = serde_json::from_str(argument) {
            return Self::Json(value);
        }
        let mut options = vec![String::new()];
        let mut rest = argument.chars().peekable();
        while let Some(next) = rest.next() {
            if next == ',' && rest.next_if_eq(&',').is_none() {
                options.push(String::new());
            } else {
                options.last_mut().unwrap().push(next);
            }
        }
        Self::Options(options)
    }

    /// The same with another string in the place of the plain one.
    fn with(self, text: &str) -> Self {
        match self {
            Self::Json(value) => Self::Json(replaced(value, text)),
            Self::Options(options) => {
                Self::Options(options.into_iter().map(|option| option.replace(PLAIN, text)).collect())
            }
        }
    }
}

fn replaced(value: Value, text: &str) -> Value {
    match value {
        Value::String(string) => string.replace(PLAIN, text).into(),
        Value::Array(values) => values.into_iter().map(|value| replaced(value, text)).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, replaced(value, text))).collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
    }
}

/// Whether QEMU takes the whole argument as it is: there is nothing to read in it.
fn is_verbatim(before: Option<&String>) -> bool {
    before.is_none_or(|before| matches!(before.as_str(), "-kernel" | "-append" | "-initrd" | "-bios"))
}

/// A place for strings, and the command line with a plain string in it.
struct Place {
    what: &'static str,
    start: &'static str,
    template: &'static str,
    plain: Vec<String>,
}

fn places(compiler: &mut Compiler) -> Vec<Place> {
    let of = |&(what, start, template)| {
        let plain = compiler.argv(&domain(template, &format!("{start}{PLAIN}")));
        assert!(plain.is_some(), "{what}: a plain string is refused");
        Place { what, start, template, plain: plain.unwrap() }
    };
    TEMPLATES.iter().map(of).collect()
}

/// What comes of a string at a place: `false` where it is refused.
fn holds(compiler: &mut Compiler, place: &Place, text: &str) -> Result<bool, String> {
    let Place { what, start, template, plain } = place;
    let text = format!("{start}{text}");
    let Some(made) = compiler.argv(&domain(template, &text)) else { return Ok(false) };
    if made.len() != plain.len() {
        return Err(format!("{what}: {text:?} makes {} arguments of {}", made.len(), plain.len()));
    }
    let verbatim =
        |at: usize| template.ends_with("@arg@") || is_verbatim(at.checked_sub(1).and_then(|at| plain.get(at)));
    for (at, (made, plain)) in made.iter().zip(plain).enumerate() {
        let fits = if verbatim(at) {
            *made == plain.replace(&format!("{start}{PLAIN}"), &text)
        } else {
            Read::new(made) == Read::new(&plain.replace(&format!("{start}{PLAIN}"), PLAIN)).with(&text)
        };
        if !fits {
            return Err(format!("{what}: {text:?} is read from {made:?}"));
        }
    }
    Ok(true)
}

/// Strings of characters that an XML document can hold, most of which mean something to somebody.
fn strings() -> impl Strategy<Value = String> {
    let special = prop::sample::select(",=-\"'\\{}[]:;#%$&<>@~ \t\n\r/|*?()^!0n".chars().collect::<Vec<_>>());
    let other = any::<char>().prop_filter(
        "XML can hold it",
        |c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..),
    );
    prop::collection::vec(prop_oneof![4 => special, 2 => prop::char::range('a', 'z'), 1 => other], 1..12)
        .prop_map(String::from_iter)
}

#[test]
fn every_string_arrives() {
    let mut compiler = Compiler::default();
    for place in places(&mut compiler) {
        let mut arrived = 0;
        let mut runner = TestRunner::new(Config { cases: 256, failure_persistence: None, ..Config::default() });
        for _ in 0..256 {
            let text = strings().new_tree(&mut runner).unwrap().current();
            match holds(&mut compiler, &place, &text) {
                Ok(true) => arrived += 1,
                Ok(false) => {}
                Err(why) => panic!("{why}"),
            }
        }
        assert!(arrived > 0, "{}: every string was refused", place.what);
    }
}

#[test]
fn strings_that_have_broken_others() {
    let mut compiler = Compiler::default();
    let texts = [
        "a,b",
        ",",
        ",,",
        ",,,",
        "a=b",
        "id=x",
        ",id=x",
        "-S",
        "--",
        "a b",
        "'",
        "\"",
        "\\",
        "{state}",
        "{fd:monitor}",
        "%s",
        "$HOME",
        "a\nb",
        "\u{e9}",
        "\u{1f600}",
        "nbd:x",
        "fat:x",
        "json:{}",
        "file=x,format=raw",
        "]}",
        "\\u0041",
        "&amp;",
    ];
    for place in places(&mut compiler) {
        let arrived: Vec<bool> = texts.iter().map(|text| holds(&mut compiler, &place, text).unwrap()).collect();
        assert!(arrived.contains(&true), "{}", place.what);
    }
}

#[test]
fn what_is_no_character_is_refused() {
    let mut compiler = Compiler::default();
    for reference in ["&#0;", "&#x1;", "&#xfffe;", "&#xd800;", "&#1114112;"] {
        let text = domain("<name>n</name>@loader@<kernel>/@@</kernel>", "x").replace("&#120;", reference);
        assert_eq!(compiler.argv(&text), None, "{reference}");
    }
}
