//! A domain that runs: what a device is attached to, and detached from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use virtc_diag::{Diagnostics, Outcome, SourceFile};

use super::{Driver, Passes, Root};
use crate::model::devices::chardev;
use crate::model::{Domain, lower_running};
use crate::prepare::{DeviceChange, Machine};
use crate::valid::Valid;

/// A domain as it runs: complete, with the names of its devices in QEMU, and with the numbers that its XML does not
/// show.
#[derive(Debug, Clone)]
pub struct Running(Domain);

/// What is to be kept of a running domain, to compile devices for it later: JSON, which [`Running::to_record`] writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The definition, complete, with the names of the devices in QEMU.
    xml: String,
    /// The numbers of the block nodes of disks by alias, which a definition does not show.
    nodes: BTreeMap<String, u32>,
    /// The numbers of the first sets of descriptors of devices by alias.
    #[serde(default)]
    fd_sets: BTreeMap<String, u32>,
}

impl Record {
    /// Reads what [`Running::to_record`] wrote.
    ///
    /// # Errors
    /// Where `json` is something else.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The definition as it runs.
    pub fn xml(&self) -> &str {
        &self.xml
    }
}

impl Running {
    /// The domain of a machine that is about to run.
    pub fn new(machine: &Valid<Machine>) -> Self {
        Self(machine.get().domain().clone())
    }

    /// The domain after a change to it.
    pub fn after(change: &Valid<DeviceChange>) -> Self {
        Self(change.get().domain.clone())
    }

    /// The domain.
    pub fn domain(&self) -> &Domain {
        &self.0
    }

    /// The definition as it runs.
    pub fn to_xml(&self) -> String {
        self.0.to_xml()
    }

    /// All that has to be kept of it, as JSON; [`Passes::recorded`] reads it again.
    pub fn to_record(&self) -> String {
        let devices = &self.0.devices;
        let nodes = devices.disks.iter().map(|disk| (disk.info.alias().to_owned(), disk.node)).collect();
        let record = Record { xml: self.0.to_xml(), nodes, fd_sets: chardev::known_fd_sets(&self.0) };
        // It is made of strings and numbers, all of which JSON can hold.
        serde_json::to_string(&record).unwrap_or_default()
    }

    /// The same without the devices of these aliases, which the guest has given up by itself.
    #[must_use]
    pub fn without<'a>(mut self, released: impl IntoIterator<Item = &'a str>) -> Self {
        for alias in released {
            self.0.devices.remove(alias);
        }
        self
    }

    pub(super) fn into_domain(self) -> Domain {
        self.0
    }
}

impl Passes<'_> {
    /// Reads the definition of a domain as it runs: the names of its devices are kept.
    pub fn running(&self, source: &SourceFile, driver: &mut impl Driver) -> Outcome<Running> {
        let (document, mut found) = virtc_xml::parse(source);
        let checked = driver.validate(Root::Domain, &document).move_into(&mut found);
        let domain = checked.and_then(|checked| lower_running(&checked).move_into(&mut found));
        let domain = domain.filter(|domain| domain.unread == 0 && !found.has_errors());
        finished(domain.map(|domain| Running(*domain)), found)
    }

    /// As [`Passes::running`], from a record; `source` is its text, under the name that messages show.
    pub fn recorded(&self, record: Record, source: &SourceFile, driver: &mut impl Driver) -> Outcome<Running> {
        self.running(source, driver).map(|Running(mut domain)| {
            for disk in &mut domain.devices.disks {
                disk.node = record.nodes.get(disk.info.alias()).copied().unwrap_or_default();
            }
            domain.fd_sets = record.fd_sets;
            Running(domain)
        })
    }
}

pub(super) fn finished<T>(value: Option<T>, found: Diagnostics) -> Outcome<T> {
    match value {
        Some(value) => Outcome::new(value, found),
        None => Outcome::none(found),
    }
}
