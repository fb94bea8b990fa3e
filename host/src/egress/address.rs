//! Which IP addresses are the public Internet's.

use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address in a URL whose host is one instead of a name. A parsed URL has it in its usual form, however
/// it was written.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let host = host
        .strip_prefix('[')
        .map_or(host, |host| host.trim_end_matches(']'));
    host.parse().ok()
}

/// Whether anybody on the Internet can have this address: not loopback, private, link-local (where clouds
/// serve metadata), shared (carrier NAT), multicast, unspecified, reserved or for documentation. An IPv6
/// address that carries an IPv4 one is judged by both.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match a {
        // This network, private, loopback, multicast and reserved (with broadcast).
        0 | 10 | 127 | 224..=255 => true,
        // Shared between a carrier's customers.
        100 => (64..128).contains(&b),
        169 => b == 254,
        172 => (16..32).contains(&b),
        // Private; protocol assignments, documentation, 6to4 relays, AS112.
        192 => {
            b == 168
                || (b == 0 && (c == 0 || c == 2))
                || (b == 88 && c == 99)
                || (b == 31 && c == 196)
                || (b == 52 && c == 193)
                || (b == 175 && c == 48)
        }
        // Benchmarks, documentation.
        198 => b == 18 || b == 19 || (b == 51 && c == 100),
        203 => b == 0 && c == 113,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(carried) = carried_v4(address) {
        return is_public_v4(carried) && is_carrier(address);
    }
    let [a, b, ..] = address.segments();
    // Only 2000::/3 is given out; of that, protocol assignments (with Teredo, ORCHID and benchmarks) and
    // documentation are not anybody's address. 3fff::/20 is documentation too.
    let global = (0x2000..0x4000).contains(&a);
    let special = (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || (a == 0x3fff && b < 0x1000);
    global && !special
}

/// The IPv4 address that a form of IPv6 address carries.
fn carried_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // Compatible (deprecated; ::, ::1 among them), mapped, translated, NAT64.
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        // 6to4.
        [0x2002, high, low, ..] => Some(v4(high, low)),
        // Teredo: the client's address, inverted.
        [0x2001, 0, _, _, _, _, high, low] => Some(v4(!high, !low)),
        _ => None,
    }
}

/// Whether a packet to this carrier of an IPv4 address leads to that address in practice. Compatible and
/// translated addresses and tunnels do not, and a resolver that answers with one is up to something.
fn is_carrier(address: Ipv6Addr) -> bool {
    matches!(
        address.segments(),
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().unwrap())
    }

    #[test]
    fn the_edges_of_each_special_range_are_where_the_registries_say() {
        for (last_public, first_special, last_special, next_public) in [
            ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
            (
                "100.63.255.255",
                "100.64.0.0",
                "100.127.255.255",
                "100.128.0.0",
            ),
            (
                "126.255.255.255",
                "127.0.0.0",
                "127.255.255.255",
                "128.0.0.0",
            ),
            (
                "169.253.255.255",
                "169.254.0.0",
                "169.254.255.255",
                "169.255.0.0",
            ),
            (
                "172.15.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "172.32.0.0",
            ),
            (
                "192.167.255.255",
                "192.168.0.0",
                "192.168.255.255",
                "192.169.0.0",
            ),
            (
                "198.17.255.255",
                "198.18.0.0",
                "198.19.255.255",
                "198.20.0.0",
            ),
            ("223.255.255.255", "224.0.0.0", "255.255.255.255", "1.1.1.1"),
            ("8.8.8.8", "0.0.0.0", "0.255.255.255", "1.0.0.0"),
        ] {
            assert!(public(last_public), "{last_public}");
            assert!(!public(first_special), "{first_special}");
            assert!(!public(last_special), "{last_special}");
            assert!(public(next_public), "{next_public}");
        }
    }

    #[test]
    fn only_global_ipv6_addresses_are_public() {
        assert!(public("2606:4700:4700::1111"));
        assert!(public("2a00:1450:4001:80b::200e"));
        for special in [
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fdaa::3",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001:10::1",
            "3fff::1",
            "100::1",
            "4000::1",
            "64:ff9b:1::1",
            "fd00:ec2::254",
        ] {
            assert!(!public(special), "{special}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_one_hides_nothing() {
        for form in [
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            // Teredo of 127.0.0.1: the bits inverted.
            "2001:0:1:2:3:4:80ff:fffe",
        ] {
            assert!(!public(form), "{form}");
        }
        assert!(public("::ffff:1.1.1.1"));
        assert!(
            public("64:ff9b::1.1.1.1"),
            "an IPv6-only machine needs NAT64"
        );
    }
}
