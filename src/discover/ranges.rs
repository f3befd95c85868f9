//! A list of addresses as people write it: `10.1.0.0/24, 10.2.0.5-9, 10.3.0.1-10.3.0.20, 10.4.0.7`.
//!
//! Every address passes the policy of camera addresses; the list is short, sorted and without doubles.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use crate::config::validate;

/// Most addresses of one list.
pub const MAX_ADDRESSES: usize = 4096;

/// Reads a list. The error is a sentence that names the part.
pub fn addresses(text: &str, allow_loopback: bool) -> Result<Vec<IpAddr>, String> {
    let mut all = BTreeSet::new();
    for part in text.split([',', ';', ' ', '\t', '\n', '\r', '，', '；']).filter(|p| !p.is_empty()) {
        let shown: String = part.chars().take(60).collect();
        let found = one(part).map_err(|e| format!("'{shown}' {e}"))?;
        for ip in found {
            validate::address_allowed(ip, allow_loopback).map_err(|e| format!("'{shown}': {ip} {e}"))?;
            all.insert(ip);
            if all.len() > MAX_ADDRESSES {
                return Err(too_many());
            }
        }
    }
    if all.is_empty() {
        return Err("the list is empty; e.g. 10.1.0.0/24, 10.2.0.5-9".into());
    }
    Ok(all.into_iter().collect())
}

fn too_many() -> String {
    format!("the list has over {MAX_ADDRESSES} addresses; ask for a part of it at a time")
}

fn one(part: &str) -> Result<Vec<IpAddr>, String> {
    const WHAT: &str = "is no address; write 10.1.0.5, 10.1.0.0/24 or 10.1.0.5-9";
    let v4 = |t: &str| t.parse::<Ipv4Addr>().map_err(|_| WHAT.to_owned());
    if let Some((base, bits)) = part.split_once('/') {
        let base = u32::from(v4(base)?);
        let bits: u32 =
            bits.parse().ok().filter(|b| (1..=32).contains(b)).ok_or("has no length of 1 to 32 behind '/'")?;
        let count = 1u64 << (32 - bits);
        if count > MAX_ADDRESSES as u64 {
            return Err(format!("has {count} addresses; at most {MAX_ADDRESSES} at a time"));
        }
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        let (first, last) = (base & mask, base & mask | !mask);
        // The address of the network and that of everybody in it are no devices.
        let inner = if bits <= 30 { first + 1..=last - 1 } else { first..=last };
        return Ok(inner.map(|n| Ipv4Addr::from(n).into()).collect());
    }
    if let Some((from, to)) = part.split_once('-') {
        let from = v4(from)?;
        let to = match to.parse::<u8>() {
            Ok(last) => {
                let [a, b, c, _] = from.octets();
                Ipv4Addr::new(a, b, c, last)
            }
            Err(_) => v4(to)?,
        };
        let (from, to) = (u32::from(from), u32::from(to));
        if to < from {
            return Err("goes backwards; write the lower address first".into());
        }
        if u64::from(to - from) >= MAX_ADDRESSES as u64 {
            return Err(format!("has {} addresses; at most {MAX_ADDRESSES} at a time", u64::from(to - from) + 1));
        }
        return Ok((from..=to).map(|n| Ipv4Addr::from(n).into()).collect());
    }
    part.parse::<IpAddr>().map(|ip| vec![ip]).map_err(|_| WHAT.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(list: &str) -> Vec<String> {
        addresses(list, false).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_are_read_as_people_write_them() {
        assert_eq!(
            texts("10.2.0.5-7, 10.1.0.0/30;10.2.0.6\n fd00::5"),
            ["10.1.0.1", "10.1.0.2", "10.2.0.5", "10.2.0.6", "10.2.0.7", "fd00::5"]
        );
        assert_eq!(texts("10.3.0.255-10.3.1.1"), ["10.3.0.255", "10.3.1.0", "10.3.1.1"]);
        assert_eq!(texts("10.1.0.9/32"), ["10.1.0.9"]);
        assert_eq!(texts("10.1.0.0/24").len(), 254);
        assert_eq!(texts("10.0.0.0/20").len(), 4094);
    }

    #[test]
    fn what_is_no_list_is_said() {
        for (bad, word) in [
            ("", "empty"),
            ("10.0.0.0/8", "16777216"),
            ("10.0.0.0-10.1.0.0", "65537"),
            ("10.0.0.0/20,10.9.0.0/24", "4096"),
            ("10.0.0.0/0", "length"),
            ("10.0.0.9-5", "backwards"),
            ("camera-1", "no address"),
            ("300.1.1.1", "no address"),
            ("127.0.0.0/30", "loopback"),
            ("169.254.169.254", "link-local"),
        ] {
            let why = addresses(bad, false).unwrap_err();
            assert!(why.contains(word), "{bad}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered_within_the_bound(text in "[0-9./, :a-f-]{0,60}") {
            if let Ok(found) = addresses(&text, true) {
                prop_assert!(!found.is_empty() && found.len() <= MAX_ADDRESSES);
                prop_assert!(found.is_sorted());
            }
        }
    }
}
