//! Video devices that there cannot be.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{Opt, OptExt, Origin};
use crate::model::Domain;
use crate::model::devices::video::{Model, Video};
use crate::model::elements::backing::SourceType;

impl Video {
    /// What QEMU cannot do (`qemuValidateDomainDeviceDefVideo` in libvirt's `src/qemu/qemu_validate.c`).
    pub(super) fn fault(&self) -> Option<(Origin, &'static str, &'static str)> {
        let model = self.model();
        let small = |size: &Opt<u32>| {
            size.as_ref()
                .filter(|s| s.value < 1024)
                .map(|s| (s.origin, "video memory is at least 1024 KiB", "write `1024` or more"))
        };
        // libvirt rounds most sizes up before it looks at them, that of a QXL frame buffer not.
        let rounded = |size: &Opt<u32>| size.map(|s| s.map(|n| n.checked_next_power_of_two().unwrap_or(n)));
        if let (Model::Qxl, Some(size)) = (model, self.vgamem.filter(|s| !s.value.is_power_of_two())) {
            return small(&self.vgamem).or(Some((
                size.origin,
                "`vgamem` of QXL is a power of two",
                "write `16384`, `32768` or `65536`",
            )));
        }
        if let Some(accel) = self.accel2d.as_ref().filter(|a| a.value.is_yes()) {
            return Some((accel.origin, "`accel2d` is not supported by QEMU", "remove `accel2d`"));
        }
        if let Some(accel) =
            self.accel3d.as_ref().filter(|a| a.value.is_yes() && model != Model::Virtio && !self.is_vhost_user())
        {
            return Some((
                accel.origin,
                "3D acceleration (`accel3d`) needs model `virtio`",
                "write `<model type='virtio'>`, or remove `accel3d`",
            ));
        }
        if self.is_vhost_user() && model != Model::Virtio {
            return Some((
                self.backend.origin_or(self.origin),
                "`<driver name='vhostuser'/>` needs model `virtio`",
                "write `<model type='virtio'/>`",
            ));
        }
        if let Some(node) = self.rendernode.as_ref().filter(|_| !self.is_vhost_user()) {
            return Some((
                node.origin,
                "`rendernode` needs `<driver name='vhostuser'/>`",
                "add `<driver name='vhostuser'/>`, or remove `rendernode`",
            ));
        }
        if self.virtio.any() && model != Model::Virtio {
            return Some((
                self.origin,
                "`iommu`, `ats`, `packed` and `page_per_vq` of `<driver>` need model `virtio`",
                "write `<model type='virtio'/>`, or remove them",
            ));
        }
        if let Some(heads) = self.heads.as_ref().filter(|h| h.value != 1)
            && !matches!(model, Model::Qxl | Model::Virtio)
        {
            return Some((
                heads.origin,
                "`heads` is for models `qxl` and `virtio` only",
                "write `heads='1'`, or `<model type='virtio'>`",
            ));
        }
        if let (Model::Ramfb, Some(address)) = (model, &self.info.address) {
            return Some((address.origin, "model `ramfb` has no address", "remove the `<address>`"));
        }
        if let (Model::Qxl, Some(size)) =
            (model, [&self.ram, &self.vram].into_iter().flatten().find(|s| s.value >= u32::MAX >> 10))
        {
            return Some((
                size.origin,
                "`ram` and `vram` of QXL are less than 4194303 KiB",
                "write a smaller number of KiB",
            ));
        }
        if let Some((x, y)) = &self.resolution
            && [x, y].into_iter().any(|n| n.is(&0))
        {
            return Some((
                x.origin_or(self.origin),
                "`<resolution>` has at least one pixel each way",
                "write `<resolution x='1920' y='1080'/>`",
            ));
        }
        if let Some(blob) = self.blob.as_ref().filter(|_| model != Model::Virtio) {
            return Some((
                blob.origin,
                "`blob` needs model `virtio`",
                "write `<model type='virtio'>`, or remove `blob`",
            ));
        }
        if self.resolution.is_some() && !matches!(model, Model::Vga | Model::Qxl | Model::Virtio | Model::Bochs) {
            return Some((
                self.model.origin_or(self.origin),
                "`<resolution>` needs model `vga`, `qxl`, `virtio` or `bochs`",
                "write another model, or remove `<resolution>`",
            ));
        }
        match model {
            Model::Vga | Model::Vmvga => small(&rounded(&self.vram)),
            Model::Qxl => small(&self.vgamem),
            Model::Cirrus | Model::Virtio | Model::Bochs | Model::Ramfb | Model::None => None,
        }
    }

