//! The guest's CPUs start. Only QEMU's end reverts that, and it is the inverse of its start.

use serde_json::json;

use super::only;
use crate::change::Change;
use crate::host::Result;
use crate::host::operations::QmpExecute;

pub(super) fn change(nth: usize) -> Result<Option<Change>> {
    only(nth, || Ok(Change::without_revert(QmpExecute { command: json!({"execute": "cont"}), fd: None, awaits: None })))
}
