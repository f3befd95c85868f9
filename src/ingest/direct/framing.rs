//! What comes over an RTSP connection that plays: interleaved packets (RFC 2326, 10.12), answers to keepalives, and
//! now and then garbage; and the fixed header of an RTP packet (RFC 3550, 5.1).
//!
//! Pure: bytes in, positions out. Lengths are those of the wire and bounded by their 16 bits; nothing is copied.

/// A message between packets is longer than this: it is none.
const MAX_MESSAGE: usize = 64 * 1024;
/// The longest packet that is believed where the framing was lost and is sought anew.
const PLAUSIBLE: usize = 16 * 1024;

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// Not enough bytes yet.
    More,
    /// An interleaved packet of a channel; `length` bytes with its framing.
    Packet { channel: u8, data: &'a [u8], length: usize },
    /// An RTSP message of so many bytes.
    Message(usize),
    /// So many bytes that are nothing.
    Garbage(usize),
}

/// Looks at the beginning of `data`. `ours`: the channels of RTP and RTCP, by which lost framing is found again;
/// `lost`: garbage came last.
pub fn next(data: &[u8], ours: [u8; 2], lost: bool) -> Next<'_> {
    if lost && !data.is_empty() {
        match looks_right(data, ours) {
            None => return Next::More,
            Some(false) => return Next::Garbage(resync(data, ours)),
            Some(true) => {}
        }
    }
    match data {
        [] => Next::More,
        [b'$', channel, a, b, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*a, *b]));
            match rest.get(..length) {
                Some(data) => Next::Packet { channel: *channel, data, length: length + 4 },
                None => Next::More,
            }
        }
        [b'$', ..] => Next::More,
        // Some cameras put an empty line between.
        [b'\r' | b'\n', ..] => Next::Message(data.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()),
        [b'A'..=b'Z', ..] => message(data).unwrap_or_else(|| Next::Garbage(resync(data, ours))),
        _ => Next::Garbage(resync(data, ours)),
    }
}

/// An answer or a request; `None` if it is neither.
fn message(data: &[u8]) -> Option<Next<'static>> {
    const METHODS: [&[u8]; 7] =
        [b"RTSP/", b"OPTIONS ", b"GET_PARAMETER ", b"SET_PARAMETER ", b"ANNOUNCE ", b"REDIRECT ", b"TEARDOWN "];
    let begins = |word: &&[u8]| {
        let length = word.len().min(data.len());
        data.get(..length) == word.get(..length)
    };
    if !METHODS.iter().any(begins) {
        return None;
    }
    let Some(head) = data.windows(4).take(MAX_MESSAGE).position(|w| w == b"\r\n\r\n") else {
        return (data.len() < MAX_MESSAGE).then_some(Next::More);
    };
    let lines = data.get(..head)?.split(|b| *b == b'\n');
    let length = lines.filter_map(|l| std::str::from_utf8(l).ok()?.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = (head + 4).checked_add(length.unwrap_or(0)).filter(|n| *n <= MAX_MESSAGE)?;
    Some(if data.len() < whole { Next::More } else { Next::Message(whole) })
}

/// Bytes to the next thing that looks like a packet of ours or an answer; all of them if there is none.
fn resync(data: &[u8], ours: [u8; 2]) -> usize {
    let at = |at: &usize| looks_right(data.get(*at..).unwrap_or_default(), ours) != Some(false);
    (1..data.len()).find(at).unwrap_or(data.len())
}

/// Where the framing was lost more is asked of its first sign than elsewhere; `None`: too short to tell.
fn looks_right(data: &[u8], ours: [u8; 2]) -> Option<bool> {
    const ANSWER: &[u8] = b"RTSP/";
    match data {
        [b'$', channel, a, b, version, ..] => {
            let length = usize::from(u16::from_be_bytes([*a, *b]));
            Some(ours.contains(channel) && (12..=PLAUSIBLE).contains(&length) && version >> 6 == 2)
        }
        [b'$', ..] => None,
        _ if data.starts_with(ANSWER) => Some(true),
        _ => (!ANSWER.starts_with(data)).then_some(false),
    }
}

