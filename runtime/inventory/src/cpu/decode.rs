//! A CPU in libvirt's words: the nearest model, and the features that it has in addition or lacks.

use std::collections::BTreeMap;

use crate::HostModel;
use crate::cpu::map::{Bits, CpuMap, Model};

/// A CPU as QEMU shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CpuFacts {
    /// Its features, in QEMU's words.
    pub features: Vec<String>,
    /// Its vendor, such as `AuthenticAMD`.
    pub vendor: String,
    /// Its family, 0 to 270 (CPUID leaf 1).
    pub family: u32,
    /// Its model, 0 to 255 (CPUID leaf 1).
    pub model: u32,
    /// Its stepping, 0 to 15 (CPUID leaf 1).
    pub stepping: u32,
}

/// A model with the features that a CPU has in addition or lacks.
struct Candidate<'m> {
    model: &'m Model,
    features: Vec<(String, bool)>,
}

/// The `host-model` of this CPU, from the models that QEMU has; with each of these, the features that it needs and that are
/// missing here. `None` where no model fits.
///
/// The choice is libvirt's (`x86Decode` in its `src/cpu/cpu_x86.c`): of the models of the same maker one with the CPU's own family and
/// model; among those the one with the shortest list, where a feature that has to be switched off weighs more than one that is added.
pub fn decode(map: &CpuMap, cpu: &CpuFacts, models: &BTreeMap<String, Vec<String>>) -> Option<HostModel> {
    let mut own = Bits::default();
    for feature in cpu.features.iter().filter_map(|name| map.feature(name)) {
        own.add(&feature.bits);
    }
    if has_broken_tsx(cpu) {
        ["hle", "rtm"].iter().filter_map(|name| map.feature(name)).for_each(|feature| own.subtract(&feature.bits));
    }
    let vendor = map.vendors.get(&cpu.vendor);
    let mut best: Option<Candidate<'_>> = None;
    for model in map.models.iter().rev().filter(|model| model.for_guests) {
        let Some(blockers) = models.get(&model.name) else { continue };
        if vendor.is_some() && model.vendor.is_some() && model.vendor.as_ref() != vendor {
            continue;
        }
        let candidate = Candidate { model, features: differences(map, &own, model, blockers) };
        if best.as_ref().is_none_or(|best| is_better(cpu, best, &candidate)) {
            best = Some(candidate);
        }
    }
    best.map(|best| HostModel { model: best.model.name.clone(), features: best.features })
}

/// Haswell's transactional memory, where it does not work.
fn has_broken_tsx(cpu: &CpuFacts) -> bool {
    let is_old = cpu.model == 63 && cpu.stepping < 4;
    cpu.vendor == "GenuineIntel" && cpu.family == 6 && (is_old || matches!(cpu.model, 60 | 69 | 70))
}

/// The features that the CPU has in addition to a model or lacks, in the order of the map.
fn differences(map: &CpuMap, own: &Bits, model: &Model, blockers: &[String]) -> Vec<(String, bool)> {
    let (mut more, mut less) = (own.clone(), model.bits.clone());
    more.subtract(&model.bits);
    less.subtract(own);
    // What QEMU's model needs and this host lacks is switched off, even where libvirt's model does not have it.
    for feature in blockers.iter().filter_map(|name| map.feature(name)) {
        if !more.has(&feature.bits) {
            less.add(&feature.bits);
        }
    }
    let mut out = Vec::new();
    for (mut bits, on) in [(more, true), (less, false)] {
        for feature in &map.features {
            if bits.has(&feature.bits) {
                bits.subtract(&feature.bits);
                out.push((feature.name.clone(), on));
            }
        }
    }
    for name in &model.removed {
        if !out.iter().any(|(known, _)| known == name) {
            out.push((name.clone(), false));
        }
    }
    out
}

fn is_better(cpu: &CpuFacts, best: &Candidate<'_>, next: &Candidate<'_>) -> bool {
    let fits = |candidate: &Candidate<'_>| {
        candidate.model.signatures.iter().any(|(family, model, steppings)| {
            let any = steppings.as_ref().is_none_or(|all| all.contains(&cpu.stepping));
            (*family, *model) == (cpu.family, cpu.model) && any
        })
    };
    match (fits(best), fits(next)) {
        (true, false) => return false,
        (false, true) => return true,
        (true, true) | (false, false) => {}
    }
    let ((best, best_off), (next, next_off)) = (weight(best), weight(next));
    next < best || next == best && next_off < best_off
}

