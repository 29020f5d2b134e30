//! The states of resources as data, by the names of the resources: what a dry run predicts, and what a host in memory has.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{HostRead, Resource, Result};
use crate::error::HostError;

/// What is known of a resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known<'a> {
    /// Nothing.
    Unknown,
    /// The host does not have it.
    Absent,
    /// Its state.
    Present(&'a Value),
}

/// States of resources; absent ones are known as well.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct States(BTreeMap<String, Option<Value>>);

impl States {
    /// What is known of the resource with this name.
    pub fn known(&self, name: &str) -> Known<'_> {
        match self.0.get(name) {
            None => Known::Unknown,
            Some(None) => Known::Absent,
            Some(Some(value)) => Known::Present(value),
        }
    }

    /// From here on the resource has this state; `None`: the host does not have it.
    ///
    /// # Errors
    /// The state cannot be kept as JSON.
    pub fn set<R: Resource>(&mut self, resource: &R, state: Option<&R::State>) -> Result<()> {
        let value = state.map(serde_json::to_value).transpose();
        self.0.insert(resource.name(), value.map_err(|e| not_kept(&e))?);
        Ok(())
    }

    /// Forgets all whose name `matches`.
    #[cfg(test)]
    pub fn forget(&mut self, mut matches: impl FnMut(&str) -> bool) {
        self.0.retain(|name, _| !matches(name));
    }

    /// Forgets which resources the host does not have.
    #[cfg(test)]
    pub fn forget_absent(&mut self) {
        self.0.retain(|_, state| state.is_some());
    }

    /// The names of the resources that the host has.
    #[cfg(test)]
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, state)| state.is_some()).map(|(name, _)| name.as_str())
    }
}

/// The state that is kept as `value`.
pub(super) fn state<T: DeserializeOwned>(value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|e| not_kept(&e))
}

fn not_kept(error: &serde_json::Error) -> HostError {
    HostError::Unsuitable(format!("a state is not kept as it is: {error}"))
}

/// A host that is kept as data, so that the effects of operations can be laid over it.
pub trait Model {
    /// The host, for reading.
    fn read(&self) -> &dyn HostRead;
    /// The states that were set.
    fn states(&mut self) -> &mut States;
    /// Opens a descriptor, of a network interface where one is named.
    ///
    /// # Errors
    /// The state cannot be kept.
    fn open(&mut self, fd: &str, interface: Option<&str>) -> Result<()>;
    /// Closes descriptors, as far as they are open.
    ///
    /// # Errors
    /// The state cannot be kept.
    fn close(&mut self, fds: &[String]) -> Result<()>;
}

impl dyn Model + '_ {
    /// From here on the resource has this state; `None`: the host does not have it.
    ///
    /// # Errors
    /// The state cannot be kept as JSON.
    pub fn set<R: Resource>(&mut self, resource: &R, state: Option<&R::State>) -> Result<()> {
        self.states().set(resource, state)
    }

    /// Changes the state of a resource that the host has.
    ///
    /// # Errors
    /// It cannot be read, or the state cannot be kept.
    pub fn update<R: Resource>(&mut self, resource: &R, change: impl FnOnce(&mut R::State)) -> Result<()> {
        let Some(mut state) = self.read().get(resource)? else { return Ok(()) };
        change(&mut state);
        self.set(resource, Some(&state))
    }
}
