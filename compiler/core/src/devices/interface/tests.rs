//! Interfaces through all passes.
