//! `<sound>`: sound cards of the guest.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::audio::Audio;
use crate::model::devices::virtio::VirtioOptions;
use crate::model::devices::{AliasStem, BusSlot, Device, DeviceElement, Info, common};
use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};
use crate::qemu::{ArgSection, Props, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Models of sound cards.
    pub enum Model {
        Sb16 = "sb16", Es1370 = "es1370", Pcspk = "pcspk", Ac97 = "ac97", Ich6 = "ich6", Ich7 = "ich7", Ich9 = "ich9", Usb = "usb",
        Virtio = "virtio",
    }
}

words! {
    /// What a codec can do.
    pub enum Codec { Duplex = "duplex", Micro = "micro", Output = "output" }
}

/// `<sound>`.
#[derive(Debug, Clone)]
pub struct Sound {
    /// The model.
    pub model: Spanned<Model>,
    /// Whether a USB card has more than two channels.
    pub multichannel: Opt<YesNo>,
    /// The streams of a virtio card.
    pub streams: Opt<u32>,
    /// The codecs of an HDA card.
    pub codecs: Vec<Spanned<Codec>>,
    /// The number of the backend.
    pub audio: Opt<u8>,
    virtio: VirtioOptions,
    info: Info,
    origin: Origin,
}

static CODEC: DefaultRule =
    DefaultRule { name: "hda-codec", text: "an HDA card without a codec gets one that plays and records" };
static STREAMS: DefaultRule =
    DefaultRule { name: "sound-streams", text: "a virtio sound card has two streams, one each way" };

impl Sound {
    /// Whether it is the audio device of the ICH9.
    pub fn is_ich9(&self) -> bool {
        self.model.value == Model::Ich9
    }

    fn is_hda(&self) -> bool {
        matches!(self.model.value, Model::Ich6 | Model::Ich9)
    }

    fn driver(&self) -> Option<&'static str> {
        Some(match self.model.value {
            Model::Sb16 => "sb16",
            Model::Es1370 => "ES1370",
            Model::Ac97 => "AC97",
            Model::Ich6 => "intel-hda",
            Model::Ich9 => "ich9-intel-hda",
            Model::Usb => "usb-audio",
            Model::Virtio => "virtio-sound-pci",
            Model::Pcspk | Model::Ich7 => return None,
        })
    }

    /// The name of the audio backend that it plays on.
    pub fn audiodev(&self, domain: &Domain) -> Option<String> {
        Audio::find(domain, self.audio.get()).map(Audio::id)
    }

    fn codec_options(&self, audio: Option<&str>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        let implied = [Spanned::rule(Codec::Duplex, &CODEC, self.origin)];
        let codecs = if self.codecs.is_empty() { &implied[..] } else { &self.codecs };
        for (codec, number) in codecs.iter().zip(0u32..) {
            let driver = match codec.value {
                Codec::Duplex => "hda-duplex",
                Codec::Micro => "hda-micro",
                Codec::Output => "hda-output",
            };
            let props = Props::new().with("driver", driver).with("id", format!("{alias}-codec{number}"));
            let props = props.with("bus", format!("{alias}.0")).with("cad", number).opt("audiodev", audio);
            out.device(ArgSection::Sounds, props, codec.origin);
        }
    }
}

impl DeviceElement for Sound {
    const ELEMENT: &'static str = "sound";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let model = f.attr("model");
        // Other models have none of these; libvirt passes over them.
        let is = |models: &[Model]| model.is_none_or(|m: Spanned<Model>| models.contains(&m.value));
        let codecs = if is(&[Model::Ich6, Model::Ich9]) { f.children("codec") } else { Vec::new() };
        let (multichannel, streams) = (
            if is(&[Model::Usb]) { f.attr("multichannel") } else { None },
            if is(&[Model::Virtio]) { f.attr::<u32>("streams") } else { None },
        );
        let driver = if is(&[Model::Virtio]) { f.child("driver") } else { None };
        let virtio = driver.map(|d| VirtioOptions::lower(&d)).unwrap_or_default();
        f.without_effect(&["multichannel", "streams"], &["codec", "driver"], "sound card of this model");
        if let Some(none) = streams.filter(|s| s.value == 0) {
            let span = none.origin.span();
            f.report(
                Diagnostic::at(&codes::BAD_VALUE, span, "a sound card has at least one stream")
                    .help("write `streams='1'` or more"),
            );
        }
        Some(Self {
            multichannel,
            streams,
            codecs: codecs.iter().filter_map(|c| c.attr("type")).collect(),
            audio: f.child("audio").and_then(|audio| audio.decimal("id")),
            virtio,
            info: Info::lower(f),
            origin: f.origin(),
            model: model?,
        })
    }

    fn matches_description(&self, other: &Self) -> bool {
        self.model == other.model && other.info.address.as_ref().is_none_or(|a| self.info.address.is(&a.value))
    }
}

