//! Executes plans: journal, apply, verify, undo.
