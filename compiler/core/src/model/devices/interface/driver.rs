//! `<driver>`, with the offloads of both ends, and `<backend>`.

use crate::ir::{Opt, OptExt, Switch, words};
use crate::model::devices::virtio::VirtioOptions;
use crate::qemu::Props;
use crate::xml_io::Fields;
use crate::xml_io::{Tag, XmlWriter};

words! {
    /// Who moves the frames of a virtio interface.
    pub enum Mover { Qemu = "qemu", Vhost = "vhost" }
}

words! {
    /// When a virtio interface sends.
    pub enum TxMode { Iothread = "iothread", Timer = "timer" }
}

words! {
    /// The backend of a user network.
    pub enum BackendType { Default = "default", Passt = "passt" }
}

/// The offloads of the host's end: the attribute, and QEMU's property.
const HOST: &[(&str, &str)] = &[
    ("csum", "csum"),
    ("gso", "gso"),
    ("tso4", "host_tso4"),
    ("tso6", "host_tso6"),
    ("ecn", "host_ecn"),
    ("ufo", "host_ufo"),
    ("mrg_rxbuf", "mrg_rxbuf"),
];

/// The offloads of the guest's end.
const GUEST: &[(&str, &str)] = &[
    ("csum", "guest_csum"),
    ("tso4", "guest_tso4"),
    ("tso6", "guest_tso6"),
    ("ecn", "guest_ecn"),
    ("ufo", "guest_ufo"),
];

/// What one end leaves to the other, in the order of its table.
#[derive(Debug, Clone, Default)]
pub struct Offloads(Vec<Opt<Switch>>);

impl Offloads {
    fn lower(driver: &Fields<'_, '_>, name: &str, table: &[(&str, &str)]) -> Self {
        let Some(f) = driver.child(name) else { return Self::default() };
        Self(table.iter().map(|(attribute, _)| f.attr(attribute)).collect())
    }

