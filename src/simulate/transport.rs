//! The Transport header of SETUP: what a client asks for, and the first of it that a camera grants.

use super::options::Transports;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Interleave channels.
    Tcp { rtp: u8, rtcp: u8 },
    /// The client's ports.
    Udp { rtp: u16, rtcp: u16 },
}

/// The first specification in the header that is unicast and allowed (RFC 2326 12.39).
pub fn choose(header: &str, allowed: Transports) -> Option<Asked> {
    header.split(',').find_map(|spec| {
        let mut parts = spec.split(';').map(str::trim);
        let protocol = parts.next()?.to_ascii_uppercase();
        let (mut multicast, mut interleaved, mut ports) = (false, None, None);
        for part in parts {
            match part.split_once('=') {
                Some(("interleaved", range)) => interleaved = pair::<u8>(range),
                Some(("client_port", range)) => ports = pair::<u16>(range),
                None if part.eq_ignore_ascii_case("multicast") => multicast = true,
                _ => {}
            }
        }
        match protocol.as_str() {
            "RTP/AVP/TCP" if allowed != Transports::Udp => {
                let (rtp, rtcp) = interleaved.unwrap_or((0, 1));
                Some(Asked::Tcp { rtp, rtcp })
            }
            "RTP/AVP" | "RTP/AVP/UDP" if allowed != Transports::Tcp && !multicast => {
                let (rtp, rtcp) = ports?;
                Some(Asked::Udp { rtp, rtcp })
            }
            _ => None,
        }
    })
}

/// `4-5`, or `4` with the next one for RTCP.
fn pair<N: std::str::FromStr + Copy + TryFrom<u32> + Into<u32>>(range: &str) -> Option<(N, N)> {
    let (first, second) = range.split_once('-').map_or((range, None), |(a, b)| (a, Some(b)));
    let first: N = first.trim().parse().ok()?;
    let second = match second {
        Some(text) => text.trim().parse().ok()?,
        None => N::try_from(first.into() + 1).ok()?,
    };
    Some((first, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_allowed_is_granted() {
        let header = "RTP/AVP;multicast, RTP/AVP/UDP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=2-3";
        assert_eq!(choose(header, Transports::Any), Some(Asked::Udp { rtp: 5000, rtcp: 5001 }));
        assert_eq!(choose(header, Transports::Tcp), Some(Asked::Tcp { rtp: 2, rtcp: 3 }));
        assert_eq!(choose("RTP/AVP/TCP;unicast", Transports::Any), Some(Asked::Tcp { rtp: 0, rtcp: 1 }));
        assert_eq!(
            choose("RTP/AVP;unicast;client_port=6000", Transports::Any),
            Some(Asked::Udp { rtp: 6000, rtcp: 6001 })
        );
        for refused in ["RTP/AVP;multicast", "RTP/SAVP;unicast;client_port=1-2", "RTP/AVP;client_port=65535", "", "x=y"]
        {
            assert_eq!(choose(refused, Transports::Any), None, "{refused}");
        }
        assert_eq!(choose("RTP/AVP/TCP;interleaved=0-1", Transports::Udp), None);
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read_without_harm(header in "[ -~]{0,80}", tail in "(;(interleaved|client_port)=[0-9-]{0,12}){0,3}") {
            for allowed in [Transports::Any, Transports::Tcp, Transports::Udp] {
                choose(&header, allowed);
                choose(&format!("RTP/AVP/TCP{tail},RTP/AVP{tail}"), allowed);
            }
        }
    }
}
