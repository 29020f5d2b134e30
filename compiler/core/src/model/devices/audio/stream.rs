//! `<input>` and `<output>` of `<audio>`.

use crate::ir::{Opt, OptExt, Origin, YesNo, words};
use crate::model::devices::audio::AudioType;
use crate::qemu::Props;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Formats of samples.
    pub enum Format { S8 = "s8", U8 = "u8", S16 = "s16", U16 = "u16", S32 = "s32", U32 = "u32", F32 = "f32" }
}

/// `<input>` or `<output>`.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// Whether QEMU mixes and converts.
    pub mixing_engine: Opt<YesNo>,
    /// Whether the host's side has the settings below, whatever the guest asks for.
    pub fixed_settings: Opt<YesNo>,
    /// How many voices there are.
    pub voices: Opt<u32>,
    /// The length of the buffer in microseconds.
    pub buffer_length: Opt<u32>,
    /// The place of `<settings>`.
    pub settings: Option<Origin>,
    /// Samples in a second.
    pub frequency: Opt<u32>,
    /// Channels of a sample.
    pub channels: Opt<u32>,
    /// The format of samples.
    pub format: Opt<Format>,
    /// The device of the host.
    pub dev: Opt<String>,
    /// How many buffers there are.
    pub buffer_count: Opt<u32>,
    /// Whether the device is polled.
    pub try_poll: Opt<YesNo>,
    /// The JACK server.
    pub server_name: Opt<String>,
    /// The name as JACK client.
    pub client_name: Opt<String>,
    /// The ports to connect to, a regular expression.
    pub connect_ports: Opt<String>,
    /// Whether the client must have exactly that name.
    pub exact_name: Opt<YesNo>,
    /// The sink or source.
    pub name: Opt<String>,
    /// The name that the stream has.
    pub stream_name: Opt<String>,
    /// The desired latency in microseconds.
    pub latency: Opt<u32>,
}

impl Stream {
    /// Whether nothing is said; libvirt then keeps no element.
    pub fn is_empty(&self) -> bool {
        let numbers =
            [&self.voices, &self.buffer_length, &self.frequency, &self.channels, &self.buffer_count, &self.latency];
        let words =
            [&self.dev, &self.server_name, &self.client_name, &self.connect_ports, &self.name, &self.stream_name];
        let switches = [&self.mixing_engine, &self.fixed_settings, &self.try_poll, &self.exact_name];
        numbers.iter().all(|n| n.is_none())
            && words.iter().all(|w| w.is_none())
            && switches.iter().all(|s| s.is_none())
            && self.format.is_none()
    }

    /// Reads the element.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let settings = f.child("settings");
        let settings = settings.as_ref();
        Self {
            mixing_engine: f.attr("mixingEngine"),
            fixed_settings: f.attr("fixedSettings"),
            voices: f.decimal("voices"),
            buffer_length: f.attr("bufferLength"),
            settings: settings.map(Fields::origin),
            frequency: settings.and_then(|s| s.attr("frequency")),
            channels: settings.and_then(|s| s.attr("channels")),
            format: settings.and_then(|s| s.attr("format")),
            dev: f.attr("dev"),
            buffer_count: f.attr("bufferCount"),
            try_poll: f.attr("tryPoll"),
            server_name: f.attr("serverName"),
            client_name: f.attr("clientName"),
            connect_ports: f.attr("connectPorts"),
            exact_name: f.attr("exactName"),
            name: f.attr("name"),
            stream_name: f.attr("streamName"),
            latency: f.attr("latency"),
        }
    }

    /// Writes the element.
    pub fn write(&self, element: &'static str, w: &mut XmlWriter) {
        let tag = w.tag(element).opt("mixingEngine", &self.mixing_engine).opt("fixedSettings", &self.fixed_settings);
        let tag = tag.opt("voices", &self.voices).opt("bufferLength", &self.buffer_length).opt("dev", &self.dev);
        let tag = tag
            .opt("bufferCount", &self.buffer_count)
            .opt("tryPoll", &self.try_poll)
            .opt("serverName", &self.server_name);
        let tag = tag
            .opt("clientName", &self.client_name)
            .opt("connectPorts", &self.connect_ports)
            .opt("exactName", &self.exact_name);
        tag.opt("name", &self.name).opt("streamName", &self.stream_name).opt("latency", &self.latency).children(|w| {
            if self.fixed_settings.is(&YesNo::Yes)
                || self.frequency.is_some()
                || self.channels.is_some()
                || self.format.is_some()
            {
                let tag = w.tag("settings").opt("frequency", &self.frequency).opt("channels", &self.channels);
                tag.opt("format", &self.format).end();
            }
        });
    }

    /// What libvirt refuses of it (`virDomainAudioIOCommonValidate` in its `src/conf/domain_validate.c`, and its parser).
    pub fn check(&self, kind: AudioType, whole: Origin, fault: &mut dyn FnMut(Origin, String, &str)) {
        let latency = if kind == AudioType::Pipewire { self.latency } else { None };
        let numbers = [
            ("voices", self.voices),
            ("bufferLength", self.buffer_length),
            ("frequency", self.frequency),
            ("channels", self.channels),
            ("latency", latency),
        ];
        for (name, value) in numbers {
            if let Some(value) = value.filter(|value| value.value == 0) {
                fault(value.origin, format!("`{name}` is at least 1"), "write a greater number, or remove it");
            }
        }
        let is_fixed = self.fixed_settings.is(&YesNo::Yes);
        if is_fixed && !self.mixing_engine.is(&YesNo::Yes) {
            let message = "`fixedSettings` needs `mixingEngine='yes'`";
            fault(self.fixed_settings.origin_or(whole), message.to_owned(), "write `mixingEngine='yes'`");
        }
        if let Some(settings) = self.settings.filter(|_| !is_fixed) {
            fault(
                settings,
                "`<settings>` needs `fixedSettings='yes'`".to_owned(),
                "write `mixingEngine='yes' fixedSettings='yes'`",
            );
        }
    }

    /// QEMU's properties.
    pub fn props(&self) -> Props {
        let fixed = self.fixed_settings.is(&YesNo::Yes);
        let number = |value: &Opt<u32>| value.get().filter(|n| *n > 0);
        let text = |value: &Opt<String>| value.as_ref().map(|v| v.value.clone());
        Props::new()
            .opt("mixing-engine", self.mixing_engine.get().map(YesNo::is_yes))
            .opt("fixed-settings", self.fixed_settings.get().map(YesNo::is_yes))
            .opt("voices", number(&self.voices))
            .opt("buffer-length", number(&self.buffer_length))
            .opt("frequency", number(&self.frequency).filter(|_| fixed))
            .opt("channels", number(&self.channels).filter(|_| fixed))
            .opt("format", self.format.get().filter(|_| fixed).map(Format::word))
            .opt("dev", text(&self.dev))
            .opt("buffer-count", number(&self.buffer_count))
            .opt("try-poll", self.try_poll.get().map(YesNo::is_yes))
            .opt("server-name", text(&self.server_name))
            .opt("client-name", text(&self.client_name))
            .opt("connect-ports", text(&self.connect_ports))
            .opt("exact-name", self.exact_name.get().map(YesNo::is_yes))
            .opt("name", text(&self.name))
            .opt("stream-name", text(&self.stream_name))
            .opt("latency", number(&self.latency))
    }
}