    fn any(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    fn write(&self, name: &'static str, table: &[(&str, &str)], w: &mut XmlWriter) {
        if self.any() {
            table.iter().zip(&self.0).fold(w.tag(name), |tag, ((attribute, _), value)| tag.opt(attribute, value)).end();
        }
    }

    fn props(&self, table: &[(&str, &'static str)]) -> Props {
        let given = table.iter().zip(&self.0);
        given.fold(Props::new(), |props, ((_, property), value)| props.opt(property, value.get().map(Switch::is_on)))
    }
}

/// `<driver>` of a virtio interface.
#[derive(Debug, Clone, Default)]
pub struct Driver {
    /// Who moves the frames.
    pub name: Opt<Mover>,
    /// When it sends.
    pub txmode: Opt<TxMode>,
    /// Whether notifications go through an eventfd.
    pub ioeventfd: Opt<Switch>,
    /// Whether the event index is used.
    pub event_idx: Opt<Switch>,
    /// Pairs of queues, where there is more than one.
    pub queues: Opt<u32>,
    /// Length of a receive queue.
    pub rx_queue_size: Opt<u32>,
    /// Length of a send queue.
    pub tx_queue_size: Opt<u32>,
    /// Whether frames are spread over the queues by a hash.
    pub rss: Opt<Switch>,
    /// Whether the guest is told the hash.
    pub rss_hash_report: Opt<Switch>,
    /// What every virtio device has.
    pub virtio: VirtioOptions,
    /// What the guest may leave to the host.
    pub host: Offloads,
    /// What the host may leave to the guest.
    pub guest: Offloads,
}

impl Driver {
    /// Reads the element.
    pub fn lower(d: &Fields<'_, '_>) -> Self {
        Self {
            name: d.attr("name"),
            txmode: d.attr("txmode"),
            ioeventfd: d.attr("ioeventfd"),
            event_idx: d.attr("event_idx"),
            queues: d.attr("queues").filter(|queues| queues.value > 1),
            rx_queue_size: d.attr("rx_queue_size"),
            tx_queue_size: d.attr("tx_queue_size"),
            rss: d.attr("rss"),
            rss_hash_report: d.attr("rss_hash_report"),
            virtio: VirtioOptions::lower(d),
            host: Offloads::lower(d, "host", HOST),
            guest: Offloads::lower(d, "guest", GUEST),
        }
    }

    fn is_empty(&self) -> bool {
        let switches = [&self.ioeventfd, &self.event_idx, &self.rss, &self.rss_hash_report];
        let numbers = [&self.queues, &self.rx_queue_size, &self.tx_queue_size];
        self.name.is_none()
            && self.txmode.is_none()
            && switches.iter().all(|s| s.is_none())
            && numbers.iter().all(|n| n.is_none())
            && !self.virtio.any()
            && !self.host.any()
            && !self.guest.any()
    }

    fn attributes<'w>(&self, tag: Tag<'w>) -> Tag<'w> {
        let tag = tag.opt("name", &self.name).opt("txmode", &self.txmode).opt("ioeventfd", &self.ioeventfd);
        let tag = tag.opt("event_idx", &self.event_idx).opt("queues", &self.queues);
        let tag = tag.opt("rx_queue_size", &self.rx_queue_size).opt("tx_queue_size", &self.tx_queue_size);
        self.virtio.write(tag.opt("rss", &self.rss).opt("rss_hash_report", &self.rss_hash_report))
    }

    /// Writes the element, where it says something.
    pub fn write(&self, w: &mut XmlWriter) {
        if !self.is_empty() {
            self.attributes(w.tag("driver")).children(|w| {
                self.host.write("host", HOST, w);
                self.guest.write("guest", GUEST, w);
            });
        }
    }

    /// QEMU's properties.
    pub fn props(&self) -> Props {
        let tx = self.txmode.get().map(|mode| match mode {
            TxMode::Iothread => "bh",
            TxMode::Timer => "timer",
        });
        let on = |switch: &Opt<Switch>| switch.get().map(Switch::is_on);
        let props = self
            .virtio
            .props()
            .opt("tx", tx)
            .opt("ioeventfd", on(&self.ioeventfd))
            .opt("event_idx", on(&self.event_idx))
            .and(self.host.props(HOST))
            .and(self.guest.props(GUEST));
        // A vector for each queue of each pair, one for the control queue, one for changes of the configuration.
        let vectors = self.queues.get().map(|queues| 2 * u64::from(queues) + 2);
        props
            .opt("mq", vectors.map(|_| true))
            .opt("vectors", vectors)
            .opt("rx_queue_size", self.rx_queue_size.get())
            .opt("tx_queue_size", self.tx_queue_size.get())
            .opt("rss", on(&self.rss))
            .opt("hash", on(&self.rss_hash_report))
    }
}

/// `<backend>`: what moves the frames on the host.
#[derive(Debug, Clone, Default)]
pub struct Backend {
    /// The backend of a user network.
    pub kind: Opt<BackendType>,
    /// In place of `/dev/net/tun`.
    pub tap: Opt<String>,
    /// In place of `/dev/vhost-net`, for virtio.
    pub vhost: Opt<String>,
    /// Where passt logs.
    pub log: Opt<String>,
}

impl Backend {
    /// Reads `<backend>` of the interface `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let Some(b) = f.child("backend") else { return Self::default() };
        let kind = b.attr("type").filter(|kind| kind.value != BackendType::Default);
        Self { kind, tap: b.attr("tap"), vhost: b.attr("vhost"), log: b.attr("logFile") }
    }

    /// Whether it is passt.
    pub fn is_passt(&self) -> bool {
        self.kind.is(&BackendType::Passt)
    }

    /// Writes the element, where it says something.
    pub fn write(&self, w: &mut XmlWriter) {
        if self.kind.is_some() || self.tap.is_some() || self.vhost.is_some() || self.log.is_some() {
            let tag = w.tag("backend").opt("type", &self.kind).opt("tap", &self.tap).opt("vhost", &self.vhost);
            tag.opt("logFile", &self.log).end();
        }
    }
}
