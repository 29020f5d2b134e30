//! One write to the host and its inverse, both plain data, both fixed before the write is made.

use serde::{Deserialize, Serialize};

use crate::host::operations::HostOp;

/// One write and its inverse. Both are idempotent: made twice they do what they do once, and an inverse whose write was never made
/// finds nothing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The write.
    pub apply: HostOp,
    /// Its inverse, with the value that was there before; absent: there is nothing to revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert: Option<HostOp>,
}

impl Change {
    /// A write with its inverse.
    pub(crate) fn new(apply: impl Into<HostOp>, revert: impl Into<HostOp>) -> Self {
        Self { apply: apply.into(), revert: Some(revert.into()) }
    }

    /// A write that leaves nothing to revert.
    pub(crate) fn without_revert(apply: impl Into<HostOp>) -> Self {
        Self { apply: apply.into(), revert: None }
    }
}
