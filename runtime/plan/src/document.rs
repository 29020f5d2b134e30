//! The files that carry a plan, and the reader that refuses what it does not know.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{QmpScript, Step};

/// The format version that this library writes, and the only one it reads.
pub const FORMAT: u32 = 2;

/// What has to be done to a host to run one VM, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Plan {
    /// [`FORMAT`].
    pub format: u32,
    /// Who made it: program and version.
    pub producer: String,
    /// A digest of all that the plan was made from.
    pub digest: String,
    /// Which VM.
    pub domain: DomainId,
    /// The steps, in order.
    pub steps: Vec<PlannedStep>,
}

/// What has to be done to add one device to a running VM, or to remove it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DevicePlan {
    /// [`FORMAT`].
    pub format: u32,
    /// Who made it: program and version.
    pub producer: String,
    /// A digest of all that the plan was made from.
    pub digest: String,
    /// Which VM.
    pub domain: DomainId,
    /// The device's alias. A detach reverts every change that was made for a step with this alias.
    pub device: String,
    /// Whether it is attached, detached or updated.
    pub action: Action,
    /// Steps on the host, before the script. A detach has none; those of an update stay until the device is detached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<PlannedStep>,
    /// The QMP commands, after the steps.
    pub script: QmpScript,
}

/// What happens to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is attached.
    Attach,
    /// It is detached.
    Detach,
    /// It is updated.
    Update,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attach => "attach",
            Self::Detach => "detach",
            Self::Update => "update",
        })
    }
}

/// Which VM a plan is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DomainId {
    /// Its name.
    pub name: String,
    /// Its UUID, in the form with four hyphens.
    pub uuid: String,
}

/// A step, and why it is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlannedStep {
    /// What is done.
    pub step: Step,
    /// Why.
    pub origin: Origin,
    /// The alias of the device that it is for: it is reverted when that device is detached. Absent: it is for the VM itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// Where a step comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Origin {
    /// A place in the input.
    Place {
        /// The file, as it was named.
        file: String,
        /// The line, from 1.
        line: u32,
        /// The column in characters, from 1.
        column: u32,
    },
    /// A rule of the compiler that adds it.
    Rule(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Rule(rule) => write!(f, "rule {rule}"),
        }
    }
}

/// Why a text cannot be read as a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// It is not JSON, or has no `format` number.
    NoPlan(String),
    /// It has another format version.
    Format {
        /// The version found.
        found: u64,
    },
    /// It has the right version, but not the right content: an unknown step, an unknown or missing field.
    Content(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlan(why) => write!(f, "this is not a plan: {why}"),
            Self::Format { found } => write!(f, "the plan has format {found}, and only format {FORMAT} is known here"),
            Self::Content(why) => write!(f, "the plan holds something that format {FORMAT} does not have: {why}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads the version first, so that a plan from the future is refused for its version and not for a detail.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u64,
    }
    let head: Versioned = serde_json::from_str(text).map_err(|e| ReadError::NoPlan(e.to_string()))?;
    if head.format != u64::from(FORMAT) {
        return Err(ReadError::Format { found: head.format });
    }
    serde_json::from_str(text).map_err(|e| ReadError::Content(e.to_string()))
}

impl Plan {
    /// Reads a plan from JSON.
    ///
    /// # Errors
    /// [`ReadError`]: not JSON, another format version, an unknown step or field.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        read(text)
    }
}

impl DevicePlan {
    /// Reads a device plan from JSON.
    ///
    /// # Errors
    /// [`ReadError`]: not JSON, another format version, an unknown step or field.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        read(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, Arg, Content, DeviceRule, Limit, Node, OpenMode, Owner, UserPolicy};

    fn plan() -> Plan {
        let steps = vec![
            Step::StateDir { directories: vec!["channel".into()] },
            Step::VfioBind { device: "0000:03:10.1".parse().unwrap(), managed: true },
            Step::Cgroup {
                rules: vec![DeviceRule::Node {
                    node: Node::Path("/dev/sda".into()),
                    access: Access::R,
                    optional: false,
                }],
            },
            Step::Own { node: Node::VfioGroup("0000:03:10.1".parse().unwrap()), owner: Owner::Qemu },
            Step::Open {
                fd: "disk".into(),
                path: "/dev/sda".into(),
                mode: OpenMode::Read,
                create: true,
                content: Content::Append,
            },
            Step::Spawn {
                argv: vec![Arg::text("/bin/q")],
                env: vec![("LC_ALL".into(), "C".into())],
                fds: vec!["disk".into()],
                user: UserPolicy::Qemu,
                memlock: Some(Limit::Bytes(1 << 30)),
            },
            Step::Cont {},
        ];
        let planned = |step| PlannedStep { step, origin: Origin::Rule("test".into()), device: None };
        Plan {
            format: FORMAT,
            producer: "virtc 0".into(),
            digest: "0".into(),
            domain: DomainId { name: "vm".into(), uuid: "u".into() },
            steps: steps.into_iter().map(planned).collect(),
        }
    }

    #[test]
    fn a_plan_round_trips() {
        let text = serde_json::to_string(&plan()).unwrap();
        assert_eq!(Plan::from_json(&text).unwrap(), plan());
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let text = serde_json::to_string(&plan()).unwrap();
        let says = |text: &str| Plan::from_json(text).unwrap_err().to_string();
        assert_eq!(
            says(&text.replace("\"format\":2", "\"format\":3,\"x\":1")),
            "the plan has format 3, and only format 2 is known here"
        );
        assert!(says(&text.replace("\"cont\"", "\"reboot\"")).contains("unknown variant `reboot`"));
        assert!(
            says(&text.replace("\"managed\":true", "\"managed\":true,\"force\":1")).contains("unknown field `force`")
        );
        assert!(says(&text.replace("\"digest\":\"0\",", "")).contains("missing field `digest`"));
        assert!(says(&text.replace("{\"cont\":{}}", "{\"cont\":{\"x\":1}}")).contains("unknown field `x`"));
        assert!(says("[]").starts_with("this is not a plan"));
    }
}
