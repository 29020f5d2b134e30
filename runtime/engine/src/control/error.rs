//! Errors of the interface.

use serde_json::{Value, json};

use super::INTERFACE;
use crate::error::{Failure, HostError};

/// An error reply: name and parameters.
pub(super) fn reply(name: &str, parameters: &Value) -> Value {
    json!({"error": name, "parameters": parameters})
}

pub(super) fn invalid(parameter: &str) -> Value {
    reply("org.varlink.service.InvalidParameter", &json!({ "parameter": parameter }))
}

pub(super) fn own(name: &str, parameters: &Value) -> Value {
    reply(&format!("{INTERFACE}.{name}"), parameters)
}

/// A failure of the runtime, on the wire.
pub(super) fn of_failure(failure: &Failure) -> Value {
    let (message, help) = (failure.to_string(), failure.cause.help());
    if let HostError::Changed { generation } = failure.cause {
        return own("Changed", &json!({ "generation": generation }));
    }
    match failure.exit_code() {
        4 => {
            let not_reverted: Vec<String> = failure.not_reverted.iter().map(ToString::to_string).collect();
            own("RevertFailed", &json!({ "message": message, "help": help, "not_reverted": not_reverted }))
        }
        5 => own("GuestHolds", &json!({ "message": message, "help": help })),
        _ => own("Refused", &json!({ "message": message, "help": help })),
    }
}