impl Device for Sound {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("sound").attr("model", self.model.word()).opt("multichannel", &self.multichannel);
        tag.opt("streams", &self.streams).children(|w| {
            for codec in &self.codecs {
                w.tag("codec").attr("type", codec.word()).end();
            }
            if self.audio.is_some() {
                w.tag("audio").opt("id", &self.audio).end();
            }
            self.info.write(w);
            if self.virtio.any() {
                self.virtio.write(w.tag("driver")).end();
            }
        });
    }

    /// What `virDomainSoundDefValidate` and `qemuValidateDomainDeviceDefSound` in libvirt's sources say.
    fn define(&mut self, defaults: &mut Defaults<'_>) {
        if self.model.value == Model::Virtio {
            self.streams.get_or_insert(Spanned::rule(2, &STREAMS, self.origin));
        }
        if self.model.value == Model::Ich7 {
            let fault =
                Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, self.model.origin, "QEMU has no sound card `ich7`");
            defaults.report(fault.help("write `model='ich9'` or `model='ich6'`"));
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        if self.model.value != Model::Ich7 && domain.devices.audios.is_empty() {
            let span = self.origin.span();
            let message = "the sound card needs an `<audio>` backend, and there is none";
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message);
            faults.push(fault.help("add `<audio id='1' type='none'/>`, or another type").shared());
        }
        if let Some(id) = self.audio.filter(|id| Audio::find(domain, Some(id.value)).is_none()) {
            let message = format!("there is no `<audio>` with the id {}", id.value);
            let known: Vec<String> =
                domain.devices.audios.iter().map(|audio| format!("`id='{}'`", audio.id.value)).collect();
            let known = if known.is_empty() { String::new() } else { format!(", or write {}", known.join(" or ")) };
            let help = format!("add `<audio id='{}' type='none'/>`{known}", id.value);
            faults.push(Diagnostic::at(&codes::CONFLICT, id.origin, message).help(help).shared());
        }
    }

    fn bus_slot(&self, domain: &Domain) -> BusSlot {
        match self.model.value {
            Model::Sb16 | Model::Pcspk => BusSlot::Nothing,
            Model::Usb => BusSlot::Usb,
            Model::Virtio if domain.has_pcie() => BusSlot::Pci(PCIE_DEVICE),
            Model::Es1370 | Model::Ac97 | Model::Ich6 | Model::Ich7 | Model::Ich9 | Model::Virtio => {
                BusSlot::Pci(PCI_DEVICE)
            }
        }
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("sound")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let Some(driver) = self.driver() else { return };
        let audio = self.audiodev(cx.domain);
        // The codecs of an HDA card play, not the card.
        let own = if self.is_hda() { None } else { audio.as_deref() };
        let props = Props::new().with("driver", driver);
        let props = props.and(self.virtio.props()).with("id", self.info.alias());
        let multi = self.multichannel.get().map(YesNo::is_yes);
        let props = props.opt("multi", multi).opt("audiodev", own).opt("streams", self.streams.get());
        let place = &self.info.address;
        let place = cx.isa_address(place).and(cx.pci_address(place)).and(cx.usb_address(place));
        out.device(ArgSection::Sounds, props.and(place), self.origin);
        if self.is_hda() {
            self.codec_options(audio.as_deref(), out);
        }
    }
}

/// The audio backend of the speaker that a PC has, where the guest has one: it is part of the machine.
pub fn speaker(domain: &Domain) -> Option<String> {
    let speaker = domain.devices.sounds.iter().find(|s| s.model.value == Model::Pcspk)?;
    Audio::find(domain, speaker.audio.get()).map(Audio::id)
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn the_speaker_is_named_once() {
        let t = trial("<sound model='pcspk'/>", &["pcspk"]);
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(t.argv.iter().map(|arg| arg.matches("pcspk-audiodev").count()).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn an_hda_card_has_codecs() {
        let t = trial("<sound model='ich6'/><sound model='ich9'><codec type='micro'/></sound>", &["hda"]);
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                r#"-device {"driver":"intel-hda","id":"sound0","bus":"pci.0","addr":"0x2"}"#,
                r#"-device {"driver":"hda-duplex","id":"sound0-codec0","bus":"sound0.0","cad":0,"audiodev":"audio1"}"#,
                r#"-device {"driver":"ich9-intel-hda","id":"sound1","bus":"pci.0","addr":"0x3"}"#,
                r#"-device {"driver":"hda-micro","id":"sound1-codec0","bus":"sound1.0","cad":0,"audiodev":"audio1"}"#,
            ]
        );
    }

    #[test]
    fn cards_have_what_fits_them() {
        let t = trial("<sound model='usb' multichannel='yes'/><sound model='sb16'/>", &["sound0", "sound1"]);
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                r#"-device {"driver":"usb-audio","id":"sound0","multi":true,"audiodev":"audio1","bus":"usb.0","port":"1"}"#,
                r#"-device {"driver":"sb16","id":"sound1","audiodev":"audio1"}"#,
            ]
        );
        let t = trial("<sound model='pcspk'/>", &["-machine"]);
        assert_eq!(t.argv.len(), 1);
        assert_eq!(t.argv[0].matches(",pcspk-audiodev=audio1,").count(), 1, "{:?}", t.argv);
        let t = trial("<sound model='ac97'><audio id='9'/></sound>", &[]);
        assert_eq!(t.faults, ["there is no `<audio>` with the id 9"]);
    }
}
