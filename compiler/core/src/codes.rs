//! The diagnostics of this crate.

use virtc_diag::{Code, Diagnostic, Diagnostics, Place, Severity};

/// Something that virtc does not compile yet.
pub static NOT_YET_SUPPORTED: Code = Code {
    name: "not-yet-supported",
    severity: Severity::Error,
    explanation: "The definition uses something that is valid, but that virtc does not compile yet. It is refused at its place, and never dropped:\n\
        a guest that starts without a device that its definition asks for is worse than one that does not start.",
};

/// A value that cannot be read.
pub static BAD_VALUE: Code = Code {
    name: "unreadable-value",
    severity: Severity::Error,
    explanation: "A value has the form that the grammar asks for, but it stands for nothing: a number that is too large for its purpose, or a\n\
        combination of numbers that no machine has.",
};

/// A part that a definition cannot do without.
pub static MISSING: Code = Code {
    name: "incomplete-definition",
    severity: Severity::Error,
    explanation: "The definition lacks something without which no command line can be made, such as its name, its memory or its machine type.",
};

/// Parts that contradict each other.
pub static CONFLICT: Code = Code {
    name: "conflicting-definition",
    severity: Severity::Error,
    explanation: "Two parts of the definition exclude each other, or one asks for what another rules out. libvirt refuses such a definition too.",
};

/// Two devices at one place.
pub static ADDRESS_CONFLICT: Code = Code {
    name: "address-conflict",
    severity: Severity::Error,
    explanation: "A device asks for an address that another device has, that the bus does not offer, or that lies on a bus of the wrong kind.\n\n\
        Remove the `<address>` element to have a free address assigned.",
};

/// A fact that only the host knows.
pub static HOST_FACT_NEEDED: Code = Code {
    name: "host-fact-needed",
    severity: Severity::Error,
    explanation: "What the definition asks for depends on the host, and no host file says it: the bridge behind a network, the CPU behind\n\
        `host-model`.\n\nGive a host file with `--host FILE`; `virtc host snapshot` makes one on the host.",
};

/// What libvirt's QEMU driver refuses.
pub static UNSUPPORTED_CONFIGURATION: Code = Code {
    name: "unsupported-configuration",
    severity: Severity::Error,
    explanation: "The definition is valid, but QEMU, this QEMU version, or this machine type cannot do what it asks for.\n\
        libvirt's QEMU driver refuses it as well.",
};

/// Something that none of the QEMUs has that virtc knows.
pub static UNKNOWN_TO_QEMU: Code = Code {
    name: "unknown-to-qemu",
    severity: Severity::Warning,
    explanation: "The definition names a device, a property or a machine type that none of the QEMU versions has whose capabilities ship with virtc.\n\
        A QEMU that was built in another way may have it. Where the capabilities of one binary are given with `--qemu FILE`, or a guest runs,\n\
        the same is the error `unsupported-configuration`.",
};

/// A capability that nothing depends on.
pub static CAPABILITY_WITHOUT_EFFECT: Code = Code {
    name: "capability-without-effect",
    severity: Severity::Warning,
    explanation: "`<qemu:capabilities>` adds or takes away an ability by libvirt's name for it. virtc goes by those of devices, of their properties\n\
        as `device.property`, and by others on which a definition's parts depend, such as `vmcoreinfo`. By the rest libvirt chooses between forms\n\
        of a command line of which virtc makes one alone, or does what virtc does not do.",
};

/// A device that the definition does not have.
pub static NOT_IN_DEFINITION: Code = Code {
    name: "device-not-in-definition",
    severity: Severity::Warning,
    explanation: "A device is to be removed that the given definition does not have. A definition in a file may be older than the device, so the\n\
        commands are made for a device that was added to it since, under the name and at the place that `virtc hotplug attach` would give it.\n\n\
        Give the definition as it is now: `virtc hotplug attach --emit xml` prints it, and `virsh dumpxml` does for a guest of libvirt's.\n\
        `virtc detach` knows what runs and refuses a device that is not there.",
};

/// What libvirt passes over.
pub static WITHOUT_EFFECT: Code = Code {
    name: "without-effect",
    severity: Severity::Warning,
    explanation: "The format lets this stand here, but it means nothing for a device of this type: libvirt passes over it, and\n\
        mostly does not write it back. Remove it, or change the type of the device.",
};

/// What libvirt hands on and QEMU refuses.
pub static REFUSED_BY_QEMU: Code = Code {
    name: "refused-by-qemu",
    severity: Severity::Warning,
    explanation: "libvirt stores and starts such a definition, and its command line is made as libvirt makes it; QEMU then refuses to start, or gives\n\
        the guest something else. The help says what QEMU takes.",
};

/// A name that nothing has.
pub static REFERENCE_TO_NOTHING: Code = Code {
    name: "reference-to-nothing",
    severity: Severity::Warning,
    explanation: "The definition refers to a part of the guest by a name that no part has. libvirt and QEMU take this and do without it, so the\n\
        guest starts, but not as it was meant. Give the part that is meant this name.",
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
