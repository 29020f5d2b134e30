//! A RELAX NG engine with exact diagnostics.
