//! What a host has, as one versioned file.
