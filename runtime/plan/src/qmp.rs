//! QMP commands for a running QEMU, the events that are awaited, for how long, and how a command is reverted.

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
    /// Strings in `arguments` that the host fills in: from the JSON pointer (RFC 6901) of a string to its text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub placeholders: BTreeMap<String, Arg>,
    /// The descriptor of the plan that is sent along with the command (`getfd`, `add-fd`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<String>,
}

impl QmpCall {
    /// A command with these arguments, no placeholder and no descriptor.
    pub fn new(execute: impl Into<String>, arguments: Map<String, Value>) -> Self {
        Self { execute: execute.into(), arguments, placeholders: BTreeMap::new(), fd: None }
    }

    /// `{"execute":…, "arguments":…}` with every placeholder replaced by what `fill` returns for it.
    ///
    /// # Errors
    /// The first error of `fill`, or [`BadPointer`] (through `From`) where a pointer leads to no place in the arguments.
    pub fn render<E: From<BadPointer>>(
        &self,
        mut fill: impl FnMut(&crate::Placeholder) -> Result<String, E>,
    ) -> Result<Value, E> {
        let mut arguments = Value::Object(self.arguments.clone());
        for (pointer, arg) in &self.placeholders {
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

/// A pointer that leads to no place in the arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPointer(pub String);

/// An event that has to be emitted before the script goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Await {
    /// The event's name.
    pub event: String,
    /// Members that its `data` must have, with these values.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub matching: Map<String, Value>,
    /// The deadline in milliseconds, from the response to the command.
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
    /// The event that has to be emitted before the next command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits: Option<Await>,
    /// The command that reverts it when a later command fails; absent: there is nothing to revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert: Option<QmpCall>,
}

/// Commands in order; when one fails, those before it are reverted, newest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct QmpScript {
    /// The commands.
    pub commands: Vec<QmpCommand>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Part, Placeholder, Quote};
    use serde_json::json;

    #[test]
    fn only_placeholders_are_filled() {
        let mut call = QmpCall::new("chardev-add", Map::new());
        call.arguments.insert("id".into(), json!("{state}"));
        call.arguments.insert("backend".into(), json!({"data": {"path": ""}}));
        let path = Arg::from(vec![
            Part::Placeholder { name: Placeholder::State, quote: Quote::None },
            Part::Text("/s".into()),
        ]);
        call.placeholders.insert("/backend/data/path".into(), path);
        let done = call.render(|_| Ok::<_, BadPointer>("/run/x".into())).unwrap();
        let wanted = json!({"execute": "chardev-add", "arguments": {"id": "{state}", "backend": {"data": {"path": "/run/x/s"}}}});
        assert_eq!(done, wanted);
        call.placeholders.insert("/no/where".into(), Arg::text("x"));
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
