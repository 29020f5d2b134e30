//! `<launchSecurity>` and `<keywrap>`: memory and keys that the host cannot read.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::Arch;
use crate::ir::{Leaf, Opt, OptExt, Origin, YesNo, words};
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::{ArgSection, Opts, Props, QemuOptions, RequirementsOf, state};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// How the guest's memory is hidden.
    pub enum Kind { Sev = "sev", SevSnp = "sev-snp", S390Pv = "s390-pv" }
}

/// A number that is written in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy(pub u64);

impl Leaf for Policy {
    const EXPECTED: &str = "a hexadecimal number";
    fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        u64::from_str_radix(digits, 16).ok().map(Self)
    }

    fn show(&self) -> String {
        format!("{:#06x}", self.0)
    }
}

/// The bit of a policy of SEV that asks for encrypted registers, SEV-ES (AMD's SEV API specification, 3.1).
const ENCRYPTED_STATE: u64 = 1 << 2;

/// `<launchSecurity>` of AMD's kinds.
#[derive(Debug, Clone)]
pub struct Security {
    /// How the memory is hidden.
    pub kind: Opt<Kind>,
    /// Whether hashes of a kernel that is booted directly are measured.
    pub kernel_hashes: Opt<YesNo>,
    /// The bit of a page table entry that marks an encrypted page; the host's where it is absent.
    pub cbitpos: Opt<u32>,
    /// How many bits of physical addresses are lost; as many as the host says where it is absent.
    pub reduced_phys_bits: Opt<u32>,
    /// What the firmware of the CPU must refuse.
    pub policy: Opt<Policy>,
    /// The key of the guest's owner.
    pub dh_cert: Opt<String>,
    /// The session blob of the guest's owner.
    pub session: Opt<String>,
    /// Whether the identity is signed by an author, too.
    pub author_key: Opt<YesNo>,
    /// Whether the key of the chip may sign reports.
    pub vcek: Opt<YesNo>,
    /// Blobs of SEV-SNP, in libvirt's order.
    pub blobs: [Opt<String>; BLOBS.len()],
    origin: Origin,
}

/// The blobs of SEV-SNP: libvirt's name and QEMU's.
const BLOBS: [(&str, &str); 4] = [
    ("guestVisibleWorkarounds", "guest-visible-workarounds"),
    ("idBlock", "id-block"),
    ("idAuth", "id-auth"),
    ("hostData", "host-data"),
];

