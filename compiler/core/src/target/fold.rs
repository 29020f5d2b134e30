//! QMP answers to a capability file, which contains only what virtc uses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::target::caps::{Capabilities, Cpus, FORMAT, MachineType};
use crate::target::exchange::Exchange;
use crate::target::sorted;

impl Capabilities {
    /// The capabilities in the answers of a QEMU: all queries of one run, and those about CPUs under each accelerator.
    ///
    /// # Errors
    /// A message, when a required answer is missing.
    pub fn from_exchanges(all: &[Exchange]) -> Result<Self, String> {
        let answer = |name: &str| {
            let found = all.iter().find(|e| e.execute == name).and_then(|e| e.answer.as_ref());
            found.ok_or_else(|| format!("there is no answer to `{name}`"))
        };
        let version = answer("query-version")?;
        let number = |name: &str| {
            let part = version.get("qemu").and_then(|q| q.get(name)).and_then(Value::as_u64);
            part.and_then(|n| u32::try_from(n).ok())
                .ok_or_else(|| "the answer to `query-version` contains no version".to_owned())
        };
        let (commands, types) = schema(answer("query-qmp-schema")?)?;
        let mut out = Self {
            format: FORMAT,
            version: (number("major")?, number("minor")?, number("micro")?),
            package: text(version, "package").to_owned(),
            arch: text(answer("query-target")?, "arch").to_owned(),
            commands,
            types,
            ..Self::default()
        };
        let mut tpm = Vec::new();
        for exchange in all {
            match exchange.execute.as_str() {
                "qom-list-types" => {
                    let names = exchange.list().iter().map(|entry| text(entry, "name"));
                    for name in names.filter(|name| !name.ends_with("-cpu")) {
                        out.devices.entry(name.to_owned()).or_default();
                    }
                }
                "device-list-properties" if exchange.answer.is_some() => {
                    out.devices.insert(exchange.argument("typename").to_owned(), Some(names(exchange.list())));
                }
                "query-machines" => out.machines = machines(exchange),
                "query-command-line-options" => {
                    let parameters =
                        |o: &Value| names(o.get("parameters").and_then(Value::as_array).map_or(&[], |p| p));
                    let option = |o: &Value| (text(o, "option").to_owned(), parameters(o));
                    out.options = exchange.list().iter().map(option).filter(|(_, all)| !all.is_empty()).collect();
                }
                "query-tpm-models" | "query-tpm-types" => {
                    tpm.extend(exchange.list().iter().filter_map(Value::as_str).map(ToOwned::to_owned));
                }
                _ => {}
            }
        }
        out.tpm = sorted::join(tpm);
        out.machine_properties(all);
        out.cpus(all);
        Ok(out)
    }

    /// The properties of machine types and CPUs.
    fn machine_properties(&mut self, all: &[Exchange]) {
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        for exchange in all.iter().filter(|e| e.execute == "qom-list-properties" && e.answer.is_some()) {
            let typename = exchange.argument("typename");
            if typename.ends_with("-cpu") {
                self.cpu_properties = Some(names(exchange.list()));
            }
            let Some(machine) = typename.strip_suffix("-machine").and_then(|name| self.machines.get_mut(name)) else {
                continue;
            };
            let next = format!("{}", known.len());
            machine.properties = Some(known.entry(names(exchange.list())).or_insert(next).clone());
        }
        self.machine_properties = known.into_iter().map(|(all, key)| (key, all)).collect();
    }

    /// The CPUs: answers after `query-kvm` are about the accelerator that it names; without it the accelerator is TCG.
    fn cpus(&mut self, all: &[Exchange]) {
        let mut kvm = false;
        for exchange in all {
            match exchange.execute.as_str() {
                "qmp_capabilities" => kvm = false,
                "query-kvm" => {
                    let enabled = exchange.answer.as_ref().and_then(|a| a.get("enabled")).and_then(Value::as_bool);
                    kvm = enabled.unwrap_or_default();
                }
                "query-cpu-definitions" if exchange.answer.is_some() => {
                    let cpus = self.of(kvm);
                    let list = exchange.list();
                    cpus.models = list.iter().map(|m| (text(m, "name").to_owned(), unavailable(m))).collect();
                    let old = list.iter().filter(|m| flag(m, "deprecated")).map(|m| text(m, "name").to_owned());
                    cpus.deprecated = sorted::join(old.collect());
                }
                "query-cpu-model-expansion" => {
                    // The best CPU is `host` under KVM, and `max` under TCG.
                    let best = if kvm { "host" } else { "max" };
                    let asked = exchange
                        .arguments
                        .get("model")
                        .is_some_and(|m| text(m, "name") == best && m.get("props").is_none());
                    let props = exchange.answer.as_ref().and_then(|a| a.get("model")?.get("props")?.as_object());
                    if let Some(props) = props.filter(|_| asked && text(&exchange.arguments, "type") == "static") {
                        self.of(kvm).expand(props);
                    }
                }
                _ => {}
            }
        }
    }

