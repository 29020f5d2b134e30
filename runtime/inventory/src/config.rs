//! How the host is set up: what libvirt reads from `qemu.conf`.

use serde::{Deserialize, Serialize};

macro_rules! config {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr),* $(,)?) => {
        /// Directories, addresses and switches. A field that the file leaves out has libvirt's default.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $($(#[$doc])* #[doc = concat!("\n\nDefault: `", stringify!($default), "`.")] pub $name: $type,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($name: $default.into(),)* }
            }
        }
    };
}

config! {
    /// The address that VNC listens on when the domain names none (`vnc_listen`).
    vnc_listen: String = "127.0.0.1",
    /// Whether VNC uses TLS (`vnc_tls`).
    vnc_tls: bool = false,
    /// Whether VNC asks the client for a certificate (`vnc_tls_x509_verify`).
    vnc_tls_verify: bool = false,
    /// Where the certificates of VNC are (`vnc_tls_x509_cert_dir`).
    vnc_tls_dir: String = "/etc/pki/libvirt-vnc",
    /// Whether VNC uses SASL (`vnc_sasl`).
    vnc_sasl: bool = false,
    /// The password of VNC when the domain names none (`vnc_password`).
    vnc_password: Option<String> = None::<String>,
    /// The address that SPICE listens on when the domain names none (`spice_listen`).
    spice_listen: String = "127.0.0.1",
    /// Whether SPICE uses TLS (`spice_tls`).
    spice_tls: bool = false,
    /// Where the certificates of SPICE are (`spice_tls_x509_cert_dir`).
    spice_tls_dir: String = "/etc/pki/libvirt-spice",
    /// Whether SPICE uses SASL (`spice_sasl`).
    spice_sasl: bool = false,
    /// The password of SPICE when the domain names none (`spice_password`).
    spice_password: Option<String> = None::<String>,
    /// Where SASL finds its settings (`vnc_sasl_dir`, `spice_sasl_dir`).
    sasl_dir: String = "/etc/sasl2",
    /// Whether character devices over TCP use TLS when the domain does not say (`chardev_tls`).
    chardev_tls: bool = false,
    /// Where the certificates of character devices are (`chardev_tls_x509_cert_dir`).
    chardev_tls_dir: String = "/etc/pki/libvirt-chardev",
    /// Whether network block devices use TLS when the domain does not say (`nbd_tls`).
    nbd_tls: bool = false,
    /// Where the certificates of network block devices are (`nbd_tls_x509_cert_dir`).
    nbd_tls_dir: String = "/etc/pki/libvirt-nbd",
    /// The secret of the private key for network block devices, by its uuid (`nbd_tls_x509_secret_uuid`).
    nbd_tls_secret: Option<String> = None::<String>,
    /// How much the gluster client logs, 0 to 9 (`gluster_debug_level`).
    gluster_debug: u32 = 4_u32,
    /// The first port for VNC and SPICE (`remote_display_port_min`).
    display_port_min: u16 = 5900_u16,
    /// The last port for VNC and SPICE (`remote_display_port_max`).
    display_port_max: u16 = 65535_u16,
    /// The first port for websockets (`remote_websocket_port_min`).
    websocket_port_min: u16 = 5700_u16,
    /// The last port for websockets (`remote_websocket_port_max`).
    websocket_port_max: u16 = 65535_u16,
    /// The directory under which each domain has its own, in the `domain-ID-NAME` form.
    lib_dir: String = "/var/lib/libvirt/qemu",
    /// Where the sockets of guest channels are.
    channel_dir: String = "/run/libvirt/qemu/channel",
    /// Where the sockets of domains' own D-Bus daemons are.
    dbus_dir: String = "/run/libvirt/qemu/dbus",
    /// Where the sockets between QEMU and passt are.
    passt_dir: String = "/run/libvirt/qemu/passt",
    /// Where the variables of UEFI are (`nvram` files).
    nvram_dir: String = "/var/lib/libvirt/qemu/nvram",
    /// Firmware images that have no descriptor, each with the template of its variables after a colon (`nvram`).
    nvram: Vec<String> = ["/usr/share/OVMF/OVMF_CODE.fd:/usr/share/OVMF/OVMF_VARS.fd", "/usr/share/OVMF/OVMF_CODE.secboot.fd:/usr/share/OVMF/OVMF_VARS.fd"].map(String::from),
    /// Where memory that is backed by files is (`memory_backing_dir`).
    ram_dir: String = "/var/lib/libvirt/qemu/ram",
    /// Where an emulator is looked for when the domain names none.
    emulator_dir: String = "/usr/bin",
    /// Whether guest memory is part of QEMU's core dumps (`dump_guest_core`).
    dump_guest_core: bool = false,
    /// A vsock context id that is free, for guests that leave it to the host.
    vsock_cid: Option<u32> = None::<u32>,
    /// The socket of the TPM emulator; a socket in the VM's own directory where none is named.
    swtpm_socket: Option<String> = None::<String>,
    /// Whether QEMU's log has time stamps (`log_timestamp`).
    log_timestamp: bool = true,
    /// Whether QEMU runs under its seccomp sandbox (`seccomp_sandbox`).
    sandbox: bool = true,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default() {
        let config: Config = serde_json::from_str(r#"{"vnc_listen": "0.0.0.0"}"#).unwrap();
        assert_eq!(config, Config { vnc_listen: "0.0.0.0".into(), ..Config::default() });
        assert!(config.sandbox && config.log_timestamp && !config.dump_guest_core);
    }

    #[test]
    fn unknown_names_are_refused() {
        assert!(serde_json::from_str::<Config>(r#"{"vnc_listn": "0.0.0.0"}"#).is_err());
    }
}
