//! Spans, source files, diagnostics and fixes.