impl Security {
    /// Reads the elements from `<domain>`. Keys of s390 machines are refused.
    fn read(domain: &Fields<'_, '_>) -> Option<Self> {
        if let Some(keywrap) = domain.child("keywrap") {
            let message = "only machines of s390x wrap keys";
            keywrap.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, keywrap.ignore_rest(), message));
        }
        let f = domain.child("launchSecurity")?;
        let text = |name: &str| f.child_text::<String>(name);
        Some(Self {
            kind: f.attr("type"),
            kernel_hashes: f.attr("kernelHashes"),
            cbitpos: f.child_text("cbitpos"),
            reduced_phys_bits: f.child_text("reducedPhysBits"),
            policy: f.child_text("policy"),
            dh_cert: text("dhCert"),
            session: text("session"),
            author_key: f.attr("authorKey"),
            vcek: f.attr("vcek"),
            blobs: BLOBS.map(|(name, _)| text(name)),
            origin: f.origin(),
        })
    }

    /// What cannot be.
    pub fn check(&self, arch: Arch, kvm: bool, report: &mut dyn FnMut(Diagnostic)) {
        let mut fault = |origin: Origin, message: &str| {
            report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message));
        };
        if let Some(kind) = self.kind.filter(|k| k.value == Kind::S390Pv) {
            fault(kind.origin, "only s390x has secure execution");
        } else if arch.is_arm() {
            fault(self.origin, "only x86 hides a guest's memory from its host");
        } else if !kvm {
            fault(self.origin, "only KVM hides a guest's memory from its host");
        }
        if let (Some(Kind::Sev), Some(policy)) = (self.kind.get(), self.policy)
            && u32::try_from(policy.value.0).is_err()
        {
            fault(policy.origin, "the policy of SEV has 32 bits");
        }
    }

    /// The features that firmware must have for it.
    pub fn wants(&self) -> &'static [&'static str] {
        match self.kind.get() {
            Some(Kind::Sev) if self.policy.is_some_and(|p| p.value.0 & ENCRYPTED_STATE != 0) => {
                &["amd-sev", "amd-sev-es"]
            }
            Some(Kind::Sev) => &["amd-sev"],
            Some(Kind::SevSnp) => &["amd-sev-snp"],
            Some(Kind::S390Pv) | None => &[],
        }
    }

    /// Writes `<launchSecurity>`.
    fn write_own(&self, w: &mut XmlWriter) {
        let tag = w.tag("launchSecurity").opt("type", &self.kind).opt("kernelHashes", &self.kernel_hashes);
        tag.opt("authorKey", &self.author_key).opt("vcek", &self.vcek).children(|w| {
            w.opt_text("cbitpos", &self.cbitpos);
            w.opt_text("reducedPhysBits", &self.reduced_phys_bits);
            if let Some(policy) = &self.policy {
                let wide = format!("{:#010x}", policy.value.0);
                w.text("policy", &if self.kind.is(&Kind::SevSnp) { wide } else { policy.show() });
            }
            w.opt_text("dhCert", &self.dh_cert);
            w.opt_text("session", &self.session);
            for ((name, _), blob) in BLOBS.iter().zip(&self.blobs) {
                w.opt_text(name, blob);
            }
        });
    }

    /// What the machine is told.
    pub fn machine_opts(&self, opts: Opts) -> Opts {
        opts.with("confidential-guest-support", "lsec0")
    }

    /// The object that the machine refers to.
    fn object(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let host = cx.facts.sev();
        let (cbitpos, reduced) = match (self.cbitpos.get(), self.reduced_phys_bits.get(), host) {
            (Some(cbitpos), Some(reduced), _) => (cbitpos, reduced),
            (cbitpos, reduced, Some(host)) => {
                (cbitpos.unwrap_or(host.cbitpos), reduced.unwrap_or(host.reduced_phys_bits))
            }
            (_, _, None) => {
                let message = "how SEV marks pages depends on the host, and no host file says it";
                let fault = Diagnostic::at(&codes::HOST_FACT_NEEDED, self.origin, message);
                cx.report(
                    fault.help("give `<cbitpos>` and `<reducedPhysBits>`, or `sev` in the resources of the host file"),
                );
                return;
            }
        };
        let snp = self.kind.is(&Kind::SevSnp);
        let mut props = Props::new()
            .with("qom-type", if snp { "sev-snp-guest" } else { "sev-guest" })
            .with("id", "lsec0")
            .with("cbitpos", cbitpos)
            .with("reduced-phys-bits", reduced)
            .opt("policy", self.policy.map(|p| p.value.0));
        for (name, blob) in [("dh_cert", &self.dh_cert), ("session", &self.session)] {
            let key = if name == "session" { "session-file" } else { "dh-cert-file" };
            props = props.opt(key, blob.as_ref().map(|_| state(&format!("/{name}.base64"))));
        }
        for ((_, name), blob) in BLOBS.iter().zip(&self.blobs) {
            props = props.opt(name, blob.as_ref().map(|b| b.value.as_str()));
        }
        props = props.opt("kernel-hashes", self.kernel_hashes.map(|k| k.is_yes()));
        props = props.opt("author-key-enabled", self.author_key.map(|k| k.is_yes()));
        props = props.opt("vcek-disabled", self.vcek.map(|k| !k.is_yes()));
        out.json(ArgSection::LaunchSecurity, "object", props, self.origin);
    }

    /// The node of the CPU's firmware.
    fn firmware_host(&self, out: &mut RequirementsOf<'_>) {
        out.shared_device("/dev/sev");
        for blob in [&self.dh_cert, &self.session].into_iter().flatten() {
            out.refuse("files with the key and the session of the guest's owner", blob.origin);
        }
    }
}

impl Element for Option<Security> {
    fn lower(f: &Fields<'_, '_>) -> Self {
        Security::read(f)
    }

    fn write(&self, w: &mut XmlWriter) {
        if let Some(security) = self {
            security.write_own(w);
        }
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        if let Some(security) = self {
            security.object(cx, out);
        }
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        if let Some(security) = self {
            security.firmware_host(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    #[test]
    fn an_object_that_the_machine_refers_to() {
        let t = trial(
            "<memory>1024</memory><launchSecurity type='sev' kernelHashes='yes'><cbitpos>51</cbitpos>\
             <reducedPhysBits>1</reducedPhysBits><policy>3</policy></launchSecurity>",
            "",
            &["lsec0"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert!(t.xml.contains("<policy>0x0003</policy>"), "{}", t.xml);
        assert_eq!(
            t.argv,
            [
                "-machine pc,usb=off,dump-guest-core=off,memory-backend=pc.ram,confidential-guest-support=lsec0,acpi=off",
                "-object {\"qom-type\":\"sev-guest\",\"id\":\"lsec0\",\"cbitpos\":51,\"reduced-phys-bits\":1,\"policy\":3,\"kernel-hashes\":true}",
            ]
        );
    }

    #[test]
    fn what_security_cannot_be() {
        for (part, fault) in [
            ("<launchSecurity type='s390-pv'/>", "only s390x has secure execution"),
            (
                "<launchSecurity type='sev'><policy>1</policy></launchSecurity>",
                "how SEV marks pages depends on the host, and no host file says it",
            ),
            ("<keywrap><cipher name='aes' state='on'/></keywrap>", "only machines of s390x wrap keys"),
        ] {
            let t = trial(&format!("<memory>1024</memory>{part}"), "", &[]);
            assert!(t.faults.iter().any(|f| f == fault), "{part}: {:?}", t.faults);
        }
    }
}
