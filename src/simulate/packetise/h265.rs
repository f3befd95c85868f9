//! RFC 7798 without DONL (sprop-max-don-diff=0): single NAL units, AP for small neighbours, FU for what is too large.

use super::aggregates;

const AP: u8 = 48;
const FU: u8 = 49;

/// Access unit delimiters carry nothing that the marker bit does not. A NAL unit has a header of two bytes.
pub fn worth_sending(nal: &[u8]) -> bool {
    nal.len() > 2 && nal_type(nal) != 35
}

pub fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |b| b >> 1 & 0x3f)
}

/// The payloads of one access unit; every NAL unit is longer than its header, `max` at least 4.
pub fn packetise(nals: &[&[u8]], max: usize) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for run in aggregates(nals, 2, max) {
        match run {
            [nal] if nal.len() <= max => payloads.push(nal.to_vec()),
            [nal] => fragment(nal, max, &mut payloads),
            _ => {
                // F is the "or", LayerId and TID the lowest of what is inside (4.4.2).
                let f = run.iter().fold(0, |bits, nal| bits | (nal[0] & 0x80));
                let layer = run.iter().map(|nal| (nal[0] & 1) << 5 | nal[1] >> 3).min().unwrap_or(0);
                let tid = run.iter().map(|nal| nal[1] & 7).min().unwrap_or(1);
                let mut payload = vec![f | AP << 1 | layer >> 5, layer << 3 | tid];
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
    let body = &nal[2..];
    let count = body.len().div_ceil(max - 3);
    for (index, chunk) in body.chunks(max - 3).enumerate() {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if index + 1 == count { 0x40 } else { 0 };
        let mut payload = Vec::with_capacity(chunk.len() + 3);
        payload.extend_from_slice(&[nal[0] & 0x81 | FU << 1, nal[1], start | end | nal_type(nal)]);
        payload.extend_from_slice(chunk);
        payloads.push(payload);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The receiver's half of RFC 7798, written for this test alone.
    fn depacketise(payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut nals: Vec<Vec<u8>> = Vec::new();
        let mut open = false;
        for p in payloads {
            match nal_type(p) {
                AP => {
                    let mut rest = &p[2..];
                    while let [a, b, after @ ..] = rest {
                        let (nal, after) = after.split_at(usize::from(u16::from_be_bytes([*a, *b])));
                        nals.push(nal.to_vec());
                        rest = after;
                    }
                    assert!(rest.is_empty());
                }
                FU => {
                    assert_ne!(p[2] & 0xc0, 0xc0, "start and end in one fragment (4.4.3)");
                    if p[2] & 0x80 != 0 {
                        assert!(!open);
                        open = true;
                        nals.push(vec![p[0] & 0x81 | (p[2] & 0x3f) << 1, p[1]]);
                    }
                    assert!(open);
                    nals.last_mut().unwrap().extend_from_slice(&p[3..]);
                    open = p[2] & 0x40 == 0;
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
            sizes in prop::collection::vec(prop_oneof![3usize..40, 1300usize..1500, 3usize..20_000], 1..12),
            max in 64usize..1500,
            seed in any::<u8>(),
        ) {
            let nals: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, size)| {
                let mut nal: Vec<u8> = (0..*size).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed)).collect();
                nal[0] = [32u8, 33, 34, 19, 1, 39][i % 6] << 1;
                nal[1] = 1;
                nal
            }).collect();
            let borrowed: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
            let payloads = packetise(&borrowed, max);
            prop_assert!(payloads.iter().all(|p| p.len() <= max && p.len() > 2));
            prop_assert_eq!(depacketise(&payloads), nals);
        }
    }
}
