//! `<audio>`: the host's side of sound.

mod stream;

use virtc_diag::{Diagnostic, Diagnostics, Safety};

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::graphics::{Graphics, GraphicsType};
use crate::model::devices::{AliasStem, Device, DeviceElement, Info, common};
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use stream::{Format, Stream};

words! {
    /// Where sound goes.
    pub enum AudioType {
        None = "none", Alsa = "alsa", Coreaudio = "coreaudio", Jack = "jack", Oss = "oss", Pulseaudio = "pulseaudio", Sdl = "sdl",
        Spice = "spice", File = "file", Dbus = "dbus", Pipewire = "pipewire",
    }
}

/// `<audio>`.
#[derive(Debug, Clone)]
pub struct Audio {
    /// The number by which sound and graphics devices refer to it, from 1.
    pub id: Spanned<u8>,
    /// Where sound goes.
    pub kind: Spanned<AudioType>,
    /// The period of QEMU's timer in microseconds.
    pub timer_period: Opt<u32>,
    /// The server of `PulseAudio`.
    pub server_name: Opt<String>,
    /// The driver that SDL takes.
    pub sdl_driver: Opt<String>,
    /// The directory with the socket of `PipeWire`.
    pub runtime_dir: Opt<String>,
    /// The file that sound is written to.
    pub path: Opt<String>,
    /// Whether an OSS device is mapped.
    pub try_mmap: Opt<YesNo>,
    /// Whether an OSS device is taken for QEMU only.
    pub exclusive: Opt<YesNo>,
    /// The latency policy of OSS.
    pub dsp_policy: Opt<i32>,
    /// What the guest records.
    pub input: Option<Stream>,
    /// What the guest plays.
    pub output: Option<Stream>,
    info: Info,
    origin: Origin,
}

impl Audio {
    /// The backend that `rule` adds for a guest with these `<graphics>`, where one is added (`qemuDomainDefAddDefaultAudioBackend` in
    /// libvirt's `src/qemu/qemu_postparse.c`): SPICE carries sound, VNC does not unless asked, and a local window leaves it to QEMU.
    pub fn implied(graphics: &[Graphics], origin: Origin) -> Option<Self> {
        // The last display that plays sound decides.
        let plays = [GraphicsType::Sdl, GraphicsType::Vnc, GraphicsType::Spice];
        let kind = match graphics.iter().map(Graphics::kind).rfind(|kind| plays.contains(kind)) {
            Some(GraphicsType::Spice) => AudioType::Spice,
            Some(GraphicsType::Vnc) => AudioType::None,
            None if graphics.is_empty() => AudioType::None,
            Some(_) | None => return None,
        };
        Some(Self {
            id: Spanned::new(1, origin),
            kind: Spanned::new(kind, origin),
            timer_period: None,
            server_name: None,
            sdl_driver: None,
            runtime_dir: None,
            path: None,
            try_mmap: None,
            exclusive: None,
            dsp_policy: None,
            input: None,
            output: None,
            info: Info::default(),
            origin,
        })
    }

    /// Whether it goes over D-Bus.
    pub fn is_dbus(&self) -> bool {
        self.kind.value == AudioType::Dbus
    }

    /// Its name in QEMU.
    pub fn id(&self) -> String {
        format!("audio{}", self.id.value)
    }

    /// The backend with this number, or the first one.
    pub fn find(domain: &Domain, id: Option<u8>) -> Option<&Self> {
        domain.devices.audios.iter().find(|a| id.is_none_or(|id| a.id.value == id))
    }
}

impl DeviceElement for Audio {
    const ELEMENT: &'static str = "audio";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let (id, kind) = (f.decimal("id"), f.attr("type"));
        Some(Self {
            timer_period: f.attr("timerPeriod"),
            server_name: f.attr("serverName"),
            sdl_driver: f.attr("driver"),
            runtime_dir: f.attr("runtimeDir"),
            path: f.attr("path"),
            try_mmap: f.attr("tryMMap"),
            exclusive: f.attr("exclusive"),
            dsp_policy: f.attr("dspPolicy"),
            input: f.child("input").map(|s| Stream::lower(&s)),
            output: f.child("output").map(|s| Stream::lower(&s)),
            info: Info::default(),
            origin: f.origin(),
            id: id?,
            kind: kind?,
        })
    }
}

