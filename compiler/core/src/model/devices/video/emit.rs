//! A video device in QEMU's words.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::Arch;
use crate::ir::{Opt, OptExt, Switch, YesNo};
use crate::model::EmitContext;
use crate::model::devices::chardev::{self, Chardev};
use crate::model::devices::video::{Model, Video};
use crate::qemu::{ArgSection, Payload, Props, QemuOptions};

impl Video {
    /// QEMU's device; machines of Arm have none that is VGA and virtio in one.
    fn driver(&self, arch: Arch) -> Option<&'static str> {
        let primary = self.is_primary() && (arch.is_x86() || self.model() != Model::Virtio);
        let accelerated = self.accel3d.is(&YesNo::Yes);
        if self.is_vhost_user() {
            return Some(if primary { "vhost-user-vga" } else { "vhost-user-gpu-pci" });
        }
        Some(match (self.model(), primary) {
            (Model::None, _) => return None,
            (Model::Vga, _) => "VGA",
            (Model::Cirrus, _) => "cirrus-vga",
            (Model::Vmvga, _) => "vmware-svga",
            (Model::Bochs, _) => "bochs-display",
            (Model::Ramfb, _) => "ramfb",
            (Model::Qxl, true) => "qxl-vga",
            (Model::Qxl, false) => "qxl",
            (Model::Virtio, true) if accelerated => "virtio-vga-gl",
            (Model::Virtio, true) => "virtio-vga",
            (Model::Virtio, false) if accelerated => "virtio-gpu-gl-pci",
            (Model::Virtio, false) => "virtio-gpu-pci",
        })
    }

    /// The name of the connection to the program that drives the device.
    fn chardev(&self) -> String {
        format!("chr-vu-{}", self.info.alias())
    }

    /// The connection to the program that drives the device: the host has one that can do what is asked for.
    pub(super) fn vhost_user(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let wanted = [(self.accel3d.is(&YesNo::Yes), "virgl"), (self.rendernode.is_some(), "render-node")];
        let features: Vec<&str> = wanted.into_iter().filter(|(wanted, _)| *wanted).map(|(_, name)| name).collect();
        if cx.facts.lacks_vhost_user("gpu", &features) {
            let span = self.backend.origin_or(self.origin).span();
            let message = match features.as_slice() {
                [] => "the host has no vhost-user program for video devices".to_owned(),
                features => {
                    format!("the host has no vhost-user program for video devices with `{}`", features.join("`, `"))
                }
            };
            cx.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message));
        }
        let backend = chardev::Backend::Pair(format!("{}-socket", self.info.alias()));
        let chardev = Chardev { id: self.chardev(), backend, log: None };
        out.push(ArgSection::Videos, "chardev", Payload::Chardev(chardev), self.backend.origin_or(self.origin));
    }

    /// The properties of the device but for its address; `None` where the guest has none.
    pub(super) fn props(&self, arch: Arch) -> Option<Props> {
        let driver = self.driver(arch)?;
        let (kib, mib) =
            (|size: &Opt<u32>| size.get().map(|s| u64::from(s) << 10), |size: &Opt<u32>| size.get().map(|s| s >> 10));
        let mut props = Props::new().with("driver", driver);
        // libvirt leaves the options out for `vhost-user-vga` only.
        if self.model() == Model::Virtio && (arch.is_arm() || !(self.is_vhost_user() && self.is_primary())) {
            props = props.and(self.virtio.props());
        }
        props = props.with("id", self.info.alias());
        props = match self.model() {
            Model::Qxl => props
                .opt("max_outputs", self.heads.get().filter(|heads| *heads > 0))
                .opt("ram_size", kib(&self.ram))
                .opt("vram_size", kib(&self.vram))
                .with("vram64_size_mb", mib(&self.vram64).unwrap_or(0))
                .opt("vgamem_mb", mib(&self.vgamem)),
            Model::Virtio => {
                let chardev = self.is_vhost_user().then(|| self.chardev());
                let props = props.opt("max_outputs", self.heads.get().filter(|heads| *heads > 0));
                props.opt("blob", self.blob.get().map(Switch::is_on)).opt("chardev", chardev)
            }
            Model::Vga | Model::Vmvga => props.opt("vgamem_mb", mib(&self.vram)),
            Model::Bochs => props.opt("vgamem", kib(&self.vram)),
            Model::Cirrus | Model::Ramfb | Model::None => props,
        };
        if let Some((x, y)) = &self.resolution {
            props = props.opt("xres", x.get()).opt("yres", y.get());
        }
        Some(props)
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn the_primary_device_comes_first() {
        let t = trial(
            "<video><model type='qxl' heads='2' vgamem='8192'/></video>\
             <video><driver ats='on'/><model type='virtio' primary='yes'><acceleration accel3d='yes'/><resolution x='800' y='600'/></model></video>",
            &["video"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                r#"-device {"driver":"virtio-vga-gl","ats":true,"id":"video0","max_outputs":1,"xres":800,"yres":600,"bus":"pci.0","addr":"0x2"}"#,
                r#"-device {"driver":"qxl","id":"video1","max_outputs":2,"ram_size":67108864,"vram_size":67108864,"vram64_size_mb":0,"vgamem_mb":8,"bus":"pci.0","addr":"0x3"}"#,
            ]
        );
    }

    #[test]
    fn a_program_of_its_own() {
        let t = trial(
            "<video><driver name='vhostuser' packed='on'/><model type='virtio'/></video>\
             <video><driver name='vhostuser' packed='on'/><model type='virtio'>\
             <acceleration accel3d='yes' rendernode='/dev/dri/renderD128'/></model></video>",
            &["video"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                "-chardev socket,id=chr-vu-video0,fd={fd:video0-socket}",
                r#"-device {"driver":"vhost-user-vga","id":"video0","max_outputs":1,"chardev":"chr-vu-video0","bus":"pci.0","addr":"0x2"}"#,
                "-chardev socket,id=chr-vu-video1,fd={fd:video1-socket}",
                r#"-device {"driver":"vhost-user-gpu-pci","packed":true,"id":"video1","max_outputs":1,"chardev":"chr-vu-video1","bus":"pci.0","addr":"0x3"}"#,
            ]
        );
    }

    #[test]
    fn memory_is_rounded_up() {
        let t = trial("<video><model type='vga' vram='9216'/></video>", &["video"]);
        assert_eq!(t.argv, [r#"-device {"driver":"VGA","id":"video0","vgamem_mb":16,"bus":"pci.0","addr":"0x2"}"#]);
        assert_eq!(trial("<video><model type='none'/></video>", &["video"]).argv, Vec::<String>::new());
    }
}