/// An RTP packet.
#[derive(Debug, PartialEq, Eq)]
pub struct Rtp<'a> {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: &'a [u8],
}

/// `None` if it is no RTP.
pub fn rtp(data: &[u8]) -> Option<Rtp<'_>> {
    let &[first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3, ref rest @ ..] = data else { return None };
    if first >> 6 != 2 {
        return None;
    }
    let mut payload = rest.get(usize::from(first & 15) * 4..)?;
    if first & 0x10 != 0 {
        let &[_, _, a, b, ref rest @ ..] = payload else { return None };
        payload = rest.get(usize::from(u16::from_be_bytes([a, b])) * 4..)?;
    }
    if first & 0x20 != 0 {
        let padding = usize::from(*payload.last()?);
        payload = payload.get(..payload.len().checked_sub(padding)?)?;
    }
    Some(Rtp {
        marker: second & 0x80 != 0,
        payload_type: second & 0x7f,
        sequence: u16::from_be_bytes([s0, s1]),
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        payload,
    })
}

/// The NTP and the RTP time of the sender report with which an RTCP packet begins (RFC 3550, 6.4.1).
pub fn sender_report(data: &[u8]) -> Option<(u64, u32)> {
    let (first, kind) = (*data.first()?, *data.get(1)?);
    if first >> 6 != 2 || kind != 200 {
        return None;
    }
    let ntp = u64::from_be_bytes(data.get(8..16)?.try_into().ok()?);
    let rtp = u32::from_be_bytes(data.get(16..20)?.try_into().ok()?);
    Some((ntp, rtp))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_messages_and_garbage_are_told_apart() {
        let of = |data: &'static [u8]| next(data, [0, 1], false);
        assert_eq!(of(b"$\x00\x00\x03abcd"), Next::Packet { channel: 0, data: b"abc", length: 7 });
        assert_eq!(of(b"$\x00\x00\x03ab"), Next::More);
        assert_eq!(of(b"RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n$"), Next::Message(28));
        assert_eq!(of(b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nx"), Next::More);
        assert_eq!(of(b"RTS"), Next::More);
        assert_eq!(of(b"ROTTEN$\x00\x00\x10\x80\x00"), Next::Garbage(6));
        assert_eq!(of(b"\x01\x02$\x07\x00\x10\x80\x00"), Next::Garbage(8), "another channel");
        assert_eq!(of(b"\x01\x02$"), Next::Garbage(2), "perhaps");
        let lost = |data: &'static [u8]| next(data, [0, 1], true);
        assert_eq!(lost(b"$\x00\x00"), Next::More, "still perhaps");
        assert_eq!(lost(b"$\x00\x00\x03ab\x01RTS"), Next::Garbage(7), "too short for a packet; then perhaps an answer");
        assert_eq!(lost(b"RTSP/1.0 200 OK\r\n\r\n"), Next::Message(19));
    }

    #[test]
    fn csrc_extension_and_padding_are_no_payload() {
        let mut packet = vec![0xb1, 0xe0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 5];
        packet.extend([1, 1, 1, 1, 0xbe, 0xde, 0, 1, 2, 2, 2, 2, 0x41, 0x9a, 0, 2]);
        let found = rtp(&packet).unwrap();
        assert_eq!((found.marker, found.payload_type, found.sequence), (true, 96, 7));
        assert_eq!((found.timestamp, found.ssrc, found.payload), (9, 5, &[0x41, 0x9a][..]));
        assert_eq!(rtp(&packet[..14]), None);
        assert_eq!(rtp(&[0x20; 40]), None, "another version");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_and_it_goes_forward(data in prop::collection::vec(prop_oneof![Just(b'$'), Just(0u8), Just(b'R'), any::<u8>()], 0..300), lost: bool) {
            let mut at = 0;
            while at < data.len() {
                match next(&data[at..], [0, 1], lost) {
                    Next::More => break,
                    Next::Packet { data, length, .. } => {
                        let _ = (rtp(data), sender_report(data));
                        prop_assert!(length >= 4);
                        at += length;
                    }
                    Next::Message(n) | Next::Garbage(n) => {
                        prop_assert!(n > 0);
                        at += n;
                    }
                }
            }
        }
    }
}
