//! The diagnostics of this crate.

use virtc_diag::{Code, Severity};

/// Text that is no well-formed XML.
pub static XML_SYNTAX: Code = Code {
    name: "xml-syntax",
    severity: Severity::Error,
    explanation: "The file is not well-formed XML: a tag that is not closed, an attribute without quotes, a stray `<` or `&`.\n\n\
        Everything before the fault is still checked. Mend the place named; `&` is written `&amp;` and `<` is written `&lt;` in text and values.",
};

/// Bytes that are no UTF-8.
pub static XML_ENCODING: Code = Code {
    name: "xml-encoding",
    severity: Severity::Error,
    explanation: "The file is not UTF-8 text. Binary files are refused, and so are other encodings, whatever the XML declaration says.\n\n\
        Convert the file first, for example with `iconv -t UTF-8`.",
};

/// Entities beyond the predefined five.
pub static XML_ENTITY: Code = Code {
    name: "xml-entity",
    severity: Severity::Error,
    explanation: "Only the five predefined entities (`&amp;`, `&lt;`, `&gt;`, `&quot;`, `&apos;`) and character references are taken.\n\n\
        Entities that a document declares for itself can expand without bound or read other files, so a document type declaration with an\n\
        internal subset or with an external identifier is refused, and nothing is expanded or fetched.",
};

/// More depth or bytes than the limits.
pub static XML_LIMIT: Code = Code {
    name: "xml-limit",
    severity: Severity::Error,
    explanation: "The file exceeds a limit: 64 MiB of text, or 256 elements inside each other. No definition of a virtual machine comes near.",
};

/// All diagnostics of this crate.
pub static ALL: &[&Code] = &[&XML_SYNTAX, &XML_ENCODING, &XML_ENTITY, &XML_LIMIT];
