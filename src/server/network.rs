//! Addresses that belong together.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The addresses that share their first bits. IPv4 is itself also when mapped into IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Canonical, and zero behind the first bits.
    address: IpAddr,
    bits: u8,
}

/// A word that is neither an address nor a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither an address nor a network like 192.0.2.0/24")]
pub struct NoNetwork;

impl Network {
    /// What one customer has: an IPv4 address, or an IPv6 /64 (RFC 6177).
    pub fn of_customer(address: IpAddr) -> Self {
        let bits = if address.to_canonical().is_ipv4() {
            32
        } else {
            64
        };
        Network::new(address, bits)
    }

    /// `bits` counts from the front of the canonical address; past its end it is all of it.
    fn new(address: IpAddr, bits: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let bits = bits.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                let address = IpAddr::V4((v4.to_bits() & mask).into());
                Network { address, bits }
            }
            IpAddr::V6(v6) => {
                let bits = bits.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                let address = IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask));
                Network { address, bits }
            }
        }
    }

    /// Whether `address` is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        Network::new(address, self.bits) == *self
    }
}

impl FromStr for Network {
    type Err = NoNetwork;

    /// `address/bits`, whatever stands in the address behind the bits; an address alone is
    /// [one customer's](Network::of_customer).
    fn from_str(word: &str) -> Result<Self, NoNetwork> {
        let Some((address, bits)) = word.split_once('/') else {
            return word
                .parse()
                .map(Network::of_customer)
                .map_err(|_| NoNetwork);
        };
        let address: IpAddr = address.parse().map_err(|_| NoNetwork)?;
        let bits: u8 = bits.parse().map_err(|_| NoNetwork)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        // The bits of a mapped IPv4 network count from the start of IPv6 (RFC 4291, section 2.5.5.2).
        let before = if address.to_canonical() == address {
            0
        } else {
            96
        };
        match bits.checked_sub(before) {
            Some(ours) if bits <= longest => Ok(Network::new(address, ours)),
            _ => Err(NoNetwork),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.bits {
            32 if self.address.is_ipv4() => self.address.fmt(f),
            bits => write!(f, "{}/{bits}", self.address),
        }
    }
}
