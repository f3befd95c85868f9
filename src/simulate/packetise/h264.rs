//! RFC 6184 in packetization-mode 1: single NAL units, STAP-A for small neighbours, FU-A for what is too large.

use super::aggregates;

const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Access unit delimiters carry nothing that the marker bit does not, and cameras do not send them.
pub fn worth_sending(nal: &[u8]) -> bool {
    nal.first().is_some_and(|b| b & 0x1f != 9)
}

/// The payloads of one access unit; `max` counts payload bytes and is at least 3.
pub fn packetise(nals: &[&[u8]], max: usize) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for run in aggregates(nals, 1, max) {
        match run {
            [nal] if nal.len() <= max => payloads.push(nal.to_vec()),
            [nal] => fragment(nal, max, &mut payloads),
            _ => {
                // F is the "or" and NRI the highest of what is inside (5.7).
                let f = run.iter().fold(0, |bits, nal| bits | (nal[0] & 0x80));
                let nri = run.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
                let mut payload = vec![f | nri | STAP_A];
                for nal in run {
                    payload.extend_from_slice(&(nal.len() as u16).to_be_bytes());
                    payload.extend_from_slice(nal);
                }
                payloads.push(payload);
            }
        }
    }
    payloads
}

fn fragment(nal: &[u8], max: usize, payloads: &mut Vec<Vec<u8>>) {
    let (header, body) = (nal[0], &nal[1..]);
    let count = body.len().div_ceil(max - 2);
    for (index, chunk) in body.chunks(max - 2).enumerate() {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if index + 1 == count { 0x40 } else { 0 };
        let mut payload = Vec::with_capacity(chunk.len() + 2);
        payload.extend_from_slice(&[header & 0xe0 | FU_A, start | end | header & 0x1f]);
        payload.extend_from_slice(chunk);
        payloads.push(payload);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The receiver's half of RFC 6184, written for this test alone.
    fn depacketise(payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut nals: Vec<Vec<u8>> = Vec::new();
        let mut open = false;
        for p in payloads {
            match p[0] & 0x1f {
                STAP_A => {
                    let mut rest = &p[1..];
                    while let [a, b, after @ ..] = rest {
                        let (nal, after) = after.split_at(usize::from(u16::from_be_bytes([*a, *b])));
                        nals.push(nal.to_vec());
                        rest = after;
                    }
                    assert!(rest.is_empty());
                }
                FU_A => {
                    assert_eq!(p[1] & 0x20, 0, "the reserved bit");
                    assert_ne!(p[1] & 0xc0, 0xc0, "start and end in one fragment (5.8)");
                    if p[1] & 0x80 != 0 {
                        assert!(!open);
                        open = true;
                        nals.push(vec![p[0] & 0xe0 | p[1] & 0x1f]);
                    }
                    assert!(open);
                    nals.last_mut().unwrap().extend_from_slice(&p[2..]);
                    open = p[1] & 0x40 == 0;
                }
                _ => nals.push(p.clone()),
            }
        }
        assert!(!open);
        nals
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_packet_is_too_large(
            sizes in prop::collection::vec(prop_oneof![1usize..40, 1300usize..1500, 1usize..20_000], 1..12),
            max in 64usize..1500,
            seed in any::<u8>(),
        ) {
            let nals: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, size)| {
                let mut nal: Vec<u8> = (0..*size).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed)).collect();
                nal[0] = [0x67, 0x68, 0x65, 0x41, 0x06][i % 5];
                nal
            }).collect();
            let borrowed: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
            let payloads = packetise(&borrowed, max);
            prop_assert!(payloads.iter().all(|p| p.len() <= max && !p.is_empty()));
            prop_assert_eq!(depacketise(&payloads), nals);
        }
    }
}
