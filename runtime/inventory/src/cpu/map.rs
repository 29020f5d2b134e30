//! libvirt's CPU map, as its package installs it in `/usr/share/libvirt/cpu_map`: features with their bits, vendors, models.

use std::collections::BTreeMap;
use std::path::Path;

use roxmltree::{Document, Node};

/// Where bits are: CPUID (leaf, subleaf) or a model specific register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leaf {
    Cpuid(u32, u32),
    Msr(u32),
}

/// Bits of a CPU: four registers for each leaf.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Bits(BTreeMap<Leaf, [u32; 4]>);

impl Bits {
    fn put(&mut self, leaf: Leaf, registers: [u32; 4]) {
        let own = self.0.entry(leaf).or_default();
        own.iter_mut().zip(registers).for_each(|(own, more)| *own |= more);
    }

    pub fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(leaf, registers)| self.put(*leaf, *registers));
    }

    pub fn subtract(&mut self, other: &Self) {
        for (leaf, registers) in &other.0 {
            if let Some(own) = self.0.get_mut(leaf) {
                own.iter_mut().zip(registers).for_each(|(own, less)| *own &= !less);
            }
        }
    }

    /// Whether all of `other` are among these.
    pub fn has(&self, other: &Self) -> bool {
        other.0.iter().all(|(leaf, registers)| {
            let own = self.0.get(leaf).copied().unwrap_or_default();
            own.iter().zip(registers).all(|(own, wanted)| own & wanted == *wanted)
        })
    }
}

/// A feature.
#[derive(Debug, Clone)]
pub(crate) struct Feature {
    pub name: String,
    pub aliases: Vec<String>,
    pub bits: Bits,
}

/// A model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub name: String,
    pub vendor: Option<String>,
    /// Family, model, and the steppings where not all are meant.
    pub signatures: Vec<(u32, u32, Option<Vec<u32>>)>,
    pub bits: Bits,
    /// Features that QEMU's model once had.
    pub removed: Vec<String>,
    /// Whether a guest may be given it for `host-model`.
    pub for_guests: bool,
}

/// The map of x86.
#[derive(Debug, Clone, Default)]
pub struct CpuMap {
    pub(crate) features: Vec<Feature>,
    /// The names of vendors by the text that their CPUs say.
    pub(crate) vendors: BTreeMap<String, String>,
    pub(crate) models: Vec<Model>,
}

impl CpuMap {
    /// Reads `index.xml` and what it includes for x86.
    ///
    /// # Errors
    /// In words, when a file cannot be read, or has content that is not understood.
    pub fn read(dir: &Path) -> Result<Self, String> {
        let mut map = Self::default();
        let index = load(&dir.join("index.xml"))?;
        let index = parse(&index)?;
        let arch = index.descendants().find(|n| n.has_tag_name("arch") && n.attribute("name") == Some("x86"));
        let arch = arch.ok_or("the CPU map has no x86")?;
        for name in arch.descendants().filter(|n| n.has_tag_name("include")).filter_map(|n| n.attribute("filename")) {
            let text = load(&dir.join(name))?;
            map.include(&parse(&text)?).map_err(|fault| format!("{name}: {fault}"))?;
        }
        Ok(map)
    }

    fn include(&mut self, document: &Document<'_>) -> Result<(), String> {
        for node in document.root_element().children().filter(Node::is_element) {
            let name = node.attribute("name").ok_or("an element without a name")?.to_owned();
            match node.tag_name().name() {
                "vendor" => {
                    let text = node.attribute("string").ok_or("a vendor without its string")?;
                    self.vendors.insert(text.to_owned(), name);
                }
                "feature" => {
                    let aliases =
                        node.children().filter(|n| n.has_tag_name("alias")).filter_map(|n| n.attribute("name"));
                    let aliases = aliases.map(ToOwned::to_owned).collect();
                    self.features.push(Feature { name, aliases, bits: bits(node)? });
                }
                "model" => {
                    let model = self.model(name, node)?;
                    self.models.push(model);
                }
                other => return Err(format!("`<{other}>` is not known")),
            }
        }
        Ok(())
    }

    fn model(&self, name: String, node: Node<'_, '_>) -> Result<Model, String> {
        let mut model = Model { name, ..Model::default() };
        let elements = |tag: &'static str| node.children().filter(move |n| n.has_tag_name(tag));
        for ancestor in elements("model").filter_map(|n| n.attribute("name")) {
            let ancestor = self.models.iter().find(|m| m.name == ancestor).ok_or("an ancestor that is not known")?;
            model = Model { name: model.name, removed: Vec::new(), ..ancestor.clone() };
        }
        model.for_guests = elements("decode").all(|n| n.attribute("guest") != Some("off"));
        let mut own = Vec::new();
        for signature in elements("signature") {
            let steppings = signature.attribute("stepping").map(steppings).transpose()?;
            own.push((number(signature, "family")?, number(signature, "model")?, steppings));
        }
        if !own.is_empty() {
            model.signatures = own;
        }
        if let Some(vendor) = elements("vendor").filter_map(|n| n.attribute("name")).next_back() {
            model.vendor = Some(vendor.to_owned());
        }
        for feature in elements("feature") {
            let name = feature.attribute("name").ok_or("a feature without a name")?;
            let bits = &self.feature(name).ok_or_else(|| format!("the feature {name} is not known"))?.bits;
            if feature.attribute("removed") == Some("yes") {
                model.removed.push(name.to_owned());
            } else {
                model.bits.add(bits);
            }
        }
        Ok(model)
    }

    /// The feature of this name, in libvirt's words or in QEMU's.
    pub(crate) fn feature(&self, name: &str) -> Option<&Feature> {
        let by_name = self.features.iter().find(|feature| feature.name == name);
        by_name.or_else(|| self.features.iter().find(|feature| feature.aliases.iter().any(|alias| alias == name)))
    }
}

fn load(path: &Path) -> Result<String, String> {
    #[expect(clippy::disallowed_methods, reason = "the map is a file of the host's")]
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn parse(text: &str) -> Result<Document<'_>, String> {
    Document::parse(text).map_err(|error| error.to_string())
}

fn number(node: Node<'_, '_>, name: &str) -> Result<u32, String> {
    let text = node.attribute(name).unwrap_or("0");
    let value = text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u32::from_str_radix(hex, 16));
    value.map_err(|_| format!("`{text}` is not a number"))
}

/// `1,3-5`.
fn steppings(text: &str) -> Result<Vec<u32>, String> {
    let mut out = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if last < 16 => (first, last),
            _ => return Err(format!("`{text}` are no steppings")),
        };
        out.extend(first..=last);
    }
    Ok(out)
}

fn bits(node: Node<'_, '_>) -> Result<Bits, String> {
    let mut out = Bits::default();
    for item in node.children().filter(Node::is_element) {
        let register = |name| number(item, name);
        let registers = [register("eax")?, register("ebx")?, register("ecx")?, register("edx")?];
        match item.tag_name().name() {
            "cpuid" => out.put(Leaf::Cpuid(register("eax_in")?, register("ecx_in")?), registers),
            "msr" => out.put(Leaf::Msr(register("index")?), registers),
            _ => {}
        }
    }
    Ok(out)
}
