//! Tests of the whole and of the repository itself.
