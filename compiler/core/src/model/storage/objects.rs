//! The objects to which block nodes refer: secrets, TLS credentials, persistent reservation managers.

use super::backend::Names;
use super::node::Node;
use super::secret::secret_object;
use super::{ImageFormat, Location, Protocol, StorageSource};
use crate::ir::{OptExt, Origin, YesNo};
use crate::model::EmitContext;
use crate::qemu::{ArgSection, Props, QemuOptions, state};

impl Node<'_> {
    /// Adds the objects to which the nodes refer, in libvirt's order; the result is their ids.
    pub(super) fn objects(
        &self,
        place: &Location,
        format: ImageFormat,
        cx: &EmitContext<'_>,
        section: ArgSection,
        out: &mut QemuOptions,
    ) -> Names {
        let source = self.source;
        let object = |props: Props, origin: Origin, out: &mut QemuOptions| out.json(section, "object", props, origin);
        let reservations = source.reservations.as_ref().map(|r| {
            if r.is_managed() {
                return MANAGED_HELPER.to_owned();
            }
            let name = format!("pr-helper-{}", self.name("storage"));
            let props = Props::new().with("qom-type", "pr-manager-helper").with("id", &name);
            object(props.opt("path", r.socket.as_ref().map(|s| s.value.as_str())), r.origin, out);
            name
        });
        // QEMU's SSH driver has no password parameter.
        let asks = matches!(place, Location::Network(n) if n.protocol.value != Protocol::Ssh);
        let auth = source.login(cx.facts).filter(|_| asks).map(|login| {
            let name = self.name("storage-auth-secret0");
            object(secret_object(&name), login.origin, out);
            name
        });
        let layer =
            if source.encryption.as_ref().is_some_and(super::Encryption::is_by_qemu) { "format" } else { "storage" };
        let keys = source.encryption.iter().flat_map(|e| &e.secrets).enumerate().map(|(at, secret)| {
            let name = self.name(&format!("{layer}-encryption-secret{at}"));
            object(secret_object(&name), secret.origin, out);
            name
        });
        let keys: Vec<String> =
            if self.needs_format(format, cx) || layer == "storage" { keys.collect() } else { Vec::new() };
        let Location::Network(network) = place else {
            return Names { auth, cookies: None, tls: None, keys, reservations };
        };
        let cookies = network.cookies.first().map(|(_, value)| {
            let name = self.name("storage-httpcookie-secret0");
            object(secret_object(&name), value.origin, out);
            name
        });
        let config = cx.facts.config();
        let by_default = network.protocol.value == Protocol::Nbd && config.is_some_and(|c| c.nbd_tls);
        let tls = network.tls.get().map_or(by_default, YesNo::is_yes).then(|| {
            let origin = network.tls.origin_or(source.origin);
            let name = format!("obj{}_tls0", self.name("storage"));
            let secret = config.and_then(|c| c.nbd_tls_secret.as_ref()).map(|_| format!("{name}-secret0"));
            if let Some(secret) = &secret {
                object(secret_object(secret), origin, out);
            }
            let directory = config.map_or("/etc/pki/libvirt-nbd", |c| c.nbd_tls_dir.as_str());
            let props = Props::new().with("qom-type", "tls-creds-x509").with("id", &name).with("dir", directory);
            let props = props.with("endpoint", "client").with("verify-peer", true);
            object(props.opt("passwordid", secret), origin, out);
            name
        });
        Names { auth, cookies, tls, keys, reservations }
    }
}

/// The id of the persistent reservation manager that libvirt starts, one for all disks.
const MANAGED_HELPER: &str = "pr-helper0";

/// The persistent reservation manager that libvirt starts, where one of the sources needs it.
pub(crate) fn managed_helper<'s>(mut sources: impl Iterator<Item = &'s StorageSource>, out: &mut QemuOptions) {
    let asked = sources.find_map(|s| s.reservations.as_ref().filter(|r| r.is_managed()));
    if let Some(asked) = asked {
        let props = Props::new().with("qom-type", "pr-manager-helper").with("id", MANAGED_HELPER);
        out.json(ArgSection::Reservations, "object", props.with("path", state("/pr-helper0.sock")), asked.origin);
    }
}
