//! What libvirt and QEMU refuse in a source on the network.

use virtc_diag::{Diagnostic, Diagnostics};

use super::{Network, Protocol, Transport};
use crate::codes::{self, Report as _};
use crate::ir::{OptExt, Origin, Spanned, YesNo};

/// What libvirt and QEMU refuse in a network source.
pub(super) fn check(network: &Network, faults: &mut Diagnostics) {
    let protocol = network.protocol;
    let word = protocol.word();
    match protocol.value {
        Protocol::Sheepdog | Protocol::Vxhs => {
            faults.refuse(protocol.origin, format!("protocol `{word}` is no longer supported by QEMU"));
        }
        Protocol::Tftp => faults.refuse(protocol.origin, "protocol `tftp` is not supported by QEMU"),
        Protocol::Nfs => nfs_faults(network, faults),
        Protocol::Nbd
        | Protocol::Rbd
        | Protocol::Gluster
        | Protocol::Iscsi
        | Protocol::Http
        | Protocol::Https
        | Protocol::Ftp
        | Protocol::Ftps
        | Protocol::Ssh => {}
    }
    if network.hosts.len() != 1 && !matches!(protocol.value, Protocol::Rbd | Protocol::Gluster) {
        let message = format!("protocol `{word}` needs exactly one `<host>`, not {}", network.hosts.len());
        faults.refuse(protocol.origin, message);
    }
    if let Some(name) = &network.name {
        name_faults(protocol.value, name, faults);
    } else if protocol.value != Protocol::Nbd {
        let message = "a network source needs the attribute `name`";
        faults.add_with(&codes::MISSING, protocol.origin, message, "add `name='…'`");
    }
    for transport in network.hosts.iter().filter_map(|h| h.transport) {
        let fits = match transport.value {
            Transport::Tcp => true,
            Transport::Unix => matches!(protocol.value, Protocol::Nbd | Protocol::Gluster),
            Transport::Rdma => false,
        };
        // libvirt accepts these, and QEMU cannot connect.
        let passes = [Protocol::Http, Protocol::Https, Protocol::Ftp, Protocol::Ftps, Protocol::Iscsi];
        if !fits && passes.contains(&protocol.value) {
            let message = format!("protocol `{word}` over transport `{}` is not supported by QEMU", transport.word());
            faults.add_with(&codes::REFUSED_BY_QEMU, transport.origin, message, "remove `transport`");
        } else if !fits {
            let message = format!("protocol `{word}` over transport `{}` is not supported by QEMU", transport.word());
            faults.refuse(transport.origin, message);
        }
    }
    if let Some(hostname) = network.tls_hostname.as_ref().filter(|_| network.tls.is(&YesNo::No)) {
        faults.refuse(hostname.origin, "`tlsHostname` cannot be combined with `tls='no'`");
    }
    for (_, value) in &network.cookies {
        let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
        if quoted.contains(|c: char| !c.is_ascii_graphic() || "\",;\\".contains(c)) {
            faults.refuse(value.origin, "the value of the cookie contains an invalid character");
        }
    }
    let names: Vec<&str> = network.cookies.iter().map(|(name, _)| name.value.as_str()).collect();
    for (at, (name, _)) in network.cookies.iter().enumerate() {
        if names.iter().take(at).any(|n| *n == name.value) {
            faults.conflict(name.origin, format!("two cookies are named `{}`", name.value));
        }
    }
}

fn name_faults(protocol: Protocol, name: &Spanned<String>, faults: &mut Diagnostics) {
    let bad = |message: String| Diagnostic::at(&codes::BAD_VALUE, name.origin, message);
    match protocol {
        Protocol::Rbd | Protocol::Gluster if name.split_once('/').is_none_or(|(a, b)| a.is_empty() || b.is_empty()) => {
            faults.push(bad(format!("`{}` does not have the form `pool/image`", name.value)));
        }
        Protocol::Rbd if name.contains(':') => {
            faults.refuse(name.origin, "the name of an RBD image cannot contain `:`");
        }
        Protocol::Iscsi if name.split_once('/').is_some_and(|(_, lun)| lun.parse::<u32>().is_err()) => {
            faults.push(bad(format!("`{}` does not end with `/LUN`", name.value)));
        }
        Protocol::Nbd
        | Protocol::Rbd
        | Protocol::Sheepdog
        | Protocol::Gluster
        | Protocol::Iscsi
        | Protocol::Http
        | Protocol::Https
        | Protocol::Ftp
        | Protocol::Ftps
        | Protocol::Tftp
        | Protocol::Ssh
        | Protocol::Vxhs
        | Protocol::Nfs => {}
    }
}

fn nfs_faults(network: &Network, faults: &mut Diagnostics) {
    for port in network.hosts.iter().filter_map(|h| h.port).filter(|port| port.value > 0) {
        let origin: Origin = port.origin;
        faults.refuse(origin, "`port` of an NFS server is not supported by QEMU");
    }
}
