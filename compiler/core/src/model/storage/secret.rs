//! `<auth>`, `<encryption>`, and how secrets reach QEMU.
//!
//! A secret is never part of a command line or a plan: QEMU gets it as ciphertext under a key that is made for each
//! run, and the ciphertext is a placeholder that the runtime fills in.

use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, Uuid, words};
use crate::qemu::{ArgSection, Payload, Props, QemuOption, QemuOptions, Value, state};
use crate::qemu::{secret_iv, secret_text};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// The type of a secret.
    pub enum SecretUsage { Ceph = "ceph", Iscsi = "iscsi", Passphrase = "passphrase" }
}

/// Which secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretId {
    /// By its uuid.
    Uuid(Uuid),
    /// By the name of its usage.
    Usage(String),
}

/// A reference to a secret of the host.
#[derive(Debug, Clone)]
pub struct SecretRef {
    /// Its type.
    pub usage: Opt<SecretUsage>,
    /// Which one.
    pub id: SecretId,
    /// Its place in the XML.
    pub origin: Origin,
}

impl SecretRef {
    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let uuid = f.attr::<Uuid>("uuid").map(|u| SecretId::Uuid(u.value));
        let usage = f.attr::<String>("usage").map(|u| SecretId::Usage(u.value));
        Some(Self { usage: f.attr("type"), id: uuid.or(usage)?, origin: f.origin() })
    }

    fn write(&self, w: &mut XmlWriter) {
        use crate::ir::Leaf as _;
        let tag = w.tag("secret").opt("type", &self.usage);
        match &self.id {
            SecretId::Uuid(uuid) => tag.attr("uuid", &uuid.show()).end(),
            SecretId::Usage(usage) => tag.attr("usage", usage).end(),
        }
    }
}

/// `<auth>`: the login at a server.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The user.
    pub username: Spanned<String>,
    /// The password or key.
    pub secret: SecretRef,
    /// Its place in the XML.
    pub origin: Origin,
}

impl Auth {
    /// Reads `<auth>`.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let secret = f.child("secret").and_then(|s| SecretRef::lower(&s));
        Some(Self { username: f.attr("username")?, secret: secret?, origin: f.origin() })
    }

    /// Writes `<auth>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("auth").attr("username", &self.username).children(|w| self.secret.write(w));
    }
}

words! {
    /// The encryption format.
    pub enum EncryptionFormat { Default = "default", Qcow = "qcow", Luks = "luks", Luks2 = "luks2", LuksAny = "luks-any" }
}

words! {
    /// The encryption engine.
    pub enum EncryptionEngine { Qemu = "qemu", Librbd = "librbd" }
}

/// `<encryption>`.
#[derive(Debug, Clone)]
pub struct Encryption {
    /// The format.
    pub format: Spanned<EncryptionFormat>,
    /// The encryption engine.
    pub engine: Opt<EncryptionEngine>,
    /// The keys; an image with layered encryption has several.
    pub secrets: Vec<SecretRef>,
    cipher: Option<[Opt<String>; 4]>,
    ivgen: Option<[Opt<String>; 2]>,
    /// Its place in the XML.
    pub origin: Origin,
}

static ENGINE: DefaultRule = DefaultRule {
    name: "encryption-engine",
    text: "the encryption engine is `qemu` unless the definition says otherwise",
};

impl Encryption {
    /// Reads `<encryption>`.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let secrets = f.children("secret").iter().filter_map(SecretRef::lower).collect();
        let cipher = f.child("cipher").map(|c| [c.attr("name"), c.attr("size"), c.attr("mode"), c.attr("hash")]);
        let ivgen = f.child("ivgen").map(|i| [i.attr("name"), i.attr("hash")]);
        Some(Self { format: f.attr("format")?, engine: f.attr("engine"), secrets, cipher, ivgen, origin: f.origin() })
    }

    /// Fills in the engine.
    pub fn define(&mut self) {
        self.engine.get_or_insert(Spanned::rule(EncryptionEngine::Qemu, &ENGINE, self.origin));
    }

    /// Whether QEMU's own block layer decrypts.
    pub fn is_by_qemu(&self) -> bool {
        !self.engine.is(&EncryptionEngine::Librbd)
    }

    /// Writes `<encryption>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("encryption").attr("format", self.format.word()).opt("engine", &self.engine).children(|w| {
            self.secrets.iter().for_each(|s| s.write(w));
            if let Some([name, size, mode, hash]) = &self.cipher {
                w.tag("cipher").opt("name", name).opt("size", size).opt("mode", mode).opt("hash", hash).end();
            }
            if let Some([name, hash]) = &self.ivgen {
                w.tag("ivgen").opt("name", name).opt("hash", hash).end();
            }
        });
    }
}

/// The id of the object with the master key.
const MASTER_KEY: &str = "masterKey0";

/// `-object` for the secret `id`.
pub(crate) fn secret_object(id: &str) -> Props {
    Props::new()
        .with("qom-type", "secret")
        .with("id", id)
        .with("data", secret_text(id))
        .with("keyid", MASTER_KEY)
        .with("iv", secret_iv(id))
        .with("format", "base64")
}

static KEY: DefaultRule = DefaultRule {
    name: "master-key",
    text: "secrets are passed to QEMU encrypted, with a master key that is made for each run",
};

/// Adds the master key, where an option refers to it.
pub fn master_key(domain: Origin, options: &mut QemuOptions) {
    let needs = |option: &QemuOption| match &option.payload {
        Payload::Json(props) => props.get("keyid").and_then(Value::plain).is_some_and(|id| id == MASTER_KEY),
        Payload::None | Payload::Word(_) | Payload::Opts(_) | Payload::Chardev(_) => false,
    };
    if options.iter().any(needs) {
        let props = Props::new().with("qom-type", "secret").with("id", MASTER_KEY).with("format", "raw");
        options.json(
            ArgSection::Secret,
            "object",
            props.with("file", state("/master-key.aes")),
            domain.with_rule(&KEY),
        );
    }
}
