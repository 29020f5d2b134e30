//! The CPU of `host-model`, from the capabilities of a QEMU.

use std::collections::BTreeMap;

use virtc_inventory::{CpuFacts, CpuMap, HostModel, decode};

use crate::target::caps::Cpus;

impl Cpus {
    /// The model of `map` that is closest to the best CPU here, with the features to add and to disable; `None` where
    /// QEMU was not queried, or no model matches.
    pub fn host_model(&self, map: &CpuMap) -> Option<HostModel> {
        if self.has.is_empty() {
            return None;
        }
        let words = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
        let number = |name: &str| self.facts.get(name).and_then(|text| text.parse().ok()).unwrap_or_default();
        let cpu = CpuFacts {
            features: words(&self.has),
            vendor: self.facts.get("vendor").cloned().unwrap_or_default(),
            family: number("family"),
            model: number("model"),
            stepping: number("stepping"),
        };
        let models: BTreeMap<String, Vec<String>> =
            self.models.iter().map(|(name, missing)| (name.clone(), words(missing))).collect();
        decode(map, &cpu, &models)
    }
}
