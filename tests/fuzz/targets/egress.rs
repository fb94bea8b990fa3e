//! Where a request may go: an address of 4 or 16 bytes, then a text that is a URL or an entry of `egress.allow_private`.

use agent_factory::config::AllowPrivate;
use agent_factory::egress::is_public;
use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// No special address is public, however it is written; and what the operator listed opens that and nothing else.
pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let text = if first % 2 == 0 {
        rest.split_first_chunk::<4>()
            .map(|(octets, text)| (IpAddr::from(*octets), text))
    } else {
        rest.split_first_chunk::<16>()
            .map(|(octets, text)| (IpAddr::from(*octets), text))
    };
    let Some((address, text)) = text else { return };
    judged(address);
    if let Ok(text) = std::str::from_utf8(text) {
        listed(text);
    }
}

/// By the predicates of the standard library and the ranges that it does not have, written out once more.
fn judged(address: IpAddr) {
    let public = is_public(address);
    match address {
        IpAddr::V4(address) => assert!(!(public && is_special(address)), "{address}"),
        IpAddr::V6(address) => {
            assert!(!(public && is_special_v6(address)), "{address}");
            for carried in carried(address) {
                assert!(
                    !(public && is_special(carried)),
                    "{address} carries {carried}"
                );
            }
        }
    }
}

fn is_special(address: Ipv4Addr) -> bool {
    let number = u32::from(address);
    let within = |network: u32, bits: u32| number >> (32 - bits) == network >> (32 - bits);
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || within(0x0000_0000, 8)
        || within(0x6440_0000, 10)
        || within(0xc000_0000, 24)
        || within(0xc612_0000, 15)
        || within(0xf000_0000, 4)
}

fn is_special_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || first & 0xfe00 == 0xfc00
        || first & 0xffc0 == 0xfe80
        || (first == 0x2001 && address.segments()[1] == 0x0db8)
}

fn carried(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let [a, b, c, _, _, _, high, low] = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let mut carried: Vec<Ipv4Addr> = address.to_ipv4_mapped().into_iter().collect();
    if (a, b) == (0x64, 0xff9b) {
        carried.push(join(high, low));
    }
    if a == 0x2002 {
        carried.push(join(b, c));
    }
    if (a, b) == (0x2001, 0) {
        carried.push(join(!high, !low));
    }
    carried
}

/// One entry, and a URL that may or may not be it, a line apart.
fn listed(text: &str) {
    let (entry, url) = text.split_once('\n').unwrap_or((text, text));
    let list: Result<AllowPrivate, _> = serde_json::from_value(entry.into());
    let (Ok(list), Ok(url)) = (list, url.parse::<Url>()) else {
        return;
    };
    if list.allows(&url) {
        let host = url.host_str().expect("what is allowed has a host");
        let port = url.port_or_known_default().expect("and a port");
        let named = format!("{host}:{port}");
        let written = entry.split(',').any(|entry| same(entry.trim(), &named));
        assert!(written, "{entry:?} opens {url}");
    }
}

/// The same host and port, as a URL has them.
fn same(entry: &str, named: &str) -> bool {
    let as_url = format!("http://{entry}/").parse::<Url>();
    as_url.is_ok_and(|url| {
        let port = url.port_or_known_default().unwrap_or(0);
        url.host_str()
            .is_some_and(|host| format!("{host}:{port}") == named)
    })
}
