//! Tap interfaces, and properties of network interfaces (`include/uapi/linux/if_tun.h`, netdevice(7)).
#![expect(unsafe_code, reason = "the ioctls of network interfaces have no safe wrapper")]

use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::error::HostError;
use crate::host::Result;
use crate::host::operations::LinkSetting;
use crate::host::resources::Interface;

/// Adds a port to a bridge (include/uapi/linux/sockios.h).
const SIOCBRADDIF: libc::Ioctl = 0x89a2;
/// Takes it out.
const SIOCBRDELIF: libc::Ioctl = 0x89a3;

/// `struct ifreq`, with an empty union.
fn request(name: &str) -> Result<libc::ifreq> {
    // SAFETY: it is a structure of numbers, for which all zeroes are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.is_empty() || name.len() >= request.ifr_name.len() || name.contains('\0') {
        return Err(HostError::Unsuitable(format!("`{name}` cannot be the name of an interface")));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    Ok(request)
}

fn ioctl(fd: &OwnedFd, command: libc::Ioctl, request: &mut libc::ifreq) -> nix::Result<()> {
    // SAFETY: every command used here takes a `struct ifreq`, which lives.
    let answer = unsafe { libc::ioctl(fd.as_raw_fd(), command, std::ptr::from_mut(request)) };
    nix::errno::Errno::result(answer).map(drop)
}

/// Makes a tap interface with as many queues; answers with their descriptors and with the name that the kernel gave it.
pub(in crate::host) fn make_tap(name: &str, queues: usize, vnet_hdr: bool) -> Result<(Vec<OwnedFd>, String)> {
    let tun = Path::new("/dev/net/tun");
    let mut flags = libc::IFF_TAP | libc::IFF_NO_PI;
    if vnet_hdr {
        flags |= libc::IFF_VNET_HDR;
    }
    if queues > 1 {
        flags |= libc::IFF_MULTI_QUEUE;
    }
    let mut name = name.to_owned();
    let mut out = Vec::new();
    for _ in 0..queues {
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_CLOEXEC | libc::O_NONBLOCK);
        let fd: OwnedFd = options.open(tun).map_err(|e| HostError::system("open", tun, e))?.into();
        let mut request = request(&name)?;
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).unwrap_or_default();
        ioctl(&fd, libc::TUNSETIFF, &mut request)
            .map_err(|e| HostError::System { what: format!("make tap interface {name}"), why: e.to_string() })?;
        let chosen: Vec<u8> = request.ifr_name.iter().map(|c| c.cast_unsigned()).take_while(|c| *c != 0).collect();
        name = String::from_utf8_lossy(&chosen).into_owned();
        out.push(fd);
    }
    Ok((out, name))
}

/// Sets a property of an interface that is there, and shows `now`.
pub(in crate::host) fn set(interface: &str, link: &LinkSetting, now: &Interface) -> Result<()> {
    let fail = |what: String, e: nix::Error| HostError::System { what, why: e.to_string() };
    let control = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
        .map_err(|e| fail("make a socket".into(), e))?;
    let mut change = request(interface)?;
    match link {
        LinkSetting::Mac(mac) => {
            // SAFETY: a structure of numbers.
            let mut address: libc::sockaddr = unsafe { std::mem::zeroed() };
            address.sa_family = libc::ARPHRD_ETHER;
            let bytes = parse_mac(mac).ok_or_else(|| HostError::Unsuitable(format!("`{mac}` is not a MAC address")))?;
            for (to, from) in address.sa_data.iter_mut().zip(bytes) {
                *to = from.cast_signed();
            }
            change.ifr_ifru.ifru_hwaddr = address;
            ioctl(&control, libc::SIOCSIFHWADDR, &mut change)
                .map_err(|e| fail(format!("set the MAC address of {interface} to {mac}"), e))
        }
        LinkSetting::Mtu(mtu) => {
            change.ifr_ifru.ifru_mtu = i32::try_from(*mtu).unwrap_or(i32::MAX);
            ioctl(&control, libc::SIOCSIFMTU, &mut change)
                .map_err(|e| fail(format!("set the MTU of {interface} to {mtu}"), e))
        }
        LinkSetting::Up(up) => {
            ioctl(&control, libc::SIOCGIFFLAGS, &mut change).map_err(|e| fail(format!("look at {interface}"), e))?;
            let bit = libc::c_short::try_from(libc::IFF_UP).unwrap_or_default();
            // SAFETY: the kernel has just filled in this member.
            let flags = unsafe { change.ifr_ifru.ifru_flags };
            change.ifr_ifru.ifru_flags = if *up { flags | bit } else { flags & !bit };
            ioctl(&control, libc::SIOCSIFFLAGS, &mut change)
                .map_err(|e| fail(format!("set {interface} {}", if *up { "up" } else { "down" }), e))
        }
        LinkSetting::Bridge(wanted) if *wanted == now.bridge => Ok(()),
        LinkSetting::Bridge(wanted) => {
            let name = std::ffi::CString::new(interface).unwrap_or_default();
            // SAFETY: if_nametoindex(3) reads a C string.
            let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
            let ask = |bridge: &str, command, what: &str| {
                let mut change = request(bridge)?;
                change.ifr_ifru.ifru_ifindex = index.cast_signed();
                ioctl(&control, command, &mut change).map_err(|e| fail(format!("{what} {bridge}: {interface}"), e))
            };
            if let Some(former) = &now.bridge {
                ask(former, SIOCBRDELIF, "take an interface out of bridge")?;
            }
            wanted.as_ref().map_or(Ok(()), |bridge| ask(bridge, SIOCBRADDIF, "add an interface to bridge"))
        }
    }
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut out = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut out {
        *byte = u8::from_str_radix(parts.next().filter(|part| part.len() == 2)?, 16).ok()?;
    }
    parts.next().is_none().then_some(out)
}
