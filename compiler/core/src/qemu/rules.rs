//! The rules that add arguments to the command line which no element of the definition asks for.

use crate::ir::DefaultRule;

macro_rules! rules {
    ($($name:ident = $id:literal: $text:literal;)+) => {
        $(#[doc = $text] pub static $name: DefaultRule = DefaultRule { name: $id, text: $text };)+
    };
}

rules! {
    ALWAYS = "always": "part of every command line";
    OF_THE_VM = "vm": "host requirements of the VM itself, not of a device";
    STOPPED = "start-stopped": "QEMU starts with the vCPUs stopped, so that everything is prepared before the guest's first instruction; `cont` starts them";
    NO_DEFAULTS = "no-defaults": "QEMU adds no default devices and reads no configuration files: the guest has what the definition says";
    MONITOR = "monitor": "the QMP monitor, on a socket that listens before QEMU starts";
    SANDBOX = "sandbox": "seccomp denies QEMU system calls that it does not need";
    WATCHDOG_REBOOT = "ich9-watchdog": "the watchdog of the Q35 chipset may reset the guest";
    TIMESTAMP = "log-timestamps": "QEMU's log messages have timestamps";
    NO_DISPLAY = "no-display": "without `<graphics>` QEMU opens no display";
    BOOT_STRICT = "strict-boot": "the guest boots only from devices with a boot order (`strict=on`)";
    NO_SHUTDOWN = "no-shutdown": "QEMU does not exit when the guest powers off, so that the end can be handled";
    NUMA_DISTANCE = "numa-distances": "where the distance of two NUMA cells is given, QEMU needs that of all cells";
    MEMORY_BACKEND = "memory-backend": "the guest's memory is a memory backend, to which the machine refers";
}
