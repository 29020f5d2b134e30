//! What is wrong with a definition before it fails on a host.