    fn of(&mut self, kvm: bool) -> &mut Cpus {
        if kvm { self.kvm.get_or_insert_default() } else { self.tcg.get_or_insert_default() }
    }
}

impl Cpus {
    fn expand(&mut self, props: &serde_json::Map<String, Value>) {
        let of = |on: bool| props.iter().filter(|(_, v)| v.as_bool() == Some(on)).map(|(k, _)| k.clone()).collect();
        (self.has, self.lacks) = (sorted::join(of(true)), sorted::join(of(false)));
        let fact =
            |value: &Value| value.as_str().map(ToOwned::to_owned).or_else(|| value.as_i64().map(|n| n.to_string()));
        self.facts = props.iter().filter_map(|(k, v)| Some((k.clone(), fact(v)?))).collect();
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or_default()
}

fn names(list: &[Value]) -> String {
    sorted::join(list.iter().map(|entry| text(entry, "name").to_owned()).collect())
}

fn unavailable(model: &Value) -> String {
    let features = model.get("unavailable-features").and_then(Value::as_array);
    sorted::join(features.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect())
}

fn machines(exchange: &Exchange) -> BTreeMap<String, MachineType> {
    let some = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
    let machine = |entry: &Value| MachineType {
        alias: some(text(entry, "alias")),
        cpus: entry.get("cpu-max").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or_default(),
        deprecated: flag(entry, "deprecated"),
        default: flag(entry, "is-default"),
        hotpluggable_cpus: flag(entry, "hotpluggable-cpus"),
        default_cpu: some(text(entry, "default-cpu-type")),
        ram_id: some(text(entry, "default-ram-id")),
        properties: None,
    };
    exchange.list().iter().map(|entry| (text(entry, "name").to_owned(), machine(entry))).collect()
}

type Named = BTreeMap<String, String>;

/// The commands, and the types of their arguments.
fn schema(schema: &Value) -> Result<(Named, Named), String> {
    let entries = schema.as_array().ok_or("the answer to `query-qmp-schema` is not a list")?;
    let all: BTreeMap<&str, &Value> = entries.iter().map(|entry| (text(entry, "name"), entry)).collect();
    let mut commands = Named::new();
    let mut types = Named::new();
    let mut open = BTreeSet::new();
    for entry in entries.iter().filter(|entry| text(entry, "meta-type") == "command") {
        commands.insert(text(entry, "name").to_owned(), text(entry, "arg-type").to_owned());
        open.insert(text(entry, "arg-type").to_owned());
    }
    while let Some(name) = open.pop_first() {
        if types.contains_key(&name) {
            continue;
        }
        let Some(entry) = all.get(name.as_str()) else { continue };
        if let Some(folded) = fold(entry, &mut open) {
            types.insert(name, folded);
        }
    }
    Ok((commands, types))
}

/// One type in the notation of [`crate::target::qapi`]; `None` for the types of JSON.
fn fold(entry: &Value, open: &mut BTreeSet<String>) -> Option<String> {
    let list = |key: &str| entry.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut refer = |entry: &Value, key: &str| {
        open.insert(text(entry, key).to_owned());
        text(entry, key).to_owned()
    };
    Some(match text(entry, "meta-type") {
        "object" => {
            let (mut required, mut optional) = (Vec::new(), Vec::new());
            for member in list("members") {
                let token = format!("{}:{}{}", text(member, "name"), refer(member, "type"), features(member));
                let is_optional = member.get("default").is_some();
                if is_optional { optional.push(token) } else { required.push(token) }
            }
            let mut out = format!("object {};{}", sorted::join(required), sorted::join(optional));
            if let Some(tag) = entry.get("tag").and_then(Value::as_str) {
                let case = |v: &Value, t: String| format!("{}={t}", text(v, "case"));
                let cases = list("variants").iter().map(|v| case(v, refer(v, "type"))).collect();
                out = format!("{out}|{tag} {}", sorted::join(cases));
            }
            out
        }
        "enum" => {
            let named = list("values").iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
            format!("enum {}", sorted::join(named))
        }
        "array" => format!("array {}", refer(entry, "element-type")),
        "alternate" => {
            let types: Vec<String> = list("members").iter().map(|m| refer(m, "type")).collect();
            format!("alternate {}", types.join(" "))
        }
        _ => return None,
    })
}

/// `!name` for each feature.
fn features(entry: &Value) -> String {
    let list = entry.get("features").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).fold(String::new(), |all, name| all + "!" + name)
}
