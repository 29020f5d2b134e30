//! `cargo xtask words`: what messages say about values that people might write.

use std::collections::BTreeSet;
use std::path::PathBuf;

use virtc_diag::{Diagnostic, SourceFile};
use virtc_rng::{Form, Part, Schema};
use virtc_xml::{Attribute, Element};

use crate::hold::corpus::Case;
use crate::hold::grammar::Root;
use crate::{Outcome, process};

/// Write wrong words for the values of attributes, and count what the messages get wrong: regular expressions, and text
/// about another value
#[derive(clap::Args)]
pub struct Args {
    /// A folder with definitions to start from, besides testdata/grammar
    #[arg(long)]
    corpus: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Default)]
struct Sum {
    /// Values that were replaced, and for which a value was called wrong.
    values: usize,
    /// Messages that suggest a word.
    suggested: usize,
    /// Messages without any help.
    without_help: usize,
    /// Messages that show a regular expression.
    expressions: Vec<String>,
    /// Messages whose help has the documentation of another value.
    foreign: Vec<String>,
}

/// Counts.
///
/// # Errors
/// When a message shows a regular expression or speaks of another value.
pub fn run(args: &Args) -> Outcome {
    let folder = args.corpus.clone().unwrap_or_else(|| process::root().join("testdata/check"));
    let mut sum = Sum::default();
    for root in [Root::Domain, Root::Network, Root::Device] {
        measure(root.embedded(), &root.cases(&folder).unwrap_or_default(), &mut sum);
    }
    for fault in sum.expressions.iter().chain(&sum.foreign) {
        println!("{fault}");
    }
    println!("{} values replaced, {} words suggested, {} without help", sum.values, sum.suggested, sum.without_help);
    println!("{} regular expressions, {} texts about another value", sum.expressions.len(), sum.foreign.len());
    if sum.expressions.is_empty() && sum.foreign.is_empty() { Ok(()) } else { Err("messages are wrong".into()) }
}

/// Replaces each value of each attribute of the valid documents, where an element with that path, name and attributes
/// was not seen before.
fn measure(schema: &Schema, cases: &[Case], sum: &mut Sum) {
    let mut seen = BTreeSet::new();
    let mut validator = schema.validator();
    for case in cases.iter().filter(|case| validator.is_valid(&case.document)) {
        let number = u32::try_from(case.document.node_count()).unwrap_or_default();
        for element in (0..number).filter_map(|id| case.document.element(id)) {
            for attribute in element.attributes() {
                let value = attribute.value();
                // Capitals; a word with another one after a hyphen, as QEMU has many; a word that means nothing.
                for wrong in [value.to_uppercase(), format!("{value}-pci"), "frobnicate".to_owned(), "amd64".to_owned()]
                {
                    if wrong != value && seen.insert((path(element), attribute.name(), wrong.clone())) {
                        replace(schema, case, element, attribute, &wrong, sum);
                    }
                }
            }
        }
    }
}

/// The names of an element and of those around it, with the attributes that decide what they hold.
fn path(element: Element<'_>) -> String {
    let mut text = String::new();
    let mut at = Some(element);
    while let Some(element) = at {
        let form = element.attribute("type").or_else(|| element.attribute("mode")).map_or("", |found| found.value());
        text = format!("{}[{form}]/{text}", element.name());
        at = element.parent();
    }
    text
}

fn replace(schema: &Schema, case: &Case, element: Element<'_>, attribute: Attribute<'_>, wrong: &str, sum: &mut Sum) {
    let mut text = case.text().to_owned();
    text.replace_range(attribute.value_span().range(), wrong);
    let source = SourceFile::new(case.path.display().to_string(), text);
    let (document, _) = virtc_xml::parse(&source);
    let (_, found) = schema.validate(&document);
    let at = attribute.value_span().start;
    let is_here =
        |found: &&Diagnostic| found.code.name == "bad-value" && found.span.is_some_and(|span| span.start == at);
    let Some(found) = found.iter().find(is_here) else { return };
    sum.values += 1;
    let help = found.help.as_deref().unwrap_or_default();
    sum.without_help += usize::from(help.is_empty());
    let suggested = help.strip_prefix("did you mean `").and_then(|rest| rest.split_once('`')).map(|(word, _)| word);
    sum.suggested += usize::from(suggested.is_some());
    let fault = || {
        let place = found.span.map(|span| source.locate(span)).unwrap_or_default();
        format!("{place}: {}: {}", found.message, help.replace('\n', " / "))
    };
    let is_expression = |pattern: &&String| pattern.contains(['[', '\\', '*', '+', '|', '{', '(']);
    if found.patterns.iter().filter(is_expression).any(|pattern| help.contains(pattern.as_str()))
        || help.contains("[0-9")
    {
        sum.expressions.push(fault());
    }
    if is_foreign(schema, case, element, attribute, help, suggested) {
        sum.foreign.push(fault());
    }
}

/// Whether a help has the documentation of a form of the attribute that it should not have: several forms are possible
/// in this place, by the other attributes, and it is not that of the word which is suggested.
fn is_foreign(
    schema: &Schema,
    case: &Case,
    element: Element<'_>,
    attribute: Attribute<'_>,
    help: &str,
    suggested: Option<&str>,
) -> bool {
    // The place as it is without the attribute, whose value decides nothing.
    let mut text = case.text().to_owned();
    text.replace_range(attribute.span().range(), "");
    let (document, _) = virtc_xml::parse(&SourceFile::new("without", text));
    let Some(permitted) = document.element(element.id()).and_then(|place| schema.permitted(place)) else {
        return false;
    };
    let is_named = |part: &&Part<'_>| match part.form() {
        Form::Attribute { names, .. } => names.iter().any(|(_, found)| *found == attribute.name()),
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
        | Form::Choice(_) => false,
    };
    let said: String = help.lines().skip(1).collect::<Vec<_>>().join("\n");
    let shows = |part: &&Part<'_>| !part.doc().is_empty() && said.contains(part.doc());
    let all = permitted.attributes.iter().filter(is_named);
    let possible: Vec<&Part<'_>> = permitted.missing.iter().filter(is_named).collect();
    let of_word = |part: &&Part<'_>| match (part.form(), suggested) {
        (Form::Attribute { value, .. }, Some(word)) => value.takes(word),
        _ => false,
    };
    let docs: BTreeSet<&str> = possible.iter().map(|part| part.doc()).collect();
    let right: Vec<&Part<'_>> = possible.into_iter().filter(|part| docs.len() == 1 || of_word(part)).collect();
    all.into_iter().any(|part| shows(&part)) && !right.into_iter().any(|part| shows(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_speak_of_what_is_meant() {
        let mut sum = Sum::default();
        for root in [Root::Domain, Root::Network, Root::Device] {
            measure(
                root.embedded(),
                &root.cases(&process::root().join("testdata/check")).unwrap_or_default(),
                &mut sum,
            );
        }
        assert!(sum.values > 500 && sum.suggested > 100, "{} values, {} suggested", sum.values, sum.suggested);
        assert!(sum.expressions.is_empty() && sum.foreign.is_empty(), "{sum:#?}");
    }
}
