//! Size, depth and threads: nothing here may take long, overflow the stack or panic.

#![expect(clippy::disallowed_methods, reason = "a test that reads its own processor time")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use virtc_diag::SourceFile;
use virtc_rng::Schema;

fn compile(text: &str) -> Result<Schema, String> {
    let schema = Schema::compile(&SourceFile::new("schema", text), &mut |_, _| Err("no files here".to_owned()));
    schema.map_err(|errors| errors.to_string())
}

fn faults(schema: &Schema, text: String) -> usize {
    let (document, _) = virtc_xml::parse(&SourceFile::new("document", text));
    schema.validate(&document).1.len()
}

const LIST: &str = "start = element list { item* }
    item = element item { attribute n { xsd:int }, (element a { text }? & element b { empty }? & item*) }";

const ITEM: &str = "<item n='1'><b/><a>x</a></item>";

#[test]
fn a_hundred_thousand_elements() {
    let schema = compile(LIST).unwrap();
    assert_eq!(faults(&schema, format!("<list>{}</list>", ITEM.repeat(33_334))), 0);
    let faulty = "<item n='x'><c/><a>x</a><a/></item>";
    assert_eq!(faults(&schema, format!("<list>{}</list>", faulty.repeat(33_334))), 100);
    assert_eq!(faults(&schema, format!("<list>{}</list>", "<other/>".repeat(100_000))), 100);
}

#[test]
fn all_the_depth_that_documents_have() {
    let schema = compile(LIST).unwrap();
    let depth = virtc_xml::MAX_DEPTH - 1;
    let nested = |inner: &str| {
        let (open, close) = ("<item n='1'>".repeat(depth - 1), "</item>".repeat(depth - 1));
        format!("<list>{open}{inner}{close}</list>")
    };
    assert_eq!(faults(&schema, nested("")), 0);
    assert_eq!(faults(&schema, nested("x")), 1);
}

/// Each of many members may come once, in any order: the states are exponential, but a document meets few.
#[test]
fn wide_interleaves() {
    let mut schema = "start = element r { e0?".to_owned();
    (1..80).for_each(|i| write!(schema, " & e{i}?").unwrap());
    schema.push_str(" }\n");
    (0..80).for_each(|i| writeln!(schema, "e{i} = element e{i} {{ empty }}").unwrap());
    let schema = compile(&schema).unwrap();
    let mut validator = schema.validator();
    for shift in 0..80 {
        let mut all = String::new();
        (0..80).for_each(|i| write!(all, "<e{}/>", (i * 7 + shift) % 80).unwrap());
        let (document, _) = virtc_xml::parse(&SourceFile::new("d", format!("<r>{all}</r>")));
        assert!(validator.is_valid(&document));
        let (document, _) = virtc_xml::parse(&SourceFile::new("d", format!("<r>{all}<e3/></r>")));
        assert_eq!(validator.validate(&document).1.len(), 1);
    }
}

/// Ambiguity without end must not multiply.
#[test]
fn ambiguous_repetition() {
    let schema = compile("start = element r { (a | a, a | (a, (a | a)*)*)* }\na = element a { (a* , a*)* }");
    assert!(schema.is_err(), "`,` and `|` are mixed");
    let schema = compile("start = element r { (a | (a, a) | (a, (a | a)*)*)* }\na = element a { (a* , a*)* }").unwrap();
    assert_eq!(faults(&schema, format!("<r>{}</r>", "<a><a/><a><a/></a></a>".repeat(5000))), 0);
    assert_eq!(faults(&schema, format!("<r>{}<b/></r>", "<a/>".repeat(5000))), 1);
}

#[test]
fn schemas_that_are_too_deep() {
    for text in [
        format!("start = {}element a {{ empty }}{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("start = element a {{ {}text{} }}", "mixed { ".repeat(100_000), "}".repeat(100_000)),
        format!("start = element a {{ empty >> {} x [] {} }}", "x [".repeat(50_000), "]".repeat(50_000)),
        format!(
            "{}<empty/>{}",
            "<group xmlns='http://relaxng.org/ns/structure/1.0'>".repeat(50_000),
            "</group>".repeat(50_000)
        ),
    ] {
        let said = compile(&text).unwrap_err();
        assert!(said.contains("nested") || said.contains("depth") || said.contains("nodes"), "{said}");
    }
    let mut chain = "start = element a { d0 }\n".to_owned();
    (0..20_000).for_each(|i| writeln!(chain, "d{i} = (element e{i} {{ empty }}, d{})?", i + 1).unwrap());
    chain.push_str("d20000 = empty");
    assert!(compile(&chain).unwrap_err().contains("nested too deeply"));
}

#[test]
fn files_that_refer_to_each_other() {
    let source = SourceFile::new("a", "include \"b\"\nstart = element a { empty }");
    let errors = Schema::compile(&source, &mut |href, from| {
        Ok(SourceFile::new(if href == "b" { "b" } else { "a" }, if from.name() == "a" { "include \"a\"" } else { "" }))
    });
    assert_eq!(errors.unwrap_err().to_string(), "b:1:1: `a` refers to itself");
}

#[test]
fn threads_share_a_schema() {
    let schema = compile(LIST).unwrap();
    std::thread::scope(|scope| {
        let run =
            || (0..50).map(|i| faults(&schema, format!("<list>{}</list>", "<item n='1'/>".repeat(i)))).sum::<usize>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 0));
    });
}

