//! Constraints on single patterns (specification 4.16).

use crate::datatype::{self, Datatype};
use crate::error::Fault;
use crate::syntax::ast::{Data, Kind, NameClass, NameKind, Pattern, Value};

const XMLNS: &str = "http://www.w3.org/2000/xmlns";

/// Checks a pattern, not what it is made of.
pub(super) fn check_pattern(pattern: &Pattern, faults: &mut Vec<Fault>) {
    match &pattern.kind {
        Kind::Element(class, _) => check_class(class, Within::Nothing, faults),
        Kind::Attribute(class, _) => {
            check_class(class, Within::Nothing, faults);
            check_attribute(class, faults);
        }
        Kind::Data(data) => check_data(pattern, data, faults),
        Kind::Value(value) => {
            if let Err(message) = check_value(value) {
                faults.push(Fault::new(pattern.at, message));
            }
        }
        Kind::Empty
        | Kind::NotAllowed
        | Kind::Text
        | Kind::Group(_)
        | Kind::Interleave(_)
        | Kind::Choice(_)
        | Kind::Optional(_)
        | Kind::ZeroOrMore(_)
        | Kind::OneOrMore(_)
        | Kind::List(_)
        | Kind::Mixed(_)
        | Kind::Ref(_)
        | Kind::ParentRef(_)
        | Kind::External(_)
        | Kind::Grammar(_)
        | Kind::Scope(_) => {}
    }
}

/// What a name class is excepted from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    AnyName,
    NsName,
}

fn check_class(class: &NameClass, within: Within, faults: &mut Vec<Fault>) {
    match &class.kind {
        NameKind::Any(except) => {
            if within != Within::Nothing {
                faults.push(Fault::new(class.at, "any name cannot be excepted"));
            }
            if let Some(except) = except {
                check_class(except, Within::AnyName, faults);
            }
        }
        NameKind::Ns(_, except) => {
            if within == Within::NsName {
                faults.push(Fault::new(
                    class.at,
                    "all names of a namespace cannot be excepted from those of a namespace",
                ));
            }
            if let Some(except) = except {
                check_class(except, Within::NsName, faults);
            }
        }
        NameKind::Name(..) => {}
        NameKind::Choice(classes) => classes.iter().for_each(|class| check_class(class, within, faults)),
    }
}

fn check_attribute(class: &NameClass, faults: &mut Vec<Fault>) {
    match &class.kind {
        NameKind::Any(except) => except.iter().for_each(|except| check_attribute(except, faults)),
        NameKind::Ns(ns, except) => {
            if &**ns == XMLNS {
                faults.push(Fault::new(class.at, "namespace declarations are no attributes"));
            }
            if let Some(except) = except {
                check_attribute(except, faults);
            }
        }
        NameKind::Name(ns, local) => {
            if &**ns == XMLNS || (ns.is_empty() && &**local == "xmlns") {
                faults.push(Fault::new(class.at, "namespace declarations are no attributes"));
            }
        }
        NameKind::Choice(classes) => classes.iter().for_each(|class| check_attribute(class, faults)),
    }
}

fn check_data(pattern: &Pattern, data: &Data, faults: &mut Vec<Fault>) {
    let ty = match datatype::find(&data.library, &data.name) {
        Ok(ty) => ty,
        Err(message) => return faults.push(Fault::new(pattern.at, message)),
    };
    for param in &data.params {
        let single = vec![(param.name.clone(), param.value.clone())];
        let checked = if ty.is_built_in() {
            Err(format!("datatype `{}` takes no parameters", data.name))
        } else {
            Datatype::new(ty, single).check()
        };
        if let Err(message) = checked {
            faults.push(Fault::new(param.at, message));
        }
    }
}

fn check_value(value: &Value) -> Result<(), String> {
    let ty = datatype::find(&value.library, &value.name)?;
    if ty.is_name_with_prefix() {
        let unbound = value.text.contains(':') && value.prefix_ns.is_none();
        return if unbound { Err(format!("the prefix of `{}` is not declared", value.text)) } else { Ok(()) };
    }
    if Datatype::new(ty, Vec::new()).allows(&value.text, None) {
        Ok(())
    } else {
        Err(format!("`{}` is no value of datatype `{}`", value.text, value.name))
    }
}
