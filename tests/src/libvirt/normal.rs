//! What of a definition and of a command line is compared.

use roxmltree::{Document, Node};

/// The child element `name`.
pub fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// The machine type in a definition.
fn machine(root: Node<'_, '_>) -> Option<String> {
    child(child(root, "os")?, "type")?.attribute("machine").map(str::to_owned)
}

/// What matters of a definition, a line for each element. A machine type that libvirt has made of an alias counts as
/// `alias`; addresses of network cards are drawn at random where there is none, and do not count.
///
/// # Errors
/// When it is no XML.
pub fn lines(xml: &str, alias: Option<&str>) -> Result<Vec<String>, roxmltree::Error> {
    let document = Document::parse(xml)?;
    let mut lines = Vec::new();
    walk(document.root_element(), "", alias, &mut lines);
    Ok(lines)
}

/// Whether a definition is for the architecture of the machines that all this runs on.
pub fn is_native(xml: &str) -> bool {
    let Ok(document) = Document::parse(xml) else { return false };
    let kind = child(document.root_element(), "os").and_then(|os| child(os, "type"));
    kind.is_some_and(|kind| kind.attribute("arch").is_none_or(|arch| arch == std::env::consts::ARCH))
}

/// The machine type in a text.
pub fn machine_type(xml: &str) -> Option<String> {
    machine(Document::parse(xml).ok()?.root_element())
}

/// The name of the domain in a text; empty where it has none.
pub fn domain_name(xml: &str) -> String {
    let Ok(document) = Document::parse(xml) else { return String::new() };
    child(document.root_element(), "name").and_then(|name| name.text()).unwrap_or_default().to_owned()
}

/// Attributes that are drawn at random where they are absent.
const DRAWN: &[&str] = &["instanceid", "interfaceid"];

/// What `virsh define` makes otherwise than libvirt does when it reads a definition: ports on USB buses are chosen, and
/// the memory is made the sum of that of the NUMA cells.
fn is_of_definition(node: Node<'_, '_>, path: &str) -> bool {
    let has_cells = || child(node.document().root_element(), "cpu").is_some_and(|cpu| child(cpu, "numa").is_some());
    (path.ends_with("/address") && node.attribute("type") == Some("usb"))
        || (matches!(path, "/domain/memory" | "/domain/currentMemory") && has_cells())
}

fn walk(node: Node<'_, '_>, above: &str, alias: Option<&str>, lines: &mut Vec<String>) {
    let path = format!("{above}/{}", node.tag_name().name());
    if path.ends_with("/interface/mac") || path == "/domain/devices/emulator" || is_of_definition(node, &path) {
        return;
    }
    let mut attributes: Vec<String> = node
        .attributes()
        .map(|a| match alias {
            Some(alias) if path == "/domain/os/type" && a.name() == "machine" => format!(" machine='{alias}'"),
            // Drawn at random where it is absent.
            _ if DRAWN.contains(&a.name()) => format!(" {}='#'", a.name()),
            _ => format!(" {}='{}'", a.name(), a.value()),
        })
        .collect();
    attributes.sort();
    let text: String = node.children().filter_map(|child| child.text().filter(|_| child.is_text())).collect();
    let text =
        if text.trim().is_empty() || path == "/domain/genid" { String::new() } else { format!(" {}", text.trim()) };
    lines.push(format!("{path}{}{text}", attributes.concat()));
    for child in node.children().filter(Node::is_element) {
        walk(child, &path, alias, lines);
    }
}

/// The words of a command line as libvirt prints it: after the environment, without the binary and the key that nothing
/// refers to, with the guest's directories as virtc writes them.
///
/// # Errors
/// When it is not quoted as a shell wants it.
pub fn recorded(line: &str) -> Result<Vec<String>, shell_words::ParseError> {
    let all = shell_words::split(line)?;
    let state = all.iter().find_map(|word| word.strip_prefix("HOME=")).unwrap_or_default().to_owned();
    let mut words: Vec<String> = all.into_iter().skip_while(|word| !word.contains("/qemu-system-")).skip(1).collect();
    if let Some(at) = words.iter().position(|word| word.contains("masterKey0")) {
        words.drain(at.saturating_sub(1)..=at);
    }
    while let Some(at) = words.iter().position(|word| word == "-add-fd") {
        words.drain(at..words.len().min(at + 2));
    }
    // `-1-NAME` where the guest does not run.
    let guest = state.rsplit_once("/domain-").map_or("", |(_, guest)| guest).to_owned();
    let folders = [
        (state, "{state}"),
        (format!("/var/lib/libvirt/qemu/ram/{guest}"), "{state}/ram"),
        (format!("/run/libvirt/qemu/dbus/{guest}-dbus.sock"), "{state}/dbus.sock"),
        (format!("/run/libvirt/qemu/swtpm/{guest}-swtpm.sock"), "{state}/swtpm.sock"),
    ];
    if !guest.is_empty() {
        for word in &mut words {
            *word = folders.iter().fold(word.clone(), |word, (theirs, ours)| word.replace(theirs.as_str(), ours));
        }
    }
    Ok(words)
}