/// The processor time of this thread so far; where the system does not tell, the time of day.
fn spent(began: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.as_deref().and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| began.elapsed(), Duration::from_nanos)
}

/// How long the fastest of three runs takes.
fn fastest(run: &dyn Fn()) -> Duration {
    let began = Instant::now();
    let time = || {
        let before = spent(began);
        run();
        spent(began).saturating_sub(before)
    };
    (0..3).map(|_| time()).min().unwrap()
}

/// Four times as much takes four times as long, and not sixteen times.
fn is_linear(what: &str, run: &dyn Fn(usize)) {
    let (small, large) = (fastest(&|| run(10_000)), fastest(&|| run(40_000)));
    assert!(large < small * 10 + Duration::from_millis(20), "{what}: {small:?} for 10,000, {large:?} for 40,000");
}

#[test]
fn time_is_linear_in_the_document() {
    let schema = compile(LIST).unwrap();
    is_linear("valid", &|count| assert_eq!(faults(&schema, format!("<list>{}</list>", ITEM.repeat(count))), 0));
    is_linear("faulty", &|count| assert_eq!(faults(&schema, format!("<list>{}</list>", "<x/>".repeat(count))), 100));
    let numbered = |count: usize, each: &dyn Fn(&mut String, usize)| {
        let mut text = String::new();
        (0..count).for_each(|i| each(&mut text, i));
        text
    };
    is_linear("attributes", &|count| {
        let all = numbered(count, &|text, i| write!(text, " a{i}=''").unwrap());
        assert_eq!(faults(&schema, format!("<list><item{all}/></list>")), 100);
    });
    is_linear("names", &|count| {
        let all = numbered(count, &|text, i| write!(text, "<a{i}/>").unwrap());
        assert_eq!(faults(&schema, format!("<list>{all}</list>")), 100);
    });
    is_linear("namespaces", &|count| {
        let all = numbered(count, &|text, i| write!(text, " xmlns:p{i}='u{i}'").unwrap());
        let inside = "<p:x xmlns:p='u'/>".repeat(count);
        assert_eq!(faults(&schema, format!("<list{all}>{inside}</list>")), 100);
    });
    is_linear("a long name and a long value", &|count| {
        let long = "x".repeat(count * 10);
        assert_eq!(faults(&schema, format!("<list><item {long}='1'/><item n='{long}'/><{long}/></list>")), 3);
    });
}

/// A schema with `count` elements, joined by `join`, each followed by `mark`.
fn wide(count: usize, join: &str, mark: &str) -> String {
    let all: Vec<String> = (0..count).map(|i| format!("e{i}{mark}")).collect();
    let mut text = format!("start = element r {{ {} }}\n", all.join(join));
    (0..count).for_each(|i| writeln!(text, "e{i} = element e{i} {{ empty }}").unwrap());
    text
}

#[test]
fn a_hundred_thousand_patterns() {
    is_linear("schema", &|count| drop(compile(&wide(count / 10, " & ", "?")).unwrap()));
    for (join, mark) in [(" | ", ""), (" , ", ""), (" , ", "?"), (" & ", "?")] {
        let what = format!("e0{mark}{join}e1{mark}…");
        // Each element is a reference, an element and what is in it.
        let schema = compile(&wide(33_334, join, mark)).unwrap();
        let mut validator = schema.validator();
        let run = |count: usize| -> String { (0..count).map(|i| format!("<e{i}/>")).collect() };
        // Where any may come next, each name is looked for in all the schema.
        let all = match (join, mark) {
            (" | ", _) => run(1),
            (" , ", "") => run(33_334),
            _ => run(100),
        };
        let (document, _) = virtc_xml::parse(&SourceFile::new("d", format!("<r>{all}</r>")));
        assert!(validator.is_valid(&document), "{what}");
        let (document, _) = virtc_xml::parse(&SourceFile::new("d", format!("<r>{all}<f/></r>")));
        let found = validator.validate(&document).1;
        assert_eq!(found.len(), 1, "{what}: {found:?}");
    }
}

#[test]
fn a_small_stack_is_enough() {
    let schema = compile(LIST).unwrap();
    let depth = virtc_xml::MAX_DEPTH - 1;
    let (open, close) = ("<item n='1'>".repeat(depth - 1), "</item>".repeat(depth - 1));
    let texts = ["", "x", "<c/>"].map(|inner| format!("<list>{open}{inner}{close}</list>"));
    std::thread::scope(|scope| {
        let run = || texts.map(|text| faults(&schema, text));
        let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn_scoped(scope, run);
        assert_eq!(thread.unwrap().join().unwrap(), [0, 1, 1]);
    });
}