    /// What it cannot be next to the others.
    pub(super) fn check_beside(&self, domain: &Domain, faults: &mut Diagnostics) {
        let list = domain.devices.videos.as_slice();
        let first = list.first().is_some_and(|first| std::ptr::eq(first, self));
        let mut fault = |code, origin: Origin, message: &str, help: &str| {
            faults.push(Diagnostic::at(code, origin, message).help(help));
        };
        let model = self.model.origin_or(self.origin);
        let shares = domain.backing.source.is(&SourceType::Memfd);
        if let Some(blob) = self.blob.filter(|b| b.value.is_on() && self.model() == Model::Virtio && !shares) {
            let help = "add `<memoryBacking><source type='memfd'/></memoryBacking>`";
            fault(
                &codes::UNSUPPORTED_CONFIGURATION,
                blob.origin,
                "memory blobs need guest memory of type `memfd`",
                help,
            );
        }
        if self.is_primary() && !first {
            let place = self.primary.origin_or(self.origin);
            fault(
                &codes::CONFLICT,
                place,
                "another video device is the primary one already",
                "remove `primary` from all but one",
            );
        }
        match self.model() {
            Model::None if list.len() > 1 => {
                fault(
                    &codes::CONFLICT,
                    model,
                    "model `none` does not go with other video devices",
                    "remove it, or the others",
                );
            }
            Model::Qxl | Model::Virtio | Model::None => {}
            Model::Vga | Model::Cirrus | Model::Vmvga | Model::Bochs | Model::Ramfb if first => {}
            Model::Vga | Model::Cirrus | Model::Vmvga | Model::Bochs | Model::Ramfb => {
                let message = format!("model `{}` can be the primary video device only", self.model().word());
                fault(&codes::UNSUPPORTED_CONFIGURATION, model, &message, "use `qxl` or `virtio` for further devices");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn what_does_not_fit_is_refused() {
        let video = |model: &str| format!("<video><model {model}/></video>");
        for (devices, fault) in [
            (video("type='vga'") + &video("type='bochs'"), "model `bochs` can be the primary video device only"),
            (video("type='qxl'") + &video("type='none'"), "model `none` does not go with other video devices"),
            (video("type='qxl' primary='yes'").repeat(2), "another video device is the primary one already"),
            (video("type='vga' vram='512'"), "video memory is at least 1024 KiB"),
            (video("type='qxl' vgamem='512'"), "video memory is at least 1024 KiB"),
            (video("type='vga' blob='on'"), "`blob` needs model `virtio`"),
            (
                "<video><model type='vga'><acceleration accel3d='yes'/></model></video>".to_owned(),
                "3D acceleration (`accel3d`) needs model `virtio`",
            ),
            (
                "<video><driver name='vhostuser'/><model type='qxl'/></video>".to_owned(),
                "`<driver name='vhostuser'/>` needs model `virtio`",
            ),
            (
                "<video><model type='virtio'><acceleration rendernode='/dev/dri/card0'/></model></video>".to_owned(),
                "`rendernode` needs `<driver name='vhostuser'/>`",
            ),
            (video("type='bochs' heads='2'"), "`heads` is for models `qxl` and `virtio` only"),
            (video("type='virtio' blob='on'"), "memory blobs need guest memory of type `memfd`"),
            (video("type='xen'"), "QEMU has no `<model type='xen'>` on this architecture"),
        ] {
            assert_eq!(trial(&devices, &[]).faults, [fault], "{devices}");
        }
    }
}