/// The same, with the machine type that an alias became made the alias again, and what is only a number made equal.
///
/// # Errors
/// When it is not quoted as a shell wants it.
pub fn words(line: &str, alias: Option<&str>) -> Result<Vec<String>, shell_words::ParseError> {
    let mut words = recorded(line)?;
    let at = words.iter().position(|word| word == "-machine").map(|at| at + 1);
    let rest = at.and_then(|at| words.get(at)?.split_once(',').map(|(_, rest)| rest.to_owned()));
    if let (Some(alias), Some(at), Some(rest)) = (alias, at, rest) {
        words.splice(at..=at, [format!("{alias},{rest}")]);
    }
    Ok(words.iter().map(|word| same(word)).collect())
}

/// `word` with every descriptor made the same and JSON in one order.
pub fn same(word: &str) -> String {
    if let Ok(value @ serde_json::Value::Object(_)) = serde_json::from_str(word) {
        return ordered(value).to_string();
    }
    // For this question QEMU opens sockets and logs itself; otherwise it gets descriptors of them.
    let backend = word.contains("id=char");
    let parts =
        word.split(',').filter(|part| !(backend && (part.starts_with("append=") || part.starts_with("logappend="))));
    let parts = parts.map(|part| match part.split_once('=') {
        Some(("path" | "fd", _)) if backend => "path=#".to_owned(),
        Some(("logfile", _)) if backend => "logfile=#".to_owned(),
        Some((key @ ("fd" | "fds" | "vhostfd" | "vhostfds"), _)) => format!("{key}=#"),
        Some(_) | None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",")
}

fn ordered(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map
                .into_iter()
                .map(|(key, value)| {
                    let value = match &value {
                        _ if key.ends_with("fd") => "#".into(),
                        // One for each queue.
                        Value::String(text) if key.ends_with("fds") => {
                            vec!["#"; text.replace("{fd:", "").split(':').count()].join(":").into()
                        }
                        // Drawn at random where it is absent.
                        _ if key == "guid" => "#".into(),
                        // Whether a path is a drive for CDs is looked up on the host.
                        Value::String(text) if text == "host_cdrom" => "host_device".into(),
                        Value::Null
                        | Value::Bool(_)
                        | Value::Number(_)
                        | Value::String(_)
                        | Value::Array(_)
                        | Value::Object(_) => ordered(value),
                    };
                    (key, value)
                })
                .collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(values) => values.into_iter().map(ordered).collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_may_be_an_alias() {
        let stored = "<domain><os><type machine='pc-q35-10.0' arch='x86_64'>hvm</type></os></domain>";
        let own = "<domain>\n<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>";
        assert_eq!(machine_type(own).as_deref(), Some("q35"));
        assert_eq!(lines(stored, Some("q35")).unwrap(), lines(own, None).unwrap());
        assert_ne!(lines(stored, None).unwrap(), lines(own, None).unwrap());
    }

    #[test]
    fn descriptors_and_the_order_of_keys_do_not_count() {
        let line = r#"HOME=/var/lib/libvirt/qemu/domain--1-a /usr/bin/qemu-system-x86_64 -S -object '{"id":"masterKey0"}' -machine pc-q35-10.0,usb=off
            -chardev socket,id=charx,path=/var/lib/libvirt/qemu/domain--1-a/b -netdev '{"type":"tap","fd":"24"}'"#;
        let own = ["-S", "-machine", "q35,usb=off", "-chardev", "socket,id=charx,fd={fd:x}", "-netdev"];
        let own: Vec<String> = own.into_iter().chain([r#"{"fd":"{fd:net0}","type":"tap"}"#]).map(same).collect();
        assert_eq!(words(line, Some("q35")).unwrap(), own);
    }
}