/// How long the list is, where the first feature that is switched off counts for two, the next for three and so on; and that part only.
///
/// libvirt counts no further than the number of features that it still takes for switched on, so that of many that are off the last do not count.
fn weight(candidate: &Candidate<'_>) -> (usize, usize) {
    let (mut on, mut off, mut penalty) = (candidate.features.len(), 0, 2);
    for (at, (_, is_on)) in candidate.features.iter().enumerate() {
        if at >= on {
            break;
        }
        if !is_on {
            on -= 1;
            off += penalty;
            penalty += 1;
        }
    }
    (on + off, off)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> CpuMap {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            #[expect(clippy::disallowed_methods, reason = "a test writes its input")]
            std::fs::write(dir.path().join(name), text).unwrap();
        };
        write("index.xml", "<cpus><arch name='x86'><include filename='all.xml'/></arch></cpus>");
        write(
            "all.xml",
            "<cpus><vendor name='A' string='MakerOfThese'/><vendor name='B' string='MakerOfThose'/>
            <feature name='one'><cpuid eax_in='1' ecx='0x01'/></feature>
            <feature name='two_x'><alias name='two-x' source='qemu'/><cpuid eax_in='1' ecx='0x02'/></feature>
            <feature name='three'><msr index='0x10' eax='0x04' edx='0'/></feature>
            <model name='old'><decode host='on' guest='on'/><signature family='6' model='1'/><vendor name='A'/><feature name='one'/></model>
            <model name='old-v1'><decode host='on' guest='off'/><model name='old'/></model>
            <model name='new'><decode host='on' guest='on'/><signature family='6' model='2' stepping='0-3'/><vendor name='A'/>
              <feature name='one'/><feature name='two_x'/><feature name='three' removed='yes'/></model>
            <model name='strange'><decode host='on' guest='on'/><vendor name='B'/><feature name='one'/><feature name='two_x'/></model></cpus>",
        );
        CpuMap::read(dir.path()).unwrap()
    }

    fn cpu(features: &[&str], model: u32, stepping: u32) -> CpuFacts {
        let features = features.iter().map(ToString::to_string).collect();
        CpuFacts { features, vendor: "MakerOfThese".into(), family: 6, model, stepping }
    }

    fn found(cpu: &CpuFacts) -> (String, Vec<(String, bool)>) {
        let models = ["old", "old-v1", "new", "strange"].map(|name| (name.to_owned(), Vec::new())).into();
        let found = decode(&map(), cpu, &models).unwrap();
        (found.model, found.features)
    }

    #[test]
    fn the_model_of_the_same_family_is_chosen_and_the_rest_is_said() {
        assert_eq!(found(&cpu(&["one", "two-x"], 2, 3)), ("new".into(), vec![("three".into(), false)]));
        assert_eq!(found(&cpu(&["one", "two-x"], 1, 0)), ("old".into(), vec![("two_x".into(), true)]));
        let lacking = vec![("two_x".into(), false), ("three".into(), false)];
        assert_eq!(found(&cpu(&["one"], 2, 0)), ("new".into(), lacking));
    }

    #[test]
    fn without_a_family_the_shortest_list_is_chosen() {
        assert_eq!(found(&cpu(&["one"], 9, 0)), ("old".into(), Vec::new()));
        // A stepping that the model does not name is another CPU: the list of the other model is as long, but nothing is switched off.
        assert_eq!(found(&cpu(&["one", "two-x"], 2, 4)), ("old".into(), vec![("two_x".into(), true)]));
    }

    #[test]
    fn what_a_model_of_qemu_needs_is_switched_off() {
        let models = [("old".to_owned(), vec!["three".to_owned()])].into();
        let found = decode(&map(), &cpu(&["one"], 1, 0), &models).unwrap();
        assert_eq!(found.features, vec![("three".to_owned(), false)]);
        assert_eq!(decode(&map(), &cpu(&["one"], 1, 0), &BTreeMap::new()), None);
    }
}
