//! From domain XML to QEMU command lines, hotplug scripts and plans.
