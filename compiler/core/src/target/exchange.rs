//! QMP queries and their answers, from a recorded file or from a binary that runs.

use serde_json::{Value, json};

/// A command with its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// The command.
    pub execute: String,
    /// Its arguments.
    pub arguments: Value,
    /// The answer; `None` for an error.
    pub answer: Option<Value>,
}

impl Exchange {
    /// An argument that is a string.
    pub fn argument(&self, name: &str) -> &str {
        self.arguments.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The answer as a list; empty where it is not one.
    pub fn list(&self) -> &[Value] {
        self.answer.as_ref().and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// The commands with their answers in a text that alternates them, as libvirt's `.replies` files do.
///
/// # Errors
/// A message, when the text is not a sequence of such JSON objects.
pub fn recorded(text: &str) -> Result<Vec<Exchange>, String> {
    let mut out: Vec<Exchange> = Vec::new();
    let mut open: Option<Exchange> = None;
    for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let document = document.map_err(|error| error.to_string())?;
        if let Some(execute) = document.get("execute").and_then(Value::as_str) {
            let arguments = document.get("arguments").cloned().unwrap_or(Value::Null);
            if open.is_some() {
                return Err(format!("`{execute}` follows a command that has no answer"));
            }
            open = Some(Exchange { execute: execute.to_owned(), arguments, answer: None });
        } else if document.get("return").is_some() || document.get("error").is_some() {
            let Some(command) = open.take() else { return Err("an answer does not follow a command".to_owned()) };
            out.push(Exchange { answer: document.get("return").cloned(), ..command });
        } else if document.get("event").is_none() && document.get("QMP").is_none() {
            return Err("an object is neither a command nor an answer".to_owned());
        }
    }
    if out.is_empty() { Err("the file contains no commands and answers".to_owned()) } else { Ok(out) }
}

/// The first queries, with their arguments.
pub fn questions() -> Vec<(&'static str, Value)> {
    let devices = json!({"implements": "device", "abstract": false});
    let plain = ["query-version", "query-target", "query-kvm", "query-qmp-schema", "query-machines"];
    let later = ["query-command-line-options", "query-tpm-models", "query-tpm-types"];
    let mut out: Vec<_> = plain.into_iter().map(|name| (name, Value::Null)).collect();
    out.push(("qom-list-types", devices));
    out.extend(later.map(|name| (name, Value::Null)));
    out.extend(cpu_questions());
    out
}

/// The queries about CPUs, for each accelerator.
pub fn cpu_questions() -> Vec<(&'static str, Value)> {
    let model = |name: &str| json!({"type": "static", "model": {"name": name}});
    vec![
        ("query-kvm", Value::Null),
        ("query-cpu-definitions", Value::Null),
        ("query-cpu-model-expansion", model("host")),
        ("query-cpu-model-expansion", model("max")),
    ]
}

/// The queries that depend on the first answers: the properties of each device and machine type.
pub fn more_questions(answers: &[Exchange]) -> Vec<(&'static str, Value)> {
    let mut out = Vec::new();
    let name = |entry: &Value| entry.get("name").and_then(Value::as_str).map(ToOwned::to_owned);
    for exchange in answers {
        match exchange.execute.as_str() {
            "qom-list-types" => {
                let devices = exchange.list().iter().filter_map(name).filter(|name| !name.ends_with("-cpu"));
                out.extend(devices.map(|device| ("device-list-properties", json!({"typename": device}))));
            }
            "query-machines" => {
                // QEMU 7.2 fails an assertion after a query for those of microvm.
                let machines = exchange.list().iter().filter_map(name).filter(|name| name != "microvm");
                out.extend(machines.map(|m| ("qom-list-properties", json!({"typename": format!("{m}-machine")}))));
            }
            "query-target" => {
                let arch = exchange.answer.as_ref().and_then(|a| a.get("arch")).and_then(Value::as_str);
                out.extend(arch.map(|a| ("qom-list-properties", json!({"typename": format!("max-{a}-cpu")}))));
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_paired_with_their_answers() {
        let text = r#"{"execute":"query-kvm","id":"a"} {"return":{"present":true},"id":"a"}
            {"execute":"x","arguments":{"typename":"y"}} {"error":{"class":"GenericError"}}"#;
        let all = recorded(text).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].answer, Some(json!({"present": true})));
        assert_eq!((all[1].argument("typename"), &all[1].answer), ("y", &None));
        for bad in ["", "{", "[1]", r#"{"return":1}"#, r#"{"execute":"a"}{"execute":"b"}"#] {
            assert!(recorded(bad).is_err(), "{bad}");
        }
    }
}
