//! `<launchSecurity>`: confidential guests (AMD SEV, SEV-SNP); and `<keywrap>`, which is refused.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes::{self, Report as _};
use crate::ir::Arch;
use crate::ir::{Leaf, Opt, OptExt, Origin, YesNo, words};
use crate::model::Element;
use crate::model::EmitContext;
use crate::qemu::{ArgSection, Opts, Props, QemuOptions, RequirementsOf, state};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// The technology that protects the guest's memory from the host.
    pub enum Kind { Sev = "sev", SevSnp = "sev-snp", S390Pv = "s390-pv" }
}

/// A guest policy: a number that is written in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy(pub u64);

impl Leaf for Policy {
    fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        u64::from_str_radix(digits, 16).ok().map(Self)
    }

    fn show(&self) -> String {
        format!("{:#06x}", self.0)
    }
}

/// The bit of an SEV policy that requires encrypted registers, SEV-ES (AMD's SEV API specification, 3.1).
const ENCRYPTED_STATE: u64 = 1 << 2;

/// `<launchSecurity>`.
#[derive(Debug, Clone)]
pub struct Security {
    /// The technology.
    pub kind: Opt<Kind>,
    /// Whether the hashes of a directly booted kernel are part of the measurement.
    pub kernel_hashes: Opt<YesNo>,
    /// The position of the C-bit in page table entries, which marks an encrypted page; absent: the host's.
    pub cbitpos: Opt<u32>,
    /// The number of physical address bits that encryption takes; absent: the host's.
    pub reduced_phys_bits: Opt<u32>,
    /// The guest policy, which the CPU's firmware enforces; 32 bits for SEV.
    pub policy: Opt<Policy>,
    /// The Diffie-Hellman certificate of the guest's owner, in base 64.
    pub dh_cert: Opt<String>,
    /// The session blob of the guest's owner, in base 64.
    pub session: Opt<String>,
    /// Whether the id block is signed with an author key.
    pub author_key: Opt<YesNo>,
    /// Whether the VCEK, the key of the chip, signs attestation reports.
    pub vcek: Opt<YesNo>,
    /// Blobs of SEV-SNP in base 64, in the order of [`BLOBS`].
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
    /// Reads the element from `<domain>`, and refuses `<keywrap>`.
    fn read(domain: &Fields<'_, '_>) -> Option<Self> {
        if let Some(keywrap) = domain.child("keywrap") {
            let message = "`<keywrap>` is supported on s390x only";
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

    /// What libvirt refuses.
    pub fn check(&self, arch: Arch, kvm: bool, faults: &mut Diagnostics) {
        if let Some(kind) = self.kind.filter(|k| k.value == Kind::S390Pv) {
            faults.refuse(kind.origin, "`<launchSecurity type='s390-pv'>` is supported on s390x only");
        } else if arch.is_arm() {
            faults.refuse(self.origin, "`<launchSecurity>` (SEV, SEV-SNP) is supported on x86 only");
        } else if !kvm {
            faults.refuse(self.origin, "`<launchSecurity>` (SEV, SEV-SNP) needs `<domain type='kvm'>`");
        }
        if let (Some(Kind::Sev), Some(policy)) = (self.kind.get(), self.policy)
            && u32::try_from(policy.value.0).is_err()
        {
            faults.refuse(policy.origin, "the `<policy>` of SEV is at most 0xffffffff");
        }
    }

    /// The features that its firmware must have.
    pub fn firmware_features(&self) -> &'static [&'static str] {
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

    /// The parameters of `-machine`.
    pub fn machine_opts(&self, opts: Opts) -> Opts {
        opts.with("confidential-guest-support", "lsec0")
    }

    /// `-object sev-guest` or `sev-snp-guest`, to which the machine refers.
    fn object(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let host = cx.facts.sev();
        let (cbitpos, reduced) =
            match (self.cbitpos.get(), self.reduced_phys_bits.get(), host) {
                (Some(cbitpos), Some(reduced), _) => (cbitpos, reduced),
                (cbitpos, reduced, Some(host)) => {
                    (cbitpos.unwrap_or(host.cbitpos), reduced.unwrap_or(host.reduced_phys_bits))
                }
                (_, _, None) => {
                    let fault = Diagnostic::at(
                        &codes::HOST_FACT_NEEDED,
                        self.origin,
                        "`<cbitpos>` and `<reducedPhysBits>` of SEV depend on the host, and no host file has them",
                    );
                    cx.report(fault.help(
                        "add `<cbitpos>` and `<reducedPhysBits>`, or set `sev` under `resources` of the host file",
                    ));
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

    /// `/dev/sev`, the device of the CPU's firmware.
    fn firmware_host(&self, out: &mut RequirementsOf<'_>) {
        out.shared_device("/dev/sev");
        for blob in [&self.dh_cert, &self.session].into_iter().flatten() {
            out.refuse("`<dhCert>` and `<session>` of SEV", blob.origin);
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
            ("<launchSecurity type='s390-pv'/>", "`<launchSecurity type='s390-pv'>` is supported on s390x only"),
            (
                "<launchSecurity type='sev'><policy>1</policy></launchSecurity>",
                "`<cbitpos>` and `<reducedPhysBits>` of SEV depend on the host, and no host file has them",
            ),
            ("<keywrap><cipher name='aes' state='on'/></keywrap>", "`<keywrap>` is supported on s390x only"),
        ] {
            let t = trial(&format!("<memory>1024</memory>{part}"), "", &[]);
            assert!(t.faults.iter().any(|f| f == fault), "{part}: {:?}", t.faults);
        }
    }
}
