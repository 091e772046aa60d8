//! Which addresses a network has.

use std::net::IpAddr;

use chat::server::network::{Network, NoNetwork};
use proptest::prelude::*;

use crate::support::fuzz;

fn network(word: &str) -> Network {
    word.parse().unwrap()
}

#[track_caller]
fn has(word: &str, address: &str) -> bool {
    network(word).contains(address.parse().unwrap())
}

#[test]
fn a_network_ends_where_its_bits_say() {
    for (word, within, beyond) in [
        (
            "192.0.2.0/24",
            ["192.0.2.0", "192.0.2.255"],
            ["192.0.1.255", "192.0.3.0"],
        ),
        (
            "192.0.2.77/25",
            ["192.0.2.0", "192.0.2.127"],
            ["192.0.1.255", "192.0.2.128"],
        ),
        (
            "192.0.2.7/31",
            ["192.0.2.6", "192.0.2.7"],
            ["192.0.2.5", "192.0.2.8"],
        ),
        (
            "192.0.2.7",
            ["192.0.2.7", "192.0.2.7"],
            ["192.0.2.6", "192.0.2.8"],
        ),
        (
            "2001:db8:8000::/33",
            ["2001:db8:8000::", "2001:db8:ffff::1"],
            ["2001:db8:7fff::", "2001:db9::"],
        ),
        (
            "2001:db8::1/128",
            ["2001:db8::1", "2001:db8::1"],
            ["2001:db8::", "2001:db8::2"],
        ),
    ] {
        for address in within {
            assert!(has(word, address), "{address} is in {word}");
        }
        for address in beyond {
            assert!(!has(word, address), "{address} is not in {word}");
        }
    }
}

#[test]
fn no_bits_are_everybody_of_one_family() {
    assert!(has("0.0.0.0/0", "255.255.255.255"));
    assert!(!has("0.0.0.0/0", "2001:db8::1"));
    assert!(has("::/0", "2001:db8::1"));
    assert!(!has("::/0", "192.0.2.1"));
}

#[test]
fn an_ipv6_network_counts_as_one_address_and_a_mapped_ipv4_as_itself() {
    let one = |ip: &str| Network::of_customer(ip.parse().unwrap());
    assert_eq!(one("2001:db8::1"), one("2001:db8::2"));
    assert_eq!(one("2001:db8::1"), network("2001:db8::7"));
    assert_ne!(one("2001:db8::1"), one("2001:db8:0:1::1"));
    assert_eq!(one("192.0.2.1"), one("::ffff:192.0.2.1"));
    assert_ne!(one("192.0.2.1"), one("192.0.2.2"));
}

#[test]
fn ipv4_is_itself_also_when_mapped() {
    assert_eq!(network("::ffff:192.0.2.0/120").to_string(), "192.0.2.0/24");
    assert_eq!(network("::ffff:192.0.2.7").to_string(), "192.0.2.7");
    assert_eq!(network("::ffff:192.0.2.7/128").to_string(), "192.0.2.7");
    assert!(has("192.0.2.0/24", "::ffff:192.0.2.7"));
    assert!(!has("192.0.2.0/24", "::ffff:192.0.3.7"));
}

#[test]
fn what_is_no_network_is_none() {
    for word in [
        "",
        "/",
        "ana",
        "7",
        "192.0.2",
        "192.0.2.1/",
        "192.0.2.1/33",
        "192.0.2.1/-1",
        "192.0.2.1/256",
        "192.0.2.1/24/24",
        "192.0.2.1:80",
        "[2001:db8::1]",
        "2001:db8::/129",
        "fe80::1%eth0",
        "::ffff:192.0.2.1/95",
        "192.0.2.1 ",
    ] {
        assert_eq!(word.parse::<Network>(), Err(NoNetwork), "{word:?}");
    }
}

#[test]
fn a_network_is_read_as_it_is_written() {
    fuzz(512, (any::<IpAddr>(), 0..=128_u8), |(address, bits)| {
        if let Ok(network) = format!("{address}/{bits}").parse::<Network>() {
            prop_assert_eq!(network.to_string().parse(), Ok(network));
        }
        Ok(())
    });
}

/// The plain way: bit by bit.
#[test]
fn an_address_is_in_a_network_when_its_first_bits_are() {
    let addresses = (any::<[u8; 16]>(), 0..128_usize, 0..=128_u8, any::<bool>());
    fuzz(1024, addresses, |(a, flipped, bits, is_four)| {
        let address = |bytes: [u8; 16]| match is_four {
            true => IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]),
            false => IpAddr::from(bytes),
        };
        let mut b = a;
        b[flipped / 8] ^= 0x80 >> (flipped % 8);
        let (a, b) = (address(a), address(b));
        let bits = if is_four { bits % 33 } else { bits };
        let network: Network = format!("{a}/{bits}").parse().unwrap();
        let expected = a == b || flipped >= usize::from(bits);
        prop_assert_eq!(network.contains(b), expected);
        Ok(())
    });
}
