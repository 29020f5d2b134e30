//! The grammar of libvirt's domain XML, compiled at build time.
