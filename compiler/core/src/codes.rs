//! The diagnostics of this crate.

use virtc_diag::{Code, Diagnostic, Diagnostics, Place, Severity};

/// Something that virtc does not compile yet.
pub static NOT_YET_SUPPORTED: Code = Code {
    name: "not-yet-supported",
    severity: Severity::Error,
    explanation: "The definition uses something that is valid, but that virtc does not compile yet. virtc reports it\n\
        and makes no output, rather than leaving it out: a guest that starts without one of its devices is worse than one that does not start.",
};

/// A value that cannot be read.
pub static BAD_VALUE: Code = Code {
    name: "unreadable-value",
    severity: Severity::Error,
    explanation: "A value matches the grammar, but is not valid: a number that is out of range, for example, or the name of a CPU model that does\n\
        not exist.",
};

/// Something required that is missing.
pub static MISSING: Code = Code {
    name: "incomplete-definition",
    severity: Severity::Error,
    explanation: "The definition lacks something that is required, such as its name, its memory, or an attribute that another one needs.",
};

/// Parts that contradict each other.
pub static CONFLICT: Code = Code {
    name: "conflicting-definition",
    severity: Severity::Error,
    explanation: "Two parts of the definition cannot be combined. libvirt refuses such a definition too.",
};

/// An address that is in use or does not exist.
pub static ADDRESS_CONFLICT: Code = Code {
    name: "address-conflict",
    severity: Severity::Error,
    explanation: "A device has an address that is in use already, that does not exist on the bus, or that is on a bus of the wrong kind.\n\n\
        Remove the `<address>` element, and virtc assigns a free address.",
};

/// A fact that only the host knows.
pub static HOST_FACT_NEEDED: Code = Code {
    name: "host-fact-needed",
    severity: Severity::Error,
    explanation: "The definition depends on the host, for example through `host-model` or the name of a network, and no host file gives the fact\n\
        that is needed.\n\nGive a host file with `--host FILE`; `virtc host snapshot` makes one on the host.",
};

/// What libvirt's QEMU driver refuses.
pub static UNSUPPORTED_CONFIGURATION: Code = Code {
    name: "unsupported-configuration",
    severity: Severity::Error,
    explanation: "The definition is valid, but QEMU, this version of QEMU, or this machine type does not support it.\n\
        libvirt's QEMU driver refuses it as well.",
};

/// Something that no QEMU version known to virtc has.
pub static UNKNOWN_TO_QEMU: Code = Code {
    name: "unknown-to-qemu",
    severity: Severity::Warning,
    explanation: "The definition names a device, a property or a machine type that none of the QEMU versions has whose capabilities ship with virtc.\n\
        A QEMU that was built with other options may have it. Where the capabilities of a binary are given with `--qemu FILE`, or a guest\n\
        runs, this is the error `unsupported-configuration` instead.",
};

/// A capability without effect.
pub static CAPABILITY_WITHOUT_EFFECT: Code = Code {
    name: "capability-without-effect",
    severity: Severity::Warning,
    explanation: "`<qemu:capabilities>` adds or removes capabilities of QEMU by libvirt's names. virtc takes into account the names of devices, of\n\
        properties (`device.property`), and of capabilities that an element needs, such as `memory-backend-memfd`. The others only select\n\
        among forms of the command line of which virtc makes one, or concern what virtc does not do.",
};

/// A device that the definition does not have.
pub static NOT_IN_DEFINITION: Code = Code {
    name: "device-not-in-definition",
    severity: Severity::Warning,
    explanation: "The device to detach is not in the given definition. It may have been attached after the file was written, so the commands are made\n\
        for the alias and the address that `virtc hotplug attach` would give it.\n\n\
        Give the current definition: `virtc hotplug attach --emit xml` prints it, and so does `virsh dumpxml` for a guest of libvirt.\n\
        `virtc detach` works on the running guest, and refuses a device that is not there.",
};

