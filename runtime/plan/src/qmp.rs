//! What is said to a running QEMU over QMP, what is awaited, for how long, and how it is taken back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Arg;

/// One command, as QEMU takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct QmpCall {
    /// The command's name.
    pub execute: String,
    /// Its arguments. Text in here is literal.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub arguments: Map<String, Value>,
    /// Strings in `arguments` that the host fills in: JSON pointer (RFC 6901) to the text that goes there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub holes: BTreeMap<String, Arg>,
    /// The descriptor of the plan that is sent along with the command (`getfd`, `add-fd`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<String>,
}

impl QmpCall {
    /// A command with these arguments, no hole and no descriptor.
    pub fn new(execute: impl Into<String>, arguments: Map<String, Value>) -> Self {
        Self { execute: execute.into(), arguments, holes: BTreeMap::new(), fd: None }
    }

    /// `{"execute":…, "arguments":…}` with every hole filled by `fill`.
    ///
    /// # Errors
    /// The first error of `fill`, or [`BadPointer`] (through `From`) where a hole points to no place in the arguments.
    pub fn render<E: From<BadPointer>>(
        &self,
        mut fill: impl FnMut(&crate::Hole) -> Result<String, E>,
    ) -> Result<Value, E> {
        let mut arguments = Value::Object(self.arguments.clone());
        for (pointer, arg) in &self.holes {
            let text = arg.fill(&mut fill)?;
            let Some(place) = arguments.pointer_mut(pointer) else {
                return Err(BadPointer(pointer.clone()).into());
            };
            *place = Value::String(text);
        }
        let mut out = Map::new();
        out.insert("execute".into(), Value::String(self.execute.clone()));
        if arguments.as_object().is_some_and(|map| !map.is_empty()) {
            out.insert("arguments".into(), arguments);
        }
        Ok(Value::Object(out))
    }
}

/// A hole that points to no place in the arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPointer(pub String);

/// An event that has to come before the script goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Await {
    /// The event's name.
    pub event: String,
    /// Members that its `data` must have, with these values.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub matching: Map<String, Value>,
    /// How long, in milliseconds from the command's own answer.
    pub deadline_ms: u64,
}

impl Await {
    /// Whether this event, with its `data`, is the awaited one.
    pub fn is_met(&self, event: &str, data: Option<&Value>) -> bool {
        event == self.event
            && self.matching.iter().all(|(key, wanted)| data.and_then(|data| data.get(key)) == Some(wanted))
    }
}

/// One command of a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct QmpCommand {
    /// The command.
    pub call: QmpCall,
    /// What has to come before the next command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits: Option<Await>,
    /// How it is taken back when a later command fails: at most one command. Absent: nothing to take back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<QmpCall>,
}

/// Commands in order; when one fails, those before it are taken back, newest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct QmpScript {
    /// The commands.
    pub commands: Vec<QmpCommand>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hole, Part, Quote};
    use serde_json::json;

    #[test]
    fn only_holes_are_filled() {
        let mut call = QmpCall::new("chardev-add", Map::new());
        call.arguments.insert("id".into(), json!("{state}"));
        call.arguments.insert("backend".into(), json!({"data": {"path": ""}}));
        let path = Arg::from(vec![Part::Hole { name: Hole::State, quote: Quote::None }, Part::Text("/s".into())]);
        call.holes.insert("/backend/data/path".into(), path);
        let done = call.render(|_| Ok::<_, BadPointer>("/run/x".into())).unwrap();
        let wanted = json!({"execute": "chardev-add", "arguments": {"id": "{state}", "backend": {"data": {"path": "/run/x/s"}}}});
        assert_eq!(done, wanted);
        call.holes.insert("/no/where".into(), Arg::text("x"));
        assert_eq!(call.render(|_| Ok("/run/x".into())), Err(BadPointer("/no/where".into())));
    }

    #[test]
    fn an_event_has_to_match_in_every_named_member() {
        let mut wanted = Await { event: "DEVICE_DELETED".into(), matching: Map::new(), deadline_ms: 1 };
        wanted.matching.insert("device".into(), json!("net0"));
        assert!(wanted.is_met("DEVICE_DELETED", Some(&json!({"device": "net0", "path": "/x"}))));
        assert!(!wanted.is_met("DEVICE_DELETED", Some(&json!({"path": "/x/net0"}))));
        assert!(!wanted.is_met("DEVICE_DELETED", None));
        assert!(!wanted.is_met("DEVICE_UNPLUG_GUEST_ERROR", Some(&json!({"device": "net0"}))));
    }
}
