//! The rules that add arguments which no element of the definition asks for.

use crate::ir::DefaultRule;

macro_rules! rules {
    ($($name:ident = $id:literal: $text:literal;)+) => {
        $(#[doc = $text] pub static $name: DefaultRule = DefaultRule { name: $id, text: $text };)+
    };
}

rules! {
    ALWAYS = "always": "part of every command line";
    OF_THE_VM = "vm": "what the VM needs of the host for itself, and for no device";
    STOPPED = "start-stopped": "QEMU starts stopped, so that all is prepared before the guest's first instruction; `cont` starts it";
    NO_DEFAULTS = "no-defaults": "QEMU adds no devices and reads no configuration of its own; the definition alone says what the guest has";
    MONITOR = "monitor": "the QMP monitor, on a socket that is open before QEMU starts";
    SANDBOX = "sandbox": "QEMU gives up system calls that it does not need";
    WATCHDOG_REBOOT = "ich9-watchdog": "the watchdog of the Q35 chipset may reset the guest";
    TIMESTAMP = "log-timestamps": "QEMU's messages carry the time";
    NO_DISPLAY = "no-display": "without `<graphics>` QEMU opens no display";
    BOOT_STRICT = "strict-boot": "the guest boots from what the definition names and from nothing else";
    NO_SHUTDOWN = "no-shutdown": "QEMU stays when the guest powers off, so that the end can be seen and handled";
    NUMA_DISTANCE = "numa-distances": "where the distance of two NUMA cells is given, QEMU is told that of all";
    MEMORY_BACKEND = "memory-backend": "the guest's memory is an object of its own, which the machine refers to";
}
