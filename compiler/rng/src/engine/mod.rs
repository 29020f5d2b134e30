//! Patterns as hash-consed nodes, their derivatives, and the run over a document.

pub(crate) mod arena;
mod close;
pub(crate) mod derive;
pub(crate) mod names;
pub(crate) mod nodes;
pub(crate) mod run;
mod text;
