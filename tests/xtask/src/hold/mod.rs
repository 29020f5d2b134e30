//! Holding virtc's engine, grammar and messages against other validators.

pub mod corpus;
pub mod edit;
pub mod fault;
pub mod grammar;
pub mod groups;
pub mod growth;
pub mod libvirt;
pub mod mutation;
pub mod order;
pub mod random;
pub mod refusal;
pub mod rivals;
pub mod score;
pub mod vocabulary;
