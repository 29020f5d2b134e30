//! XML documents in which every name and value knows its place.
