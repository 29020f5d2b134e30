//! The host file as a whole.

use serde::{Deserialize, Serialize};

use crate::{Config, Hardware, Resources};

/// The version of the format that this library writes and reads.
pub const FORMAT: u32 = 1;

/// Why a host file could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum HostFileError {
    /// Not JSON, or not of this shape. The message names the place: line and column, both from 1.
    #[error("the host file cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
    /// Another version of the format.
    #[error("the host file has format {found}, and this version of virtc reads format {FORMAT}")]
    Format {
        /// The version that the file names.
        found: u64,
    },
}

/// What is known of a host. A part that is absent is unknown, not empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFile {
    /// The version of the format, [`FORMAT`].
    pub format: u32,
    /// What the host is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<Hardware>,
    /// How it is set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Config>,
    /// What has been defined on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

impl Default for HostFile {
    fn default() -> Self {
        Self { format: FORMAT, hardware: None, config: None, resources: None }
    }
}

impl HostFile {
    /// The host file in `text`.
    ///
    /// # Errors
    /// [`HostFileError`] when the text is not JSON of this shape, or is of another format version.
    pub fn from_json(text: &str) -> Result<Self, HostFileError> {
        #[derive(Deserialize)]
        struct Versioned {
            format: u64,
        }

        // The version first: a file of another format may well have names that this one does not know.
        let Versioned { format } = serde_json::from_str(text)?;
        if format != u64::from(FORMAT) {
            return Err(HostFileError::Format { found: format });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The host file as text, ending in a line feed: the same value gives the same text.
    ///
    /// # Errors
    /// None that a value of this type is known to cause; the serialiser's error is passed on.
    pub fn to_json(&self) -> Result<String, HostFileError> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// The configuration; absent: libvirt's defaults.
    pub fn config_or_default(&self) -> Config {
        self.config.clone().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_file() {
        let host = HostFile::from_json(r#"{"format": 1}"#).unwrap();
        assert_eq!(host, HostFile::default());
        assert_eq!(host.to_json().unwrap(), "{\n  \"format\": 1\n}\n");
        assert_eq!(host.config_or_default().vnc_listen, "127.0.0.1");
    }

    #[test]
    fn another_format_is_named_even_with_unknown_parts() {
        let error = HostFile::from_json(r#"{"format": 2, "weather": "fine"}"#).unwrap_err();
        assert_eq!(error.to_string(), "the host file has format 2, and this version of virtc reads format 1");
    }

    #[test]
    fn faults_have_a_place() {
        let error = HostFile::from_json("{\"format\": 1,\n \"hardwear\": {}}").unwrap_err().to_string();
        assert!(error.contains("hardwear") && error.contains("line 2 column 11"), "{error}");
        let error = HostFile::from_json("{}").unwrap_err().to_string();
        assert!(error.contains("missing field `format`"), "{error}");
    }
}
