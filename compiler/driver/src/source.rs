//! A text to be compiled, or why it is none.

use virtc_diag::{Diagnostic, SourceFile, Span};
use virtc_xml::codes::{XML_ENCODING, XML_LIMIT};

/// What is given to the compiler: a text, or bytes that may turn out to be none.
#[derive(Debug, Clone)]
pub struct Source {
    file: SourceFile,
    fault: Option<Diagnostic>,
}

impl Source {
    /// The text in the bytes of a file, which messages call `name`. What is no UTF-8, or longer than [`SourceFile::MAX_BYTES`], is a finding
    /// in whatever is made of it.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Self {
        if bytes.len() > SourceFile::MAX_BYTES {
            let fault = Diagnostic::whole_file(&XML_LIMIT, "the file is larger than 64 MiB");
            return Self { file: SourceFile::new(name, ""), fault: Some(fault) };
        }
        match String::from_utf8(bytes) {
            Ok(text) => SourceFile::new(name, text).into(),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let bytes = error.into_bytes();
                let text = String::from_utf8_lossy(bytes.get(..good).unwrap_or_default()).into_owned();
                Self { file: SourceFile::new(name, text), fault: Some(not_utf8(&bytes, good)) }
            }
        }
    }

    /// The text; where it is refused, what comes before the fault.
    pub fn file(&self) -> &SourceFile {
        &self.file
    }

    /// Why it is no text, if it is none.
    pub fn fault(&self) -> Option<&Diagnostic> {
        self.fault.as_ref()
    }

    pub(crate) fn into_parts(self) -> (SourceFile, Option<Diagnostic>) {
        (self.file, self.fault)
    }
}

impl From<SourceFile> for Source {
    fn from(file: SourceFile) -> Self {
        Self { file, fault: None }
    }
}

fn not_utf8(bytes: &[u8], good: usize) -> Diagnostic {
    let byte = bytes.get(good).copied().unwrap_or_default();
    let fault = Diagnostic::at(&XML_ENCODING, Span::at(good), format!("byte 0x{byte:02x} is no UTF-8"));
    match bytes.get(..2) {
        Some([0xff, 0xfe] | [0xfe, 0xff]) => fault.help("this looks like UTF-16: convert it to UTF-8"),
        _ if bytes.contains(&0) => fault.help("this looks like a binary file"),
        _ => fault.help("convert the file to UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bad_byte_is_named() {
        let source = Source::from_bytes("f", b"<a>\n \xc3\xa4\xff".to_vec());
        let fault = source.fault().unwrap();
        assert_eq!(
            (source.file().locate(fault.span.unwrap()), fault.message.as_str()),
            ("f:2:3".into(), "byte 0xff is no UTF-8")
        );
    }
}
