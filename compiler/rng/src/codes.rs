//! The diagnostics of this crate.

use virtc_diag::{Code, Severity};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $severity:ident, $explanation:expr;)*) => {
        $($(#[$doc])* pub static $name: Code = Code { name: $text, severity: Severity::$severity, explanation: $explanation };)*
        /// All diagnostics of this crate.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    /// A schema that cannot be used.
    SCHEMA_ERROR = "schema-error", Error,
        "The schema given is no RELAX NG grammar that can be used: it breaks the syntax (XML or compact), refers to a definition or a file \
        that is not there, uses an unknown datatype or parameter, or breaks one of the restrictions of the specification (section 7).\n\n\
        No document is checked. Mend the schema at the place named, or leave `--schema` away to use the grammar that is built in.";
    /// An element that the grammar does not know.
    UNKNOWN_ELEMENT = "unknown-element", Error,
        "The grammar has no element of this name here. It is not read, nor is anything inside it.\n\n\
        Mind the spelling and the case: names are case-sensitive. The message names what is allowed here, nearest first.";
    /// An attribute that the grammar does not know.
    UNKNOWN_ATTRIBUTE = "unknown-attribute", Error,
        "The element takes no attribute of this name, or not together with the values of its other attributes.\n\n\
        Mind the spelling and the case. The message names what the element takes, nearest first.";
    /// A value that the grammar does not allow.
    BAD_VALUE = "bad-value", Error,
        "The value of the attribute or the text of the element is none that is allowed. The message names the words, the range or the form \
        that is expected.";
    /// A required attribute that is not there.
    MISSING_ATTRIBUTE = "missing-attribute", Error,
        "The element needs an attribute that it does not have. Where several would do, the message names them all.";
    /// A required element that is not there.
    MISSING_ELEMENT = "missing-element", Error,
        "The element ends without a child that it needs. Where several would do, the message names them all.";
    /// Text where none may be.
    STRAY_TEXT = "stray-text", Error,
        "There is text in an element that holds only other elements, or nothing. Often a tag was left out, or a `>` is doubled.";
    /// An element that is known, but not here.
    MISPLACED_ELEMENT = "misplaced-element", Error,
        "The grammar knows this element, but not in this place: it belongs in another element, is there a second time, comes after an \
        element that it must precede, or does not go together with one that is there.";
    /// A value that does not fit what it governs.
    MISMATCHED_TYPE = "mismatched-type", Error,
        "An attribute such as `type` says which form an element has, and the content is that of another form: \
        `<interface type='network'>` with the `<source>` of `type='bridge'`.\n\n\
        Change the attribute to the form that the content has, or the content to the form that the attribute names.";
    /// Valid, but refused by libxml2.
    LIBXML2_ORDER = "libxml2-order", Info,
        "The document is valid, but libxml2 refuses it for the order of children: where the grammar has one interleaved group inside another, \
        libxml2 loses its way when children of two groups cross, as in `a c b d` with the groups `a b` and `c d`. `virsh define --validate` \
        uses libxml2; the specification of RELAX NG allows the order.\n\n\
        Put children that belong together next to each other, in the order of libvirt's documentation.";
}
