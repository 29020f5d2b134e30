//! A tap interface: its descriptors, its properties, its bridge, and `/dev/vhost-net` for it.

use std::path::PathBuf;

use virtc_plan::{Content, OpenMode};

use super::Context;
use crate::change::Change;
use crate::error::HostError;
use crate::host::Result;
use crate::host::operations::{Close, LinkSetting, MakeTap, Open, SetLink};

pub(super) struct Wanted<'a> {
    pub fds: &'a [String],
    pub vhost_fds: &'a [String],
    pub name: &'a str,
    pub bridge: &'a Option<String>,
    pub mac: &'a Option<String>,
    pub mtu: Option<u32>,
    pub vnet_hdr: bool,
}

pub(super) fn change(wanted: &Wanted<'_>, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    let Some(first) = wanted.fds.first() else {
        return Err(HostError::Unsuitable(format!("the tap interface {} has no descriptor", wanted.name)));
    };
    if nth == 0 {
        return make(wanted, context).map(Some);
    }
    let interface = context.host.fd(first)?.and_then(|fd| fd.interface);
    let gone = || HostError::Unsuitable(format!("the tap interface {} is gone", wanted.name));
    let interface = interface.ok_or_else(gone)?;
    let now = context.host.interface(&interface)?.ok_or_else(gone)?;
    let mut links = Vec::new();
    links.extend(wanted.mac.as_ref().map(|mac| (LinkSetting::Mac(mac.clone()), LinkSetting::Mac(now.mac))));
    links.extend(wanted.mtu.map(|mtu| (LinkSetting::Mtu(mtu), LinkSetting::Mtu(now.mtu))));
    links.extend(
        wanted.bridge.as_ref().map(|b| (LinkSetting::Bridge(Some(b.clone())), LinkSetting::Bridge(now.bridge))),
    );
    links.push((LinkSetting::Up(true), LinkSetting::Up(now.up)));
    if let Some((wanted, former)) = links.get(nth - 1) {
        let set = |set: &LinkSetting| SetLink { interface: interface.clone(), set: set.clone() };
        return Ok(Some(Change::new(set(wanted), set(former))));
    }
    let Some(vhost) = wanted.vhost_fds.get(nth - 1 - links.len()) else { return Ok(None) };
    context.is_free(vhost)?;
    let open = Open {
        fd: vhost.clone(),
        path: PathBuf::from("/dev/vhost-net"),
        mode: OpenMode::ReadWrite,
        content: Content::Keep,
    };
    Ok(Some(Change::new(open, Close { fds: vec![vhost.clone()] })))
}

fn make(wanted: &Wanted<'_>, context: &Context<'_>) -> Result<Change> {
    for fd in wanted.fds {
        context.is_free(fd)?;
    }
    let fixed = wanted.name.replacen("%d", "", 1);
    if wanted.name.is_empty() || wanted.name.len() > 15 || fixed.contains(['/', '%', ' ', '\0']) {
        return Err(HostError::Unsuitable(format!("`{}` cannot be the name of an interface", wanted.name)));
    }
    if context.host.interface(wanted.name)?.is_some() {
        return Err(HostError::Unsuitable(format!("this host has an interface {} already", wanted.name)));
    }
    if let Some(bridge) = wanted.bridge
        && context.host.interface(bridge)?.is_none()
    {
        return Err(HostError::Unsuitable(format!("this host has no bridge {bridge}")));
    }
    let fds = wanted.fds.to_vec();
    let tap = MakeTap { fds: fds.clone(), name: wanted.name.to_owned(), vnet_hdr: wanted.vnet_hdr };
    Ok(Change::new(tap, Close { fds }))
}