/// What libvirt ignores.
pub static WITHOUT_EFFECT: Code = Code {
    name: "without-effect",
    severity: Severity::Warning,
    explanation: "The grammar allows this here, but it has no effect on a device of this type: libvirt ignores it and mostly does not store it.\n\
        Remove it, or change the type of the device.",
};

/// What libvirt accepts and QEMU refuses.
pub static REFUSED_BY_QEMU: Code = Code {
    name: "refused-by-qemu",
    severity: Severity::Warning,
    explanation: "libvirt accepts such a definition and virtc makes the same command line, but QEMU then refuses to start or ignores the setting.\n\
        The help says what QEMU accepts.",
};

/// A reference to a name that does not exist.
pub static REFERENCE_TO_NOTHING: Code = Code {
    name: "reference-to-nothing",
    severity: Severity::Warning,
    explanation: "The definition refers to a part of the guest by a name that does not exist. libvirt and QEMU ignore the reference, so the guest\n\
        starts, but not as intended. Correct the name, or give it to the part that should have it.",
};

/// Two things of QEMU with one id.
pub static DUPLICATE_ID: Code = Code {
    name: "duplicate-id",
    severity: Severity::Error,
    explanation: "Two devices, or other things that QEMU has for them, get the same id, and QEMU refuses the second one: `Duplicate device ID`.\n\
        Ids follow from the aliases of devices, and some aliases from what the definition says of the device: of two disks on the bus `usb`, one\n\
        with the target `sda` and one with the target `vda`, both are `usb-disk0`. libvirt starts such a guest and hands on QEMU's error.\n\n\
        Give one of them a name of its own: `<alias name='ua-backup'/>`. The names of users begin with `ua-`.",
};

/// All diagnostics of this crate.
pub static ALL: &[&Code] = &[
    &REFERENCE_TO_NOTHING,
    &NOT_YET_SUPPORTED,
    &BAD_VALUE,
    &MISSING,
    &CONFLICT,
    &ADDRESS_CONFLICT,
    &HOST_FACT_NEEDED,
    &UNSUPPORTED_CONFIGURATION,
    &CAPABILITY_WITHOUT_EFFECT,
    &UNKNOWN_TO_QEMU,
    &NOT_IN_DEFINITION,
    &WITHOUT_EFFECT,
    &REFUSED_BY_QEMU,
    &DUPLICATE_ID,
];

/// Adds findings in one call each.
pub trait Report {
    /// A finding of this kind.
    fn add(&mut self, code: &'static Code, place: impl Into<Place>, message: impl Into<String>) {
        self.add_with(code, place, message, "");
    }

    /// A finding of this kind; `help` says what to do.
    fn add_with(
        &mut self,
        code: &'static Code,
        place: impl Into<Place>,
        message: impl Into<String>,
        help: impl Into<String>,
    );

    /// The error [`UNSUPPORTED_CONFIGURATION`].
    fn refuse(&mut self, place: impl Into<Place>, message: impl Into<String>) {
        self.add(&UNSUPPORTED_CONFIGURATION, place, message);
    }

    /// The error [`UNSUPPORTED_CONFIGURATION`]; `help` says what to do.
    fn refuse_with(&mut self, place: impl Into<Place>, message: impl Into<String>, help: impl Into<String>) {
        self.add_with(&UNSUPPORTED_CONFIGURATION, place, message, help);
    }

    /// The error [`CONFLICT`].
    fn conflict(&mut self, place: impl Into<Place>, message: impl Into<String>) {
        self.add(&CONFLICT, place, message);
    }

    /// The error [`CONFLICT`]; `help` says what to do.
    fn conflict_with(&mut self, place: impl Into<Place>, message: impl Into<String>, help: impl Into<String>) {
        self.add_with(&CONFLICT, place, message, help);
    }
}

impl Report for Diagnostics {
    fn add_with(
        &mut self,
        code: &'static Code,
        place: impl Into<Place>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Diagnostic::at(code, place, message).help(help));
    }
}