impl Device for Audio {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("audio").attr("id", &self.id.value.to_string()).attr("type", self.kind.word());
        let tag =
            tag.opt("timerPeriod", &self.timer_period).opt("serverName", &self.server_name).opt("path", &self.path);
        let tag = tag.opt("driver", &self.sdl_driver).opt("runtimeDir", &self.runtime_dir);
        let tag =
            tag.opt("tryMMap", &self.try_mmap).opt("exclusive", &self.exclusive).opt("dspPolicy", &self.dsp_policy);
        tag.children(|w| {
            for (name, stream) in [("input", &self.input), ("output", &self.output)] {
                if let Some(stream) = stream.as_ref().filter(|s| !s.is_empty()) {
                    stream.write(name, w);
                }
            }
        });
    }

    /// What `virDomainAudioDefValidate` and `qemuValidateDomainDeviceDefAudio` in libvirt's sources say.
    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        let mut fault = |code, origin: Origin, message: String, help: &str| {
            faults.push(Diagnostic::at(code, origin, message).help(help));
        };
        let first = domain.devices.audios.iter().find(|a| a.id == self.id);
        if first.is_some_and(|first| !std::ptr::eq(first, self)) {
            fault(
                &codes::CONFLICT,
                self.id.origin,
                format!("two `<audio>` have the id {}", self.id.value),
                "give each its own `id`",
            );
        }
        if let Some(period) = self.timer_period.filter(|period| period.value == 0) {
            fault(&codes::BAD_VALUE, period.origin, "`timerPeriod` is at least 1".to_owned(), "remove it");
        }
        if self.id.value == 0 {
            fault(
                &codes::BAD_VALUE,
                self.id.origin,
                "the `id` of `<audio>` is at least 1".to_owned(),
                "write `id='1'`",
            );
        }
        for stream in [&self.input, &self.output].into_iter().flatten() {
            let mut of_stream =
                |origin, message, help: &str| fault(&codes::UNSUPPORTED_CONFIGURATION, origin, message, help);
            stream.check(self.kind.value, self.origin, &mut of_stream);
        }
        let spice = domain.devices.graphics.iter().any(|g| g.kind() == GraphicsType::Spice);
        if self.kind.value == AudioType::Spice && !spice {
            let message = "this needs `<graphics type='spice'>`, which the guest does not have";
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, self.kind.origin, message).shared();
            let fault = fault.help("write `type='none'`, or add `<graphics type='spice' autoport='yes'/>`");
            faults.push(fault.fix(Safety::Unsafe, "write `none`", self.kind.origin.span(), "none"));
        }
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Whole(self.id())
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        if self.kind.value == AudioType::Pipewire && !cx.target.at_least(8, 1) {
            let span = self.kind.origin.span();
            let message = "audio type `pipewire` needs QEMU 8.1";
            cx.report(
                Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message)
                    .help("use `pulseaudio`, which PipeWire serves too"),
            );
        }
        let driver = match self.kind.value {
            AudioType::Pulseaudio => "pa",
            AudioType::File => "wav",
            kind @ (AudioType::None
            | AudioType::Alsa
            | AudioType::Coreaudio
            | AudioType::Jack
            | AudioType::Oss
            | AudioType::Sdl
            | AudioType::Spice
            | AudioType::Dbus
            | AudioType::Pipewire) => kind.word(),
        };
        let streams = [("in", &self.input), ("out", &self.output)];
        let mut props = Props::new()
            .with("id", self.id())
            .with("driver", driver)
            .opt("timer-period", self.timer_period.get().filter(|p| *p > 0))
            .opt("try-mmap", self.try_mmap.get().map(YesNo::is_yes))
            .opt("exclusive", self.exclusive.get().map(YesNo::is_yes))
            .opt("dsp-policy", self.dsp_policy.get())
            .opt("server", self.server_name.as_ref().map(|s| &s.value))
            .opt("path", self.path.as_ref().map(|s| &s.value));
        for (key, stream) in streams {
            let stream = stream.as_ref().map(Stream::props).filter(|p| p.iter().next().is_some());
            props = props.opt(key, stream);
        }
        out.json(ArgSection::Audio, "audiodev", props, self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        for (name, value) in [("SDL_AUDIODRIVER", &self.sdl_driver), ("PIPEWIRE_RUNTIME_DIR", &self.runtime_dir)] {
            if let Some(value) = value {
                out.env(name, &value.value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn settings_are_fixed_by_the_mixing_engine() {
        let settings = "<settings frequency='44100' channels='2' format='s16'/>";
        let t = trial(
            &format!(
                "<audio id='3' type='pulseaudio' serverName='a,b'><input mixingEngine='yes' fixedSettings='yes'>{settings}</input>\
                 <output mixingEngine='no' name='sink'/></audio>"
            ),
            &["audio3"],
        );
        let streams = r#""in":{"mixing-engine":true,"fixed-settings":true,"frequency":44100,"channels":2,"format":"s16"},"out":{"mixing-engine":false,"name":"sink"}"#;
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(t.argv, [format!(r#"-audiodev {{"id":"audio3","driver":"pa","server":"a,b",{streams}}}"#)]);
    }

    #[test]
    fn what_a_stream_cannot_be_is_refused() {
        for (stream, fault) in [
            ("fixedSettings='yes'/>", "`fixedSettings` needs `mixingEngine='yes'`"),
            ("fixedSettings='no'><settings format='s8'/></input>", "`<settings>` needs `fixedSettings='yes'`"),
            ("><settings/></input>", "`<settings>` needs `fixedSettings='yes'`"),
            ("voices='0'/>", "`voices` is at least 1"),
            ("latency='0'/>", "`latency` is at least 1"),
        ] {
            assert_eq!(trial(&format!("<audio id='1' type='pipewire'><input {stream}</audio>"), &[]).faults, [fault]);
        }
        assert_eq!(trial("<audio id='0' type='none'/>", &[]).faults, ["the `id` of `<audio>` is at least 1"]);
        assert_eq!(trial("<audio id='1' type='none' timerPeriod='0'/>", &[]).faults, ["`timerPeriod` is at least 1"]);
    }

    #[test]
    fn a_window_brings_no_backend() {
        assert_eq!(trial("<graphics type='sdl'/>", &["-audiodev"]).argv, Vec::<String>::new());
        assert_eq!(trial("", &["-audiodev"]).argv, [r#"-audiodev {"id":"audio1","driver":"none"}"#]);
    }
}
